"""The trace checker: every constraint on every row, every bus balanced exactly. The oracle before and beside the prover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.program import ChipProgram, Op
from zk.air.chip import Bus, Chip, Interaction, Machine
from zk.air.expression import P
from zk.errors import TraceError

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
_PRIME = np.uint64(P)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: a constraint on a row, or a bus tuple whose multiplicities do not sum to 0."""

    chip: str
    rule: str
    row: int | None = None
    message: tuple[int, ...] | None = None
    excess: int | None = None

    def __str__(self) -> str:
        if self.row is not None:
            return f"{self.chip}: constraint {self.rule!r} fails on row {self.row}"
        return f"bus {self.rule}: tuple {self.message} has excess {self.excess} (chips {self.chip})"


def check_trace(
    machine: Machine,
    preprocessed: Mapping[str, U32],
    traces: Mapping[str, U32],
    public_values: Sequence[int],
) -> None:
    """Raises TraceError naming every broken constraint and bus (at most twenty); returns if the trace is a witness."""
    violations = find_violations(machine, preprocessed, traces, public_values)
    if violations:
        shown = "; ".join(str(v) for v in violations[:20])
        raise TraceError(f"{len(violations)} violations: {shown}")


def find_violations(
    machine: Machine,
    preprocessed: Mapping[str, U32],
    traces: Mapping[str, U32],
    public_values: Sequence[int],
    *,
    free_lookups: bool = False,
    shard: int = 0,
) -> list[Violation]:
    """All broken rules. With `free_lookups` the multiplicities of providers of lookup buses are not counted but assumed
    to be whatever balances the legal tuples, as a cheating prover would choose them. Of shard `shard` of a run, the rules within it:
    `find_global_violations` has those across shards."""
    try:
        machine.check_public_values(public_values)
    except ValueError as error:
        return [Violation("verifier", f"public values: {error}", row=-1)]
    ledger = BusLedger(machine.buses, free_lookups)
    violations: list[Violation] = []
    for chip in machine.chips:
        if chip.name not in traces:
            if not chip.optional:
                violations.append(Violation(chip.name, "the chip is mandatory", row=-1))
            continue
        evaluation = ChipEvaluation(chip, traces[chip.name], preprocessed.get(chip.name), shard)
        violations += evaluation.broken_constraints()
        ledger.add(evaluation)
    ledger.add_public(machine, public_values)
    return violations + ledger.imbalances()


def find_global_violations(
    shards: Sequence[tuple[Machine, Mapping[str, U32], Mapping[str, U32]]],
) -> list[Violation]:
    """Tuples of the global buses that do not balance over all shards, given as (machine, preprocessed, traces) in order from 0."""
    buses = {bus.number: bus for machine, _, _ in shards for bus in machine.buses}
    ledger = BusLedger(tuple(buses.values()))
    for shard, (machine, preprocessed, traces) in enumerate(shards):
        for chip in machine.chips:
            if chip.global_interactions and chip.name in traces:
                ledger.add_global(ChipEvaluation(chip, traces[chip.name], preprocessed.get(chip.name), shard))
    return ledger.imbalances()


def virtual_column(kind: str, log_height: int, shard: int = 0) -> U64:
    """All values of a virtual column (sections 5.7 and 15)."""
    index = np.arange(1 << log_height, dtype=np.uint64)
    low, x, y = index & np.uint64(15), index & np.uint64(255), index >> np.uint64(8)
    one = np.uint64(1)
    values: dict[str, U64] = {
        "IDX": index,
        "BYTE_X": x,
        "BYTE_Y": y,
        "BYTE_AND": x & y,
        "POW2_16": one << low,
        "POW2_16_COMPLEMENT": one << (np.uint64(16) - low),
        "BIT4": index >> np.uint64(4) & one,
        "ONE": np.ones_like(index),
        "SHARD": np.full_like(index, shard),
    }
    return values[kind]


