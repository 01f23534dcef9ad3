"""Runs guests and keeps what trace generation needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zk.coprocessors.poseidon2 import CONSTANTS
from zk.errors import (
    CallError,
    CycleLimitError,
    ExecutionError,
    IllegalInstructionError,
    JumpError,
    MisalignedAccessError,
    OutOfHintsError,
    UnmappedAccessError,
)
from zk.vm import _executor
from zk.vm.debug_info import function_name
from zk.vm.disassembly import explain_illegal
from zk.vm.elf import GuestProgram
from zk.vm.isa import OpCode

U32 = NDArray[np.uint32]

OUTPUT_WORDS = 16
RECORDED_CYCLES_MAX = (1 << 22) - 1  # clk_end <= 2^22
CYCLES_MAX = (1 << 29) - 1
CALL_NUMBERS = {"P2": 3, "P2_PATH": 4, "EXT_DOT": 5}
FAMILIES: tuple[str, ...] = tuple(_executor.families())

_ERRORS: dict[str, type[ExecutionError]] = {
    "misaligned": MisalignedAccessError,
    "unmapped": UnmappedAccessError,
    "hints": OutOfHintsError,
    "cycles": CycleLimitError,
    "call": CallError,
}

if _executor.op_codes() != {code.name: int(code) for code in OpCode}:
    raise ImportError("zk.vm._executor was built for another table of op codes: build it again")


@dataclass(slots=True)
class Execution:
    """A finished run.

    `outputs`: the 16 committed words. `rows` maps a chip to its logged rows, shape (width, rows), in order of execution;
    empty where nothing was recorded. `executions` counts the runs of every ROM row. `registers`: (33, 2) and
    `touched`: three arrays (addresses ascending, values, times), with final values and times of the last access.
    """

    program: GuestProgram
    cycles: int
    exit_code: int
    outputs: U32
    hints_read: int
    executions: U32
    registers: U32
    touched: tuple[U32, U32, U32]
    rows: dict[str, U32] = field(default_factory=dict)

    @property
    def output_bytes(self) -> bytes:
        """The output words as 64 bytes, each word little-endian."""
        return self.outputs.astype("<u4").tobytes()

    def cycles_by_symbol(self) -> list[tuple[str, int]]:
        """Executed instructions per function, most first; one line for a program without symbols."""
        totals: dict[str, int] = {}
        for pc, count in zip(self.program.rom.pc.tolist(), self.executions.tolist(), strict=True):
            if count:
                name = function_name(self.program.symbol_at(pc) or "(no symbol)")
                totals[name] = totals.get(name, 0) + count
        return sorted(totals.items(), key=lambda item: -item[1])


def execute(
    program: GuestProgram,
    hints: U32 | None = None,
    max_cycles: int = RECORDED_CYCLES_MAX,
    *,
    coprocessors: Iterable[str] = tuple(CALL_NUMBERS),
    record: bool = True,
) -> Execution:
    """Runs the guest to HALT.

    `hints`: private words for HINT_WORD and the siblings of P2_PATH. `coprocessors`: names of the calls the machine has. With
    `record` the rows for trace generation are kept and at most 2^22 - 1 cycles are possible, else 2^29 - 1.
    Raises ExecutionError with pc and symbol for everything that has no proof: see the list in section 20.
    """
    words = np.ascontiguousarray(np.zeros(0, np.uint32) if hints is None else hints, dtype=np.uint32)
    limit = RECORDED_CYCLES_MAX if record else CYCLES_MAX
    if not 0 < max_cycles <= limit:
        raise ValueError(f"max_cycles: expected 1..{limit}, found {max_cycles}")
    machine = new_executor(program)
    machine.run(words, max_cycles, record, call_mask(coprocessors))
    return finished(program, machine, record=record)


def new_executor(
    program: GuestProgram, memory: tuple[U32, U32] | None = None, entry: int | None = None
) -> _executor.Executor:
    """An executor at the start of the program, or at `entry` with these words (addresses, values) in the place of the image."""
    addresses, values = (program.image_addresses, program.image_values) if memory is None else memory
    return _executor.make_executor(
        np.ascontiguousarray(program.rom.columns()),
        np.ascontiguousarray(addresses),
        np.ascontiguousarray(values),
        program.zero_base,
        program.entry if entry is None else entry,
        CONSTANTS.flat(),
    )


def call_mask(coprocessors: Iterable[str]) -> int:
    """Bit n for call number n."""
    return sum(1 << CALL_NUMBERS[name] for name in set(coprocessors))


def finished(program: GuestProgram, machine: _executor.Executor, *, record: bool) -> Execution:
    """What an executor did that stopped at HALT or at the end of its shard. Raises ExecutionError after a fault."""
    if machine.fault:
        raise fault_error(program, machine)
    rows = {name: machine.take_rows(number) for number, name in enumerate(FAMILIES)} if record else {}
    addresses, values, times = (column[0] for column in machine.touched())
    return Execution(
        program=program,
        cycles=machine.cycles,
        exit_code=machine.exit_code,
        outputs=machine.outputs()[0],
        hints_read=machine.hints_read,
        executions=machine.executions()[0],
        registers=machine.registers(),
        touched=(addresses, values, times),
        rows=rows,
    )


def fault_error(program: GuestProgram, machine: _executor.Executor, cycles_before: int = 0) -> ExecutionError:
    """The error that says why the machine stopped; `cycles_before` were executed in earlier shards."""
    kind, reason, word = _ERRORS.get(machine.fault_kind), machine.fault, program.instruction_at(machine.pc)
    if kind is None:
        kind = JumpError if word is None else IllegalInstructionError
        reason += "" if word is None else f": {word:#010x}, {explain_illegal(word)}"
    place = None if word is None else program.locate(machine.pc)
    symbol, offset = (function_name(place[0]), place[1]) if place else (None, 0)
    return kind(reason, pc=machine.pc, symbol=symbol, offset=offset, cycle=cycles_before + machine.cycles + 1)
