"""What stands in the way of false rows: which constraints and which lookups refuse each, and which one does so alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.air.affine import postorder
from zk.air.check import ChipEvaluation, evaluate
from zk.air.chip import Bus, Chip, Machine
from zk.air.expression import Expr, P

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
Bits = NDArray[np.bool_]
ROWS_KEPT = 32  # from either end, for each obstacle


@dataclass(frozen=True, slots=True)
class Block:
    """False rows (columns, n) of one kind. `changed`: the columns whose values stand although a definition says otherwise;
    None keeps every column as it is."""

    label: str
    rows: U64
    changed: frozenset[int] | None


class LookupTable:
    """The tuples that the providers of one lookup bus hold. `name` is that of the bus."""

    def __init__(self, name: str, provided: Sequence[U64]) -> None:
        self.name = name
        self._tuples = np.unique(np.concatenate(provided), axis=0)
        self._is_interval = self._tuples.shape[1] == 1 and bool((self._tuples[:, 0] == range(len(self._tuples))).all())
        draw = np.random.default_rng(1).integers(0, 1 << 63, self._tuples.shape[1], dtype=np.uint64)
        self._factors = draw | np.uint64(1)
        keys = self._tuples @ self._factors
        order = np.argsort(keys)
        self._keys, self._tuples = keys[order], self._tuples[order]
        assert len(np.unique(keys)) == len(keys), "two tuples have one key: draw other factors"

    def legal(self, message: Sequence[U64]) -> Bits:
        """Whether the table holds each of the n tuples; entries as arrays of n."""
        if self._is_interval:
            return message[0] < len(self._tuples)
        wanted = np.stack(message, axis=1)
        at = np.searchsorted(self._keys, wanted @ self._factors).clip(max=len(self._keys) - 1)
        held: Bits = (self._tuples[at] == wanted).all(axis=1)
        return held


def lookup_tables(
    machine: Machine, preprocessed: Mapping[str, U32], traces: Mapping[str, U32]
) -> dict[int, LookupTable]:
    """The table of each lookup bus by bus number, from the chips without a selector that provide it."""
    provided: dict[Bus, list[U64]] = {}
    for chip in machine.chips:
        lookups = [] if chip.selectors else [i for i in chip.interactions if i.bus.kind == "lookup"]
        if not lookups or chip.name not in traces:
            continue
        evaluation = ChipEvaluation(chip, traces[chip.name], preprocessed.get(chip.name))
        for interaction, lowered in zip(chip.interactions, evaluation.program.interactions, strict=True):
            if interaction.bus.kind == "lookup":
                rows = np.stack([evaluation.values[entry] for entry in lowered.message], axis=1)
                provided.setdefault(interaction.bus, []).append(rows)
    return {bus.number: LookupTable(bus.name, parts) for bus, parts in provided.items()}


def evaluate_expression(expr: Expr, columns: U64) -> U64:
    """Value of an expression on all columns (count, n)."""
    prime, values = np.uint64(P), {}
    for node in postorder(expr):
        if node.left is None or node.right is None:
            values[id(node)] = (
                columns[node.value] if node.op == "column" else np.full(columns.shape[1], node.value, np.uint64)
            )
            continue
        a, b = values[id(node.left)], values[id(node.right)]
        values[id(node)] = (a * b if node.op == "mul" else a + b if node.op == "add" else a + prime - b) % prime
    return values[id(expr)]


def with_definitions(chip: Chip, blocks: Sequence[Block]) -> U64:
    """The rows of all blocks, side by side, with the defined columns that were not changed computed again."""
    rows = np.concatenate([block.rows for block in blocks], axis=1)
    for constraint in chip.constraints:
        if constraint.defines is not None:
            value = evaluate_expression(constraint.expr - Expr("column", constraint.defines, degree=1), rows)
            value = (np.uint64(P) - value) % np.uint64(P)
            kept = [block.changed is None or constraint.defines in block.changed for block in blocks]
            own = np.repeat(kept, [block.rows.shape[1] for block in blocks])
            rows[constraint.defines] = np.where(own, rows[constraint.defines], value)
    return rows


@dataclass(frozen=True, slots=True)
class SoleRows:
    """False rows (columns, n) that one obstacle alone refuses, with the labels of their blocks."""

    labels: tuple[str, ...]
    rows: U64


@dataclass(frozen=True, slots=True)
class Obstacles:
    """By number of the constraint and of the lookup: the rows that it alone refuses. An obstacle without such rows is absent."""

    constraints: Mapping[int, SoleRows]
    lookups: Mapping[int, SoleRows]


def find_obstacles(
    chip: Chip, tables: Mapping[int, LookupTable], blocks: Sequence[Block], without: Sequence[str] = ("PROG",)
) -> Obstacles:
    """Judges false rows of a chip by its constraints and lookups, those on the buses `without` left out.

    PROG is left out unless asked for: a forger may wait for a program with the fitting instruction.
    """
    rows, program = with_definitions(chip, blocks), chip.lower()
    values = evaluate(program, list(rows))
    broken = {k: values[node] != 0 for k, node in enumerate(program.constraints)}
    illegal: dict[int, Bits] = {}
    for number in lookups_of(chip, without):
        lowered = program.interactions[number]
        legal = tables[chip.interactions[number].bus.number].legal([values[node] for node in lowered.message])
        illegal[number] = ~legal & (values[lowered.multiplicity] != 0)
    count = np.zeros(rows.shape[1], np.int64)
    for refused in (*broken.values(), *illegal.values()):
        count += refused
    # A row with a selector set. Flags (1, -1) count, though no multiplicity here is a single flag: rule 5.3 forbids them.
    active = rows[[chip.main.index(name) for name in chip.selectors if name in chip.main]].any(axis=0)
    alone = (count == 1) & active
    owners = np.repeat(range(len(blocks)), [block.rows.shape[1] for block in blocks])

    def sole(refusals: Mapping[int, Bits]) -> dict[int, SoleRows]:
        result = {}
        for number, refused in refusals.items():
            found = np.flatnonzero(refused & alone)
            found = np.concatenate([found[:ROWS_KEPT], found[ROWS_KEPT:][-ROWS_KEPT:]])  # written forgeries come last
            if len(found):
                labels = tuple(blocks[owner].label for owner in owners[found].tolist())
                result[number] = SoleRows(labels, rows[:, found])
        return result

    return Obstacles(sole(broken), sole(illegal))


def lookups_of(chip: Chip, without: Sequence[str] = ("PROG",)) -> list[int]:
    """Numbers of the interactions that look something up (those of tables provide), some buses left out."""
    chosen = [i.bus.kind == "lookup" and i.bus.name not in without and bool(chip.selectors) for i in chip.interactions]
    return [number for number, wanted in enumerate(chosen) if wanted]