class ChipEvaluation:
    """A chip's constraints and interactions on all rows of a trace (main_count, 2^h) of canonical values."""

    def __init__(self, chip: Chip, main: U32, preprocessed: U32 | None, shard: int = 0) -> None:
        self.chip = chip
        self.program = chip.lower()
        height = main.shape[1]
        log_height = height.bit_length() - 1
        fits = chip.height_log_min <= log_height <= chip.height_log_max and height == 1 << log_height
        if main.shape[0] != len(chip.main) or not fits:
            raise TraceError(f"chip {chip.name}: a trace of shape {main.shape} does not fit")
        if (main >= P).any():
            raise TraceError(f"chip {chip.name}: a trace value is not below p")
        expected = (len(chip.preprocessed), height)
        found = preprocessed.shape if preprocessed is not None else (0, height)
        if found != expected:
            raise TraceError(f"chip {chip.name}: preprocessed columns: expected {expected}, found {found}")
        columns = [*main, *([] if preprocessed is None else preprocessed)]
        self._columns = [column.astype(np.uint64) for column in columns]
        self._columns += [virtual_column(kind, log_height, shard) for kind in chip.virtual]
        self.values = evaluate(self.program, self._columns)

    def global_interactions(self) -> list[tuple[Interaction, U64, U64]]:
        """(interaction, multiplicities, messages (rows, length)) of the global interactions."""
        program = self.chip.lower_global()
        if program is None:
            return []
        values = evaluate(program, self._columns)
        return [
            (interaction, values[p.multiplicity], np.stack([values[entry] for entry in p.message], axis=1))
            for interaction, p in zip(self.chip.global_interactions, program.interactions, strict=True)
        ]

    def broken_constraints(self) -> list[Violation]:
        """One violation per broken constraint, with its first row."""
        broken = []
        for constraint, node in zip(self.chip.constraints, self.program.constraints, strict=True):
            rows = np.flatnonzero(self.values[node])
            if len(rows):
                broken.append(Violation(self.chip.name, constraint.name, row=int(rows[0])))
        return broken


def evaluate(program: ChipProgram, columns: Sequence[U64]) -> dict[int, U64]:
    """Values of all output nodes of a chip program on all rows, canonical."""
    height = len(columns[0])
    outputs = {*program.constraints, *(node for i in program.interactions for node in (i.multiplicity, *i.message))}
    last_use = _last_uses(program, outputs)
    values: dict[int, U64] = {}
    for number, node in enumerate(program.nodes):
        match node.op:
            case Op.CONST:
                values[number] = np.full(height, node.a, np.uint64)
            case Op.COLUMN:
                values[number] = columns[node.a]
            case Op.ADD:
                values[number] = (values[node.a] + values[node.b]) % _PRIME
            case Op.SUB:
                values[number] = (values[node.a] + (_PRIME - values[node.b])) % _PRIME
            case Op.MUL:
                values[number] = values[node.a] * values[node.b] % _PRIME
        for operand in last_use.get(number, ()):
            del values[operand]
    return values


def _last_uses(program: ChipProgram, outputs: set[int]) -> dict[int, list[int]]:
    """For each node, the operands that nothing later needs."""
    seen = set(outputs)
    result: dict[int, list[int]] = {}
    for number in reversed(range(len(program.nodes))):
        node = program.nodes[number]
        if node.op in (Op.CONST, Op.COLUMN):
            continue
        for operand in {node.a, node.b} - seen:
            seen.add(operand)
            result.setdefault(number, []).append(operand)
    return result


