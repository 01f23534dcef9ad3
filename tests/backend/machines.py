"""Random chip programs and traces for the tests of back ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

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


@dataclass(frozen=True)
class Kind:
    """Sizes of a random program."""

    main: int
    preprocessed: int
    virtual: int
    constraints: int
    interactions: int


# Few programs, because each is compiled for each instruction set.
KINDS = {
    "full": Kind(5, 1, 1, 4, 3),
    "main columns only": Kind(3, 0, 0, 2, 1),
    "no constraints": Kind(2, 1, 0, 0, 2),
    "no interactions": Kind(3, 0, 1, 7, 0),
}


@cache
def random_program(name: str) -> ChipProgram:
    """A program with random constraints (degree <= 3) and interactions."""
    kind = KINDS[name]
    rng = np.random.default_rng(len(name))
    builder = _Program(rng, kind.main + kind.preprocessed + kind.virtual)
    numbers = [builder.cubic() for _ in range(kind.constraints)]
    if kind.constraints > 3:
        numbers[1] = numbers[0]  # one node may be two constraints
        numbers[2] = builder.constants[2]  # and a constant may be one
    lengths = [1, 15, 4]
    uses = tuple(
        InteractionProgram(int(rng.integers(1, 64)), builder.entry(), tuple(builder.entry() for _ in range(lengths[i])))
        for i in range(kind.interactions)
    )
    virtual = ("IDX",) * kind.virtual
    return ChipProgram(name, kind.main, kind.preprocessed, virtual, tuple(builder.nodes), tuple(numbers), uses)


def random_chip(name: str, log_height: int) -> TestChip:
    """A program of KINDS on random columns; nothing is satisfied."""
    program = random_program(name)
    rng = np.random.default_rng([len(name), log_height])
    columns = rng.integers(0, P, (program.column_count, 1 << log_height), dtype=np.uint32)
    columns[0, :3] = [0, 1, P - 1]
    return TestChip(program, columns, log_height)


def random_values(seed: int, count: int) -> list[ExtValue]:
    """Random extension values."""
    rows = np.random.default_rng(seed).integers(0, P, (count, 5)).tolist()
    return [(a, b, c, d, e) for a, b, c, d, e in rows]
