"""Random chip programs and traces for the tests of back ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu.device import ChipColumns, Device, ExtValue
from gpu.program import ChipProgram, InteractionProgram, Node, Op

from .conftest import P


@dataclass(frozen=True)
class TestChip:
    """A program with canonical columns (columns, 2^log_height)."""

    __test__ = False

    program: ChipProgram
    columns: np.ndarray
    log_height: int

    def on(self, device: Device) -> ChipColumns:
        main, pre = self.program.main_count, self.program.preprocessed_count
        parts = [self.columns[:main], self.columns[main : main + pre], self.columns[main + pre :]]
        tensors = [device.upload(np.ascontiguousarray(part)) if len(part) else None for part in parts]
        return ChipColumns(device.load(self.program), self.log_height, *tensors)


class _Program:
    """Builds nodes with random operands."""

    def __init__(self, rng: np.random.Generator, columns: int) -> None:
        self.rng = rng
        self.nodes = [Node(Op.COLUMN, c) for c in range(columns)]
        self.columns = list(range(columns))
        self.constants = [self._add(Node(Op.CONST, int(v))) for v in (0, 1, 2, P - 1, *rng.integers(0, P, 3))]

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _pick(self, numbers: Sequence[int]) -> int:
        return numbers[int(self.rng.integers(len(numbers)))]

    def affine(self) -> int:
        term = self._pick(self.columns)
        for _ in range(int(self.rng.integers(0, 4))):
            column, constant = self._pick(self.columns), self._pick(self.constants)
            kind = int(self.rng.integers(5))
            if kind == 0:
                term = self._add(
                    Node(Op.ADD, *self._shuffled(term, self._add(Node(Op.MUL, *self._shuffled(column, constant)))))
                )
            elif kind == 1:
                term = self._add(Node(Op.SUB, *self._shuffled(term, column)))
            elif kind == 2:
                term = self._add(Node(Op.ADD, *self._shuffled(term, constant)))
            elif kind == 3:
                term = self._add(Node(Op.SUB, *self._shuffled(term, constant)))
            else:
                term = self._add(Node(Op.MUL, *self._shuffled(term, constant)))
        return term

    def _shuffled(self, a: int, b: int) -> tuple[int, int]:
        return (a, b) if self.rng.integers(2) else (b, a)

    def cubic(self) -> int:
        product = self._add(Node(Op.MUL, self.affine(), self.affine()))
        product = self._add(Node(Op.ADD, product, self.affine()))
        product = self._add(Node(Op.MUL, *self._shuffled(product, self.affine())))
        return self._add(Node(Op.SUB, *self._shuffled(product, self.affine())))

    def entry(self) -> int:
        """A message entry: affine, a bare column, or a constant."""
        return self._pick([self.affine(), self._pick(self.columns), self._pick(self.constants)])


def random_chip(
    seed: int,
    log_height: int,
    main: int = 5,
    preprocessed: int = 1,
    virtual: int = 1,
    constraints: int = 4,
    interactions: int = 3,
) -> TestChip:
    """A chip with random constraints (degree <= 3) and interactions on random columns; nothing is satisfied."""
    rng = np.random.default_rng(seed)
    total = main + preprocessed + virtual
    builder = _Program(rng, total)
    numbers = [builder.cubic() for _ in range(constraints)]
    if constraints > 2:
        numbers[1] = numbers[0]  # one node may be two constraints
    uses = tuple(
        InteractionProgram(
            int(rng.integers(1, 64)), builder.entry(), tuple(builder.entry() for _ in range(int(rng.integers(1, 16))))
        )
        for _ in range(interactions)
    )
    program = ChipProgram(
        f"random{seed}", main, preprocessed, ("IDX",) * virtual, tuple(builder.nodes), tuple(numbers), uses
    )
    columns = rng.integers(0, P, (total, 1 << log_height), dtype=np.uint32)
    columns[0, :3] = [0, 1, P - 1]
    return TestChip(program, columns, log_height)


def random_values(seed: int, count: int) -> list[ExtValue]:
    """Random extension values."""
    rows = np.random.default_rng(seed).integers(0, P, (count, 5)).tolist()
    return [(a, b, c, d, e) for a, b, c, d, e in rows]
