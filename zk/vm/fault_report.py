"""Where and why a guest stopped, in terms of its sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.errors import CycleLimitError, ExecutionError, JumpError
from zk.vm import _executor
from zk.vm.debug_info import DebugInfo, SourceLine, function_name, read_debug_info
from zk.vm.disassembly import REGISTER_NAMES, disassemble, source_registers
from zk.vm.elf import GuestProgram
from zk.vm.executor import CYCLES_MAX, call_mask, new_executor

U32 = NDArray[np.uint32]

_CALL_STACK = ("ra", "sp")  # shown beside the operands of the instruction


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that is running. `offset` is that of `pc` in the function that contains it; `line` is where it is."""

    function: str
    pc: int
    offset: int
    line: SourceLine | None
    inlined: bool

    def __str__(self) -> str:
        where = " (inlined)" if self.inlined else f"+{self.offset:#x}"
        return f"{self.function}{where}" + (f" at {self.line}" if self.line else "")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "function": self.function,
            "pc": self.pc,
            "offset": self.offset,
            "file": self.line.file if self.line else None,
            "line": self.line.line if self.line else None,
            "inlined": self.inlined,
        }


@dataclass(frozen=True, slots=True)
class FaultReport:
    """A fault: the instruction that did it, the registers that it read, and the calls that led there, innermost first.

    A jump to nowhere is reported where the jump is, not where it led.
    """

    pc: int
    cycle: int
    word: int | None
    instruction: str | None
    registers: dict[str, int]
    frames: tuple[Frame, ...]

    def lines(self) -> list[str]:
        """Readable lines, without the reason."""
        result = []
        if self.frames:
            result.append(f"at {self.frames[0]}")
        if self.instruction is not None and self.word is not None:
            result.append(f"instruction {self.instruction}  [{self.word:08x} at {self.pc:#010x}]")
        if self.registers:
            result.append("registers " + ", ".join(f"{name} = {value:#010x}" for name, value in self.registers.items()))
        return result + [f"called from {frame}" for frame in self.frames[1:]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "pc": self.pc,
            "cycle": self.cycle,
            "word": self.word,
            "instruction": self.instruction,
            "registers": self.registers,
            "frames": [frame.as_dict() for frame in self.frames],
        }


def report_fault(
    error: ExecutionError, program: GuestProgram, content: bytes, hints: U32, coprocessors: Iterable[str]
) -> FaultReport:
    """Runs the guest again up to the fault, this time with a record of its calls, and describes the place.

    `content` is the ELF file, for its debug information; the other arguments are those of the run that failed. Costs the time
    of a slower run (some 20 M cycles/s).
    """
    machine = new_executor(program)
    tree = _executor.CallTree(np.zeros(len(program.rom), np.uint32))
    cycles = min(error.cycle - 1 if isinstance(error, CycleLimitError) else error.cycle, CYCLES_MAX)
    machine.run_observed(np.ascontiguousarray(hints, np.uint32), cycles, call_mask(coprocessors), tree)
    sites = tree.call_sites()[0].tolist()
    pc = tree.last_pc if isinstance(error, JumpError) and tree.last_pc else error.pc
    if sites and sites[-1] == pc:  # the jump to nowhere was a call
        sites.pop()
    word = program.instruction_at(pc)
    values = dict(zip(REGISTER_NAMES, machine.registers()[:32, 0].tolist(), strict=True))
    names = [REGISTER_NAMES[number] for number in (source_registers(word) if word is not None else ())]
    debug = read_debug_info(content, program.instruction_addresses)
    return FaultReport(
        pc=pc,
        cycle=error.cycle,
        word=word,
        instruction=None if word is None else disassemble(pc, word),
        registers={name: values[name] for name in dict.fromkeys([*names, *_CALL_STACK])},
        frames=tuple(frame for place in [pc, *reversed(sites)] for frame in _frames(place, program, debug)),
    )


def _frames(pc: int, program: GuestProgram, debug: DebugInfo) -> list[Frame]:
    """The function that contains the pc and the calls that were inlined there, innermost first."""
    symbol, offset = program.locate(pc) or ("(no symbol)", 0)
    line = debug.line_at(pc)
    frames = []
    for call in reversed(debug.inlined_at(pc)):
        frames.append(Frame(call.name, pc, offset, line, inlined=True))
        line = call.site
    return [*frames, Frame(function_name(symbol), pc, offset, line, inlined=False)]
