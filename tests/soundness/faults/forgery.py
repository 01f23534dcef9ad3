"""A cheater who does the best that can be done: a lie in the executor's log, then everything else made to fit.

The executor that lies is an honest one that runs another program: whatever follows the lie is consistent with it, memory, clocks,
outputs and public values included. Its log is then claimed to be a run of the program whose verifying key is on the table. Further
edits of the log are up to the caller. Multiplicities of tables are chosen last, as they balance whatever is legal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from tests.soundness.columns.tables import fixed_columns, is_provider
from tests.soundness.vm.witness import Witness
from zk.air.check import evaluate, find_violations
from zk.air.expression import P
from zk.vm import trace
from zk.vm.elf import GuestProgram
from zk.vm.executor import Execution, execute
from zk.vm.lookups import LookupCounts
from zk.vm.machine import COPROCESSORS, rv32im_machine

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

# Words of a logged row of an instruction chip: ROM row, clk, then value and time of three accesses: rs1; rs2 or the loaded word;
# the word that a write replaced.
ROM_ROW, CLK, B, B_TIME, C, C_TIME, OLD, OLD_TIME = range(8)
SINK = 32


def run_instead(claimed: GuestProgram, executed: GuestProgram, hints: Sequence[int] = ()) -> Execution:
    """Runs `executed` and claims it to be a run of `claimed`, whose instructions stand at the same addresses.

    Rows of instructions that differ are handed to the chips that the claimed instructions belong to.
    """
    if not np.array_equal(claimed.rom.pc, executed.rom.pc):
        raise ValueError("the programs must have their instructions at the same addresses")
    inputs = np.array(hints, np.uint32)
    lied = replace(execute(executed, inputs), program=claimed)
    differs = (claimed.rom.columns() != executed.rom.columns()).any(axis=0)
    honest = execute(claimed, inputs)
    for pc in claimed.rom.pc[differs & (lied.executions > 0) & (honest.executions > 0)].tolist():
        (source, row), (target, _) = row_of(lied, pc), row_of(honest, pc)
        if source != target:
            moved = lied.rows[source][:, row : row + 1]
            lied.rows[source] = np.delete(lied.rows[source], row, axis=1)
            lied.rows[target] = np.concatenate([lied.rows[target], moved], axis=1)
    return lied


def forge(execution: Execution, coprocessors: Sequence[str] = tuple(COPROCESSORS)) -> Witness:
    """Traces of an execution whose log may hold lies. The execution can be used again."""
    machine, preprocessed = rv32im_machine(execution.program, coprocessors)
    copy = replace(execution, rows=dict(execution.rows))
    with mock.patch.object(trace, "count_lookups", lambda *_: LookupCounts()):
        traces, public_values = trace.generate_traces(machine, copy)
    return Witness(execution.program, machine, preprocessed, traces, public_values)


def refusals(witness: Witness) -> set[str]:
    """The rules that refuse, whatever multiplicities the tables have: `bus NAME`, `chip CHIP: CONSTRAINT`, or `verifier: ...`."""
    found = find_violations(
        witness.machine, witness.preprocessed, witness.traces, witness.public_values, free_lookups=True
    )
    return {f"chip {v.chip}: {v.rule}" if v.row is not None else f"bus {v.rule}" for v in found}


def balance_tables(witness: Witness) -> None:
    """Chooses the multiplicities of every providing chip: each legal tuple as often as it is looked up."""
    asked = _lookups(witness)
    for chip in witness.machine.chips:
        if not is_provider(chip):
            continue
        main, program = witness.traces[chip.name], chip.lower()
        values = evaluate(program, [*main.astype(np.uint64), *fixed_columns(witness, chip)])
        for interaction, lowered in zip(chip.interactions, program.interactions, strict=True):
            minus = program.nodes[lowered.multiplicity]  # 0 - m
            message = np.stack([values[node] for node in lowered.message], axis=1)
            main[program.nodes[minus.b].a] = _counts(message, asked.get(interaction.bus.name, []))


def _lookups(witness: Witness) -> dict[str, list[tuple[U64, U64]]]:
    """Of every lookup bus: tuples (n, length) and multiplicities of the consumers."""
    asked: dict[str, list[tuple[U64, U64]]] = {}
    for chip in witness.machine.chips:
        if chip.name not in witness.traces or is_provider(chip):
            continue
        program = chip.lower()
        columns = [*witness.traces[chip.name].astype(np.uint64), *fixed_columns(witness, chip)]
        values = evaluate(program, columns)
        for interaction, lowered in zip(chip.interactions, program.interactions, strict=True):
            if interaction.bus.kind == "lookup":
                used = values[lowered.multiplicity] != 0
                message = np.stack([values[node] for node in lowered.message], axis=1)[used]
                asked.setdefault(interaction.bus.name, []).append((message, values[lowered.multiplicity][used]))
    return asked


def _counts(provided: U64, asked: Sequence[tuple[U64, U64]]) -> U32:
    """How often each provided tuple is asked for; the first of equal ones takes all."""
    if not asked:
        return np.zeros(len(provided), np.uint32)
    tuples, weights = np.concatenate([t for t, _ in asked]), np.concatenate([w for _, w in asked])
    _, number = np.unique(np.concatenate([provided, tuples]), axis=0, return_inverse=True)
    number = number.ravel()
    totals = np.zeros(int(number.max()) + 1, np.uint64)
    np.add.at(totals, number[len(provided) :], weights)
    own = number[: len(provided)]
    first = np.zeros(len(provided), bool)
    first[np.unique(own, return_index=True)[1]] = True
    return np.where(first, totals[own] % np.uint64(P), 0).astype(np.uint32)


def row_of(execution: Execution, pc: int) -> tuple[str, int]:
    """Chip and number of the first logged row of the instruction at pc. Raises LookupError."""
    number = int(np.flatnonzero(execution.program.rom.pc == pc)[0])
    coprocessors = {chip.name for name in COPROCESSORS for chip in (build() for build in COPROCESSORS[name])}
    for chip, rows in execution.rows.items():
        found = np.flatnonzero(rows[ROM_ROW] == number) if chip not in coprocessors and rows.size else []
        if len(found):
            return chip, int(found[0])
    raise LookupError(f"no row of the instruction at {pc:#x}")


def edit(execution: Execution, pc: int, changes: Mapping[int, int]) -> None:
    """Changes words of the first logged row of the instruction at pc."""
    chip, row = row_of(execution, pc)
    rows = execution.rows[chip].copy()
    for word, value in changes.items():
        rows[word, row] = value
    execution.rows[chip] = rows


def word_of(execution: Execution, pc: int, word: int) -> int:
    """A word of the first logged row of the instruction at pc."""
    chip, row = row_of(execution, pc)
    return int(execution.rows[chip][word, row])


def end_of_register(execution: Execution, number: int, value: int, time: int) -> None:
    """What the cheater says a register holds at the end, and when it was last accessed."""
    execution.registers = execution.registers.copy()
    execution.registers[number] = value, time


def end_of_word(execution: Execution, address: int, value: int, time: int) -> None:
    """The same for a touched word of memory."""
    addresses, values, times = (column.copy() for column in execution.touched)
    at = int(np.flatnonzero(addresses == address)[0])
    values[at], times[at] = value, time
    execution.touched = (addresses, values, times)


def forget_word(execution: Execution, address: int) -> None:
    """The word was never touched."""
    kept = execution.touched[0] != address
    addresses, values, times = execution.touched
    execution.touched = (addresses[kept], values[kept], times[kept])
