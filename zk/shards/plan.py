"""Splits a run: one native execution, cut into shards, with everything that the proof of each shard needs (section 15, pass 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.rows import Array
from zk.errors import CycleLimitError, TraceError
from zk.machine.boundary import SHARD_NUMBER_MAX
from zk.shards.machine import ShardEnds
from zk.vm._executor import Executor
from zk.vm.elf import GuestProgram
from zk.vm.executor import CYCLES_MAX, FAMILIES, RECORDED_CYCLES_MAX, call_mask, fault_error, new_executor
from zk.vm.isa import REGISTER_COUNT

U32 = NDArray[np.uint32]

SHARD_CYCLES = 1 << 20
COPROCESSOR_CELLS_MAX = 1 << 25  # a shard ends after the call that reaches it


@dataclass(frozen=True, slots=True)
class Touched:
    """The words and registers that a shard accesses: address as field element, value before, shard that left it, value after, time of the
    last access. Arrays of equal length, words ascending, then registers."""

    addresses: Array
    first: Array
    previous: Array
    last: Array
    times: Array


@dataclass(frozen=True, slots=True)
class ShardInput:
    """One shard, able to be executed by itself.

    `registers`: the 33 values at its start; `committed`: mask of the output words committed before; `hints`: the words that it reads.
    `rows`: real rows of every instruction and coprocessor chip, before the split on instances.
    """

    number: int
    ends: ShardEnds
    registers: U32
    committed: int
    hints: U32
    touched: Touched
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class FinalMemory:
    """Last value and shard of every touched word and register of a run; `addresses` ascending field elements."""

    addresses: Array
    values: Array
    shards: Array


@dataclass(frozen=True, slots=True)
class Plan:
    """A finished run in shards 1, 2, ..."""

    shards: list[ShardInput]
    memory: FinalMemory
    seconds: float = 0.0  # of the execution, wall time

    @property
    def cycles(self) -> int:
        """Instructions of the whole run."""
        return sum(shard.ends.cycles for shard in self.shards)


class MemoryLedger:
    """Value and last shard of every word that was touched so far."""

    def __init__(self, program: GuestProgram) -> None:
        self._image_addresses = program.image_addresses.astype(np.int64)
        self._image_values = program.image_values.astype(np.int64)
        self.addresses, self.values, self.shards = (np.zeros(0, np.int64) for _ in range(3))

    def touch(self, shard: int, addresses: Array, last: Array) -> tuple[Array, Array]:
        """Value before and last shard of the addresses (distinct); then they hold `last`, left by `shard`."""
        first, previous = self._initial(addresses), np.zeros_like(addresses)
        at = np.searchsorted(self.addresses, addresses)
        known = at < len(self.addresses)
        known[known] = self.addresses[at[known]] == addresses[known]
        first[known], previous[known] = self.values[at[known]], self.shards[at[known]]
        self.values[at[known]], self.shards[at[known]] = last[known], shard
        self._insert(addresses[~known], last[~known], shard)
        return first, previous

    def _initial(self, addresses: Array) -> Array:
        """Image words have their value, registers and other words 0."""
        result = np.zeros_like(addresses)
        at = np.searchsorted(self._image_addresses, addresses)
        known = at < len(self._image_addresses)
        known[known] = self._image_addresses[at[known]] == addresses[known]
        result[known] = self._image_values[at[known]]
        return result

    def _insert(self, addresses: Array, values: Array, shard: int) -> None:
        merged = np.concatenate([self.addresses, addresses])
        order = np.argsort(merged, kind="stable")
        self.addresses = merged[order]
        self.values = np.concatenate([self.values, values])[order]
        self.shards = np.concatenate([self.shards, np.full_like(addresses, shard)])[order]


def make_plan(
    program: GuestProgram,
    chips: Iterable[Chip],
    hints: U32,
    *,
    coprocessors: Iterable[str],
    shard_cycles: int = SHARD_CYCLES,
    coprocessor_cells: int | None = None,
    max_cycles: int = CYCLES_MAX,
    progress: Callable[[int], None] | None = None,
) -> Plan:
    """Executes the guest to HALT and cuts the run after every `shard_cycles` instructions, or earlier after the call whose rows
    reach `coprocessor_cells` (COPROCESSOR_CELLS_MAX where not given).

    `chips`: those of the shard machine, which say how many rows an instruction makes. `progress` receives the cycles so far. Raises
    ExecutionError as `execute`, and TraceError for more than 2^16 - 1 shards.
    """
    if not 0 < shard_cycles <= RECORDED_CYCLES_MAX:
        raise ValueError(f"shard_cycles: expected 1..{RECORDED_CYCLES_MAX}, found {shard_cycles}")
    start_seconds = time.perf_counter()
    executor = new_executor(program)
    chip_of_op = chips_by_op(chips)
    ledger = MemoryLedger(program)
    shards: list[ShardInput] = []
    total = 0
    while not executor.halted:
        if total == max_cycles:
            reason = f"no HALT within the limit of {max_cycles} cycles"
            raise CycleLimitError(reason, pc=executor.pc, cycle=total + 1)
        if len(shards) == SHARD_NUMBER_MAX:
            raise TraceError(f"a run of more than {SHARD_NUMBER_MAX} shards has no proof: choose longer shards")
        start = (executor.pc, executor.registers()[:, 0].copy(), executor.committed, executor.hints_read)
        limit = min(shard_cycles, max_cycles - total)
        executor.run_shard(hints, limit, coprocessor_cells or COPROCESSOR_CELLS_MAX, False, call_mask(coprocessors))
        if executor.fault:
            raise fault_error(program, executor, total)
        total += executor.cycles
        number = len(shards) + 1
        pc, registers, committed, hints_read = start
        ends = _ends(executor, pc, committed)
        touched = _touched(executor, ledger, number)
        words = hints[hints_read : executor.hints_read]
        shards.append(
            ShardInput(number, ends, registers, committed, words, touched, _rows(executor, program, chip_of_op))
        )
        executor.begin_shard()
        if progress is not None:
            progress(total)
    memory = FinalMemory(ledger.addresses, ledger.values, ledger.shards)
    return Plan(shards, memory, time.perf_counter() - start_seconds)


def chips_by_op(chips: Iterable[Chip]) -> dict[int, str]:
    """The chip that runs each op code. Second instances are left out."""
    result: dict[int, str] = {}
    for chip in chips:
        for code in chip.op_codes:
            result.setdefault(code, chip.name)
    return result


def _ends(executor: Executor, pc_start: int, committed_before: int) -> ShardEnds:
    committed = executor.committed & ~committed_before
    words = executor.outputs()[0].tolist()
    outputs = {index: words[index] for index in range(len(words)) if committed >> index & 1}
    pc_end = 0 if executor.halted else executor.pc
    return ShardEnds(pc_start, pc_end, executor.cycles, executor.halted, executor.exit_code, outputs)


def _touched(executor: Executor, ledger: MemoryLedger, number: int) -> Touched:
    addresses, values, times = (column[0].astype(np.int64) for column in executor.touched())
    registers = executor.registers().astype(np.int64)
    used = np.flatnonzero(registers[:, 1])
    addresses = np.concatenate([addresses, P - 1 - used])
    last = np.concatenate([values, registers[used, 0]])
    first, previous = ledger.touch(number, addresses, last)
    return Touched(addresses, first, previous, last, np.concatenate([times, registers[used, 1]]))


def _rows(executor: Executor, program: GuestProgram, chip_of_op: dict[int, str]) -> dict[str, int]:
    rows = {name: int(count) for name, count in zip(FAMILIES, executor.coprocessor_rows(), strict=True) if count}
    by_op = np.bincount(program.rom.op, weights=executor.executions()[0])
    for code in np.flatnonzero(by_op).tolist():
        name = chip_of_op[code]
        rows[name] = rows.get(name, 0) + int(by_op[code])
    return rows


def registers_first(touched: Touched) -> int:
    """Position of the first register among the touched addresses."""
    return int(np.searchsorted(touched.addresses, P - REGISTER_COUNT))
