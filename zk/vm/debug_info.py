"""Source lines and inlined functions of a guest, from the DWARF sections of its ELF file.

They serve error reports and profiles only: nothing that is proven depends on them.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.vm._executor import demangle

U32 = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a source file, with the file's name as the compiler noted it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class InlinedCall:
    """A function that was inlined, and the line that called it."""

    name: str
    site: SourceLine | None


@dataclass(frozen=True, slots=True)
class DebugInfo:
    """What is known of the instructions at `addresses` (ascending).

    `line_starts` (ascending): from this pc on `lines` holds, None for code without lines. `inlined` has one entry for each
    address, a number in `chains`: the inlined calls that contain it, outermost first, without the function itself.
    """

    addresses: U32
    line_starts: tuple[int, ...]
    lines: tuple[SourceLine | None, ...]
    inlined: NDArray[np.int64]
    chains: tuple[tuple[InlinedCall, ...], ...]

    def line_at(self, pc: int) -> SourceLine | None:
        """The source line of an instruction, innermost where functions are inlined."""
        position = bisect_right(self.line_starts, pc)
        return self.lines[position - 1] if position else None

    def inlined_at(self, pc: int) -> tuple[InlinedCall, ...]:
        """Calls that were inlined at this instruction, outermost first."""
        position = int(np.searchsorted(self.addresses, pc))
        if position == len(self.addresses) or int(self.addresses[position]) != pc:
            return ()
        return self.chains[int(self.inlined[position])]


def read_debug_info(content: bytes, addresses: U32) -> DebugInfo:
    """Debug information of an ELF file for its instruction addresses; empty where there is none that can be read."""
    nothing = DebugInfo(addresses, (), (), np.zeros(len(addresses), np.int64), ((),))
    if not len(addresses):
        return nothing
    # The parser of a third party meets a file from anywhere: whatever it raises, the file just has no debug information.
    try:
        from elftools.elf.elffile import ELFFile

        file = ELFFile(io.BytesIO(content))
        if not file.has_dwarf_info():
            return nothing
        dwarf = file.get_dwarf_info(relocate_dwarf_sections=False)
        units = [_Unit(dwarf, unit, int(addresses[0])) for unit in dwarf.iter_CUs()]
        starts, lines = _lines([entry for unit in units for entry in unit.line_entries()])
        chains = _Chains(addresses)
        for unit in units:
            for low, high, call in unit.inlined_calls():
                chains.enter(low, high, call)
        return DebugInfo(addresses, starts, lines, chains.numbers, tuple(chains.calls))
    except Exception:
        return nothing


class _Unit:
    """One compilation unit. Code that the linker dropped lies below `lowest`."""

    def __init__(self, dwarf: Any, unit: Any, lowest: int) -> None:
        self._dwarf = dwarf
        self._unit = unit
        self._lowest = lowest
        self._program = dwarf.line_program_for_CU(unit)

    def line_entries(self) -> Iterator[tuple[int, bool, SourceLine | None]]:
        """(pc, is a start and no end, line) of every row of the line table."""
        if self._program is None:
            return
        states = [entry.state for entry in self._program.get_entries() if entry.state is not None]
        alive, line = False, None
        for before, state in zip([None, *states], states, strict=False):
            if before is None or before.end_sequence:
                alive, line = state.address >= self._lowest, None
            # line 0 is code that the compiler made up: it counts to the line before
            line = self._line(state.file, state.line) if state.line else line
            if alive:
                yield state.address, not state.end_sequence, None if state.end_sequence else line

    def inlined_calls(self) -> Iterator[tuple[int, int, InlinedCall]]:
        """(first pc, end, call) of every inlined call, an outer one before those inside of it."""
        pending = list(self._unit.get_top_DIE().iter_children())
        while pending:
            die = pending.pop()
            ranges = list(self._ranges(die))
            if die.tag == "DW_TAG_subprogram" and (not ranges or min(ranges)[0] < self._lowest):
                continue
            if die.tag == "DW_TAG_inlined_subroutine":
                call = InlinedCall(_name(die), self._call_site(die.attributes))
                yield from ((low, high, call) for low, high in ranges if low >= self._lowest)
            pending.extend(die.iter_children())

    def _line(self, file: int, line: int) -> SourceLine | None:
        files = self._program["file_entry"]
        position = file if self._program["version"] >= 5 else file - 1
        if not 0 <= position < len(files):
            return None
        return SourceLine(files[position].name.decode("utf-8", "replace"), line)

    def _call_site(self, attributes: Any) -> SourceLine | None:
        file, line = attributes.get("DW_AT_call_file"), attributes.get("DW_AT_call_line")
        if self._program is None or file is None or line is None:
            return None
        return self._line(file.value, line.value)

    def _ranges(self, die: Any) -> Iterator[tuple[int, int]]:
        attributes = die.attributes
        if "DW_AT_ranges" in attributes:
            top = self._unit.get_top_DIE().attributes
            base = top["DW_AT_low_pc"].value if "DW_AT_low_pc" in top else 0
            offset = attributes["DW_AT_ranges"].value
            for entry in self._dwarf.range_lists().get_range_list_at_offset(offset, self._unit):
                if hasattr(entry, "base_address"):
                    base = entry.base_address
                else:
                    shift = 0 if entry.is_absolute else base
                    yield shift + entry.begin_offset, shift + entry.end_offset
        elif "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
            low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
            yield low, high.value if high.form == "DW_FORM_addr" else low + high.value


def _lines(entries: list[tuple[int, bool, SourceLine | None]]) -> tuple[tuple[int, ...], tuple[SourceLine | None, ...]]:
    """Ascending starts with their lines. Of several rows for one pc the last counts, and a start before an end."""
    latest: dict[int, SourceLine | None] = {}
    for pc, is_start, line in entries:
        if is_start or pc not in latest:
            latest[pc] = line
    starts = sorted(latest)
    return tuple(starts), tuple(latest[pc] for pc in starts)


class _Chains:
    """Inlined calls of every instruction address, gathered from outside to inside."""

    def __init__(self, addresses: U32) -> None:
        self.calls: list[tuple[InlinedCall, ...]] = [()]
        self.numbers = np.zeros(len(addresses), np.int64)
        self._addresses = addresses
        self._known: dict[tuple[InlinedCall, ...], int] = {(): 0}

    def enter(self, low: int, high: int, call: InlinedCall) -> None:
        """The call contains the instructions from `low` to before `high`, and no later one contains it."""
        start, end = np.searchsorted(self._addresses, (low, high))
        before = self.numbers[start:end].copy()
        for outer in np.unique(before).tolist():
            chain = (*self.calls[outer], call)
            number = self._known.setdefault(chain, len(self.calls))
            if number == len(self.calls):
                self.calls.append(chain)
            self.numbers[start:end][before == outer] = number


def _name(die: Any) -> str:
    """The name of the function that an entry is an instance of."""
    for _ in range(4):  # inlined instance, definition, declaration
        attributes = die.attributes
        for key in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name", "DW_AT_name"):
            if key in attributes:
                return function_name(attributes[key].value.decode("utf-8", "replace"))
        link = next((key for key in ("DW_AT_abstract_origin", "DW_AT_specification") if key in attributes), None)
        if link is None:
            break
        die = die.get_DIE_from_attribute(link)
    return "(inlined)"


_NOISE = re.compile(r"\[abi:[^\]]*\]|(?<=std::)__1::")


def function_name(symbol: str) -> str:
    """A symbol as it stands in C++ sources, without the parameters: `guest::commit`."""
    if not symbol.startswith("_Z"):  # `f` would be the type float to the demangler
        return symbol
    name = _NOISE.sub("", demangle(symbol))
    end = len(name.removesuffix(" const"))
    if name[:end].endswith(")"):
        depth = 0
        for position in range(end - 1, 0, -1):
            depth += {")": 1, "(": -1}.get(name[position], 0)
            if depth == 0:
                return name[:position]
    return name