class BusLedger:
    """Sums of multiplicities per bus tuple, exact."""

    def __init__(self, buses: Sequence[Bus], free_lookups: bool = False) -> None:
        self._buses = {bus.number: bus for bus in buses}
        self._free_lookups = free_lookups
        self._rows: dict[int, list[tuple[U64, U64, str]]] = {number: [] for number in self._buses}
        self._provided: dict[int, list[U64]] = {number: [] for number in self._buses}

    def add(self, evaluation: ChipEvaluation) -> None:
        """Adds all interactions of a chip."""
        chip, values = evaluation.chip, evaluation.values
        selectors = {chip.column_names.index(name) for name in chip.selectors}
        for interaction, program in zip(chip.interactions, evaluation.program.interactions, strict=True):
            multiplicity = values[program.multiplicity]
            message = np.stack([values[entry] for entry in program.message], axis=1)
            number = interaction.bus.number
            provides = interaction.bus.kind == "lookup" and not selectors
            if provides and self._free_lookups:
                self._provided[number].append(message)
                continue
            used = multiplicity != 0
            self._rows[number].append((message[used], multiplicity[used], chip.name))

    def add_global(self, evaluation: ChipEvaluation) -> None:
        """Adds the global interactions of a chip."""
        for interaction, multiplicity, message in evaluation.global_interactions():
            used = multiplicity != 0
            self._rows[interaction.bus.number].append((message[used], multiplicity[used], evaluation.chip.name))

    def add_public(self, machine: Machine, public_values: Sequence[int]) -> None:
        """Adds the verifier's terms."""
        for term in machine.public_terms(public_values):
            message = np.array([term.message], dtype=np.uint64)
            multiplicity = np.array([term.multiplicity % P], dtype=np.uint64)
            self._rows[term.bus.number].append((message, multiplicity, "verifier"))

    def imbalances(self) -> list[Violation]:
        """Tuples whose multiplicities do not sum to 0 mod p; at most ten per bus."""
        violations = []
        for number, parts in self._rows.items():
            if parts:
                violations += self._imbalances_of(number, parts)
        return violations

    def _imbalances_of(self, number: int, parts: list[tuple[U64, U64, str]]) -> list[Violation]:
        bus = self._buses[number]
        tuples, sums, owners = _sum_by_tuple(parts)
        illegal = sums != 0
        if self._free_lookups and bus.kind == "lookup":
            provided = [(m, np.ones(len(m), np.uint64), "") for m in self._provided[number]]
            keys = _keys(_sum_by_tuple(provided)[0]) if provided else np.zeros(0, "V8")
            illegal = ~np.isin(_keys(tuples), keys)
        found = np.flatnonzero(illegal)
        return [
            Violation(
                ", ".join(owners(int(i))),
                bus.name,
                message=tuple(int(v) for v in tuples[i]),
                excess=_centred(int(sums[i])),
            )
            for i in found[:10]
        ]


def _keys(tuples: U64) -> NDArray[np.void]:
    packed = np.ascontiguousarray(tuples)
    return packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel()


def _sum_by_tuple(parts: list[tuple[U64, U64, str]]) -> tuple[U64, U64, _Owners]:
    messages = np.concatenate([message for message, _, _ in parts])
    multiplicities = np.concatenate([m for _, m, _ in parts])
    order = np.lexsort(messages.T[::-1])
    messages, multiplicities = messages[order], multiplicities[order]
    first = np.ones(len(messages), bool)
    first[1:] = (messages[1:] != messages[:-1]).any(axis=1)
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(multiplicities, starts) % _PRIME if len(starts) else multiplicities
    return messages[starts], sums, _Owners(parts, order, starts)


class _Owners:
    """Which chips contributed to a tuple."""

    def __init__(self, parts: list[tuple[U64, U64, str]], order: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
        self._names = [name for _, _, name in parts]
        self._part = np.repeat(np.arange(len(parts)), [len(m) for _, m, _ in parts])[order]
        self._starts = [*starts.tolist(), len(order)]

    def __call__(self, group: int) -> list[str]:
        parts = self._part[self._starts[group] : self._starts[group + 1]]
        return sorted({self._names[i] for i in parts.tolist()})


def _centred(value: int) -> int:
    return value - P if value > P // 2 else value
