"""Judges changed rows while the rest of the trace stays.

Exact, because constraints are local to a row, and buses that balanced before balance afterwards iff the row's own
contributions are the same (permutation buses), or are legal tuples of the table (consumers of a lookup bus, whose provider
chooses the multiplicities). Only nodes that depend on a changed column are computed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gpu.program import ChipProgram, Op
from tests.soundness.columns.field import PRIME, U64, Mask
from tests.soundness.columns.tables import fixed_columns, is_provider, legal_tuples, tuple_hash, whole
from tests.soundness.vm.witness import Witness
from zk.air.chip import Bus

Rows = NDArray[np.int64]
Changes = Mapping[int, U64]  # main column -> new values, shape (changes, rows)


@dataclass(slots=True)
class Verdict:
    """Which rules refuse, as masks of shape (changes, rows); `sums`: what the rows add to each permutation bus."""

    shape: tuple[int, ...]
    rules: dict[str, Mask] = field(default_factory=dict)
    sums: dict[str, U64] = field(default_factory=dict)

    @property
    def refused(self) -> Mask:
        """Whether any rule refuses, the buses balanced row by row."""
        found = np.zeros(self.shape, bool)
        for mask in (*self.rules.values(), *(self.unbalanced(name) for name in self.sums)):
            found |= mask
        return found

    def unbalanced(self, bus: str) -> Mask:
        """Where a row alone leaves the bus unbalanced."""
        result: Mask = (self.sums[bus] != 0).any(axis=0)
        return result

    def note(self, rule: str, broken: Mask) -> None:
        """Adds what a rule refuses."""
        mask = np.broadcast_to(broken, self.shape)
        if mask.any():
            self.rules[rule] = self.rules[rule] | mask if rule in self.rules else mask


@dataclass(frozen=True, slots=True)
class _Use:
    """One interaction: its bus, whether it consumes from a table, its nodes."""

    bus: Bus
    consumes: bool
    multiplicity: int
    message: tuple[int, ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        return (self.multiplicity, *self.message)


class ColumnJudge:
    """Judges changes of some rows of one chip of a satisfied witness."""

    def __init__(self, witness: Witness, chip: str, rows: Rows) -> None:
        self.chip = whole(witness.chip(chip))
        self.rows = rows
        self.program: ChipProgram = self.chip.lower()
        self.main: U64 = witness.traces[chip][:, rows].astype(np.uint64)
        self._tables = legal_tuples(witness)
        provides = is_provider(self.chip)
        self._uses = [
            _Use(i.bus, i.bus.kind == "lookup" and not provides, p.multiplicity, p.message)
            for i, p in zip(self.chip.interactions, self.program.interactions, strict=True)
        ]
        fixed = [column[rows] for column in fixed_columns(witness, self.chip)]
        self.depends = _dependencies(self.program, len(self.main) + len(fixed))
        self.base = self._values(dict(enumerate([*self.main, *fixed])), np.arange(len(self.program.nodes)), {})

    def _values(self, columns: Mapping[int, U64], nodes: NDArray[np.int64], known: Mapping[int, U64]) -> dict[int, U64]:
        """Values of the given nodes, ascending; operands are among them or known."""
        values: dict[int, U64] = {}
        for number in nodes.tolist():
            node = self.program.nodes[number]
            if node.op is Op.COLUMN:
                values[number] = columns[node.a]
                continue
            if node.op is Op.CONST:
                values[number] = np.full(len(self.rows), node.a, np.uint64)
                continue
            a = values[node.a] if node.a in values else known[node.a]
            b = values[node.b] if node.b in values else known[node.b]
            match node.op:
                case Op.ADD:
                    values[number] = (a + b) % PRIME
                case Op.SUB:
                    values[number] = (a + (PRIME - b)) % PRIME
                case Op.MUL:
                    values[number] = a * b % PRIME
        return values

    def affected(self, columns: Sequence[int]) -> Mask:
        """Which nodes depend on one of the columns."""
        result: Mask = self.depends[:, list(columns)].any(axis=1)
        return result

    def affected_values(self, changes: Changes) -> dict[int, U64]:
        """The values of all nodes that depend on a changed column."""
        return self._values(changes, np.flatnonzero(self.affected(list(changes))), self.base)

    def node_values(self, node: int, changes: Changes) -> U64:
        """The value of one node on changed rows."""
        affected = self.affected(list(changes))
        if not affected[node]:
            return self.base[node]
        return self._values(changes, np.flatnonzero(affected & self._cone(node)), self.base)[node]

    def _cone(self, node: int) -> Mask:
        """The nodes that a node is computed from, itself included."""
        needed = np.zeros(len(self.program.nodes), bool)
        stack = [node]
        while stack:
            number = stack.pop()
            if not needed[number]:
                needed[number] = True
                found = self.program.nodes[number]
                if found.op not in (Op.CONST, Op.COLUMN):
                    stack += [found.a, found.b]
        return needed

    def judge(self, changes: Changes) -> Verdict:
        """What refuses the rows with these columns changed."""
        shape = np.broadcast_shapes(*(values.shape for values in changes.values()))
        verdict = Verdict(shape)
        values = self.affected_values(changes)
        for constraint, node in zip(self.chip.constraints, self.program.constraints, strict=True):
            if node in values:
                verdict.note(constraint.name, values[node] != 0)
        for use in self._uses:
            if any(node in values for node in use.nodes):
                entries = [values.get(node, self.base[node]) for node in use.message]
                self._judge_use(verdict, use, values.get(use.multiplicity, self.base[use.multiplicity]), entries)
        return verdict

    def _judge_use(self, verdict: Verdict, use: _Use, multiplicity: U64, entries: list[U64]) -> None:
        if use.consumes:
            illegal = (multiplicity != 0) & ~self._tables[use.bus.name].contains(entries)
            verdict.note(f"lookup {use.bus.name}", illegal)
            return
        before = [self.base[node] for node in use.message]
        change = _share(multiplicity, entries) + PRIME - _share(self.base[use.multiplicity], before)
        sums = verdict.sums.setdefault(use.bus.name, np.zeros((2, *verdict.shape), np.uint64))
        sums += change
        sums %= PRIME


def _share(multiplicity: U64, entries: Sequence[U64]) -> U64:
    """multiplicity * phi(tuple) for two random functions phi into the field: equal contributions cancel exactly, and others
    look cancelled with probability p^-2, which would be reported as a free column and never hide one."""
    hashes = tuple_hash([np.atleast_2d(entry) for entry in entries])
    phi = np.stack(np.broadcast_arrays(hashes % PRIME, hashes // PRIME % PRIME))
    share: U64 = multiplicity * phi % PRIME
    return share


def _dependencies(program: ChipProgram, columns: int) -> Mask:
    """(nodes, columns): which columns each node depends on."""
    result = np.zeros((len(program.nodes), columns), bool)
    for number, node in enumerate(program.nodes):
        if node.op is Op.COLUMN:
            result[number, node.a] = True
        elif node.op is not Op.CONST:
            result[number] = result[node.a] | result[node.b]
    return result
