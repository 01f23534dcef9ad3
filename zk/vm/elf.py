"""ELF32 RISC-V executables as guest programs."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zk.errors import ElfError, InputFileError
from zk.files import read_bytes
from zk.vm.isa import ADDRESS_LIMIT
from zk.vm.rom import Rom

U32 = NDArray[np.uint32]

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIIIIIII")
_SECTION_HEADER = struct.Struct("<IIIIIIIIII")
_SYMBOL = struct.Struct("<IIIBBH")
_PT_LOAD, _EXECUTE, _READ = 1, 1, 4
_SHT_SYMTAB, _STT_NOTYPE, _STT_FUNC = 2, 0, 2
_EM_RISCV, _ET_EXEC, _EF_RVC, _EF_FLOAT = 243, 2, 1, 6
INSTRUCTION_LIMIT = 1 << 22
IMAGE_WORD_LIMIT = (1 << 22) - 33
FILE_BYTES_LIMIT = 1 << 27  # 32 MiB of content that counts, the rest for symbols and debug information
SYMBOL_LIMIT = 1 << 16
SYMBOL_NAME_BYTES_LIMIT = 1 << 10


@dataclass(frozen=True)
class GuestProgram:
    """A loaded guest.

    `instruction_addresses` (ascending) and `instruction_words` hold every word of the executable segments; `image_addresses`
    (ascending) and `image_values` the memory words of the readable segments below `zero_base`; memory from there on starts
    as zero. A segment that is only executable is no data: reading it has no proof. `symbols` are the functions by address,
    `labels` the addresses of all symbols by name.
    """

    entry: int
    instruction_addresses: U32
    instruction_words: U32
    image_addresses: U32
    image_values: U32
    zero_base: int
    symbols: tuple[tuple[int, str], ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def rom(self) -> Rom:
        """The decoded instructions."""
        return Rom.decode(self.instruction_addresses, self.instruction_words)

    @cached_property
    def image_id(self) -> bytes:
        """SHA-256 over entry, zero_base, instructions and image: equal for equal programs, whatever their symbols."""
        digest = hashlib.sha256(b"blindbook guest 1")
        sizes = (self.entry, self.zero_base, len(self.instruction_words), len(self.image_values))
        digest.update(struct.pack("<4I", *sizes))
        for words in (self.instruction_addresses, self.instruction_words, self.image_addresses, self.image_values):
            digest.update(words.astype("<u4").tobytes())
        return digest.digest()

    def symbol_at(self, address: int) -> str | None:
        """Name of the function that contains the address, where the file has symbols."""
        found = self.locate(address)
        return found[0] if found else None

    def locate(self, address: int) -> tuple[str, int] | None:
        """Name of the function that contains the address and the offset in it, where the file has symbols."""
        position = bisect_right(self.symbols, (address, "\U0010ffff"))
        if not position:
            return None
        start, name = self.symbols[position - 1]
        return name, address - start

    def instruction_at(self, address: int) -> int | None:
        """The word at an address of the executable segments, legal or not."""
        position = int(np.searchsorted(self.instruction_addresses, address))
        if position == len(self.instruction_addresses) or int(self.instruction_addresses[position]) != address:
            return None
        return int(self.instruction_words[position])


@dataclass(frozen=True, slots=True)
class _Segment:
    """A loaded segment. `data` is a view into the file: a thousand segments over the same bytes cost nothing."""

    address: int
    data: memoryview
    memory_bytes: int
    flags: int

    @property
    def end(self) -> int:
        return self.address + self.memory_bytes

    def below(self, limit: int) -> int:
        """Bytes of memory below an address."""
        return min(self.memory_bytes, max(0, limit - self.address))


def read_elf(path: Path) -> GuestProgram:
    """Loads the file. Raises ElfError, also where the file cannot be read."""
    try:
        content = read_bytes(path, FILE_BYTES_LIMIT)
    except InputFileError as error:
        raise ElfError(str(error)) from error
    return load_elf(content)


def load_elf(content: bytes) -> GuestProgram:
    """Parses a statically linked ELF32 little-endian RISC-V executable. Raises ElfError with the rule that is broken."""
    if len(content) < _HEADER.size:
        raise ElfError(f"ELF header: expected {_HEADER.size} bytes, found {len(content)}")
    header = _HEADER.unpack_from(content)
    _check_header(header[0], header[1], header[2], header[4], header[7])
    entry, header_offset, section_offset = header[4], header[5], header[6]
    segments = _read_segments(content, header_offset, header[9], header[10])
    executable = [s for s in segments if s.flags & _EXECUTE]
    _check_words("instructions", INSTRUCTION_LIMIT, ((s.address, len(s.data)) for s in executable))
    instruction_addresses, instruction_words = _words([(s.address, bytes(s.data)) for s in executable])
    if not len(instruction_words):
        raise ElfError("no executable segment with content")
    if not np.isin(entry, instruction_addresses):
        raise ElfError(f"entry {entry:#x} is not in an executable segment")
    readable = [s for s in segments if s.flags & _READ]
    zero_base = max((-(-(s.address + len(s.data)) // 4) * 4 for s in readable if s.data), default=4)
    _check_words("image words", IMAGE_WORD_LIMIT, ((s.address, s.below(zero_base)) for s in readable))
    image_addresses, image_values = _words([_part_below(s, zero_base) for s in readable])
    symbols = _read_symbols(content, section_offset, header[11], header[12])
    return GuestProgram(
        entry,
        instruction_addresses,
        instruction_words,
        image_addresses,
        image_values,
        zero_base,
        _function_symbols(symbols),
        _labels(symbols),
    )


def _check_header(identity: bytes, kind: int, machine: int, entry: int, flags: int) -> None:
    if identity[:4] != b"\x7fELF":
        raise ElfError(f"magic: expected 7f454c46, found {identity[:4].hex()}")
    if identity[4:6] != b"\x01\x01":
        raise ElfError(f"class and byte order: expected 32-bit little-endian (0101), found {identity[4:6].hex()}")
    if kind != _ET_EXEC:
        raise ElfError(f"file type: expected {_ET_EXEC} (executable), found {kind}")
    if machine != _EM_RISCV:
        raise ElfError(f"machine: expected {_EM_RISCV} (RISC-V), found {machine}")
    if flags & (_EF_RVC | _EF_FLOAT):
        raise ElfError(f"flags {flags:#x}: compressed instructions and floating-point ABIs are not supported")
    if entry % 4:
        raise ElfError(f"entry {entry:#x} is not 4-aligned")


def _read_segments(content: bytes, offset: int, size: int, count: int) -> list[_Segment]:
    if size != _PROGRAM_HEADER.size:
        raise ElfError(f"program header size: expected {_PROGRAM_HEADER.size}, found {size}")
    if offset + size * count > len(content):
        raise ElfError("program headers lie outside of the file")
    segments, file = [], memoryview(content)
    for number in range(count):
        kind, start, address, _, file_bytes, memory_bytes, flags, _ = _PROGRAM_HEADER.unpack_from(
            content, offset + number * size
        )
        if kind != _PT_LOAD or memory_bytes == 0:
            continue
        if file_bytes > memory_bytes or start + file_bytes > len(content):
            raise ElfError(f"segment {number}: {file_bytes} bytes at {start} do not fit the file or the segment")
        if address + memory_bytes > ADDRESS_LIMIT:
            raise ElfError(f"segment {number}: ends at {address + memory_bytes:#x}, above 2^30")
        if flags & _EXECUTE and (address % 4 or file_bytes % 4 or address < 4):
            raise ElfError(f"segment {number}: executable, so it must be 4-aligned and not contain address 0")
        segments.append(_Segment(address, file[start : start + file_bytes], memory_bytes, flags))
    segments.sort(key=lambda s: s.address)
    for left, right in pairwise(segments):
        if left.end > right.address:
            raise ElfError(f"segments overlap at {right.address:#x}")
    return segments


def _check_words(name: str, limit: int, ranges: Iterable[tuple[int, int]]) -> None:
    """Demands at most `limit` words in the byte ranges (address, size), which ascend; before any of them is allocated."""
    count = reached = 0
    for address, size in ranges:
        first, end = max(address >> 2, reached), -(-(address + size) >> 2)
        if size and end > first:
            count, reached = count + end - first, end
    if count > limit:
        raise ElfError(f"{name}: at most {limit}, found {count}")


def _part_below(segment: _Segment, limit: int) -> tuple[int, bytes]:
    """Content of the segment below the limit, its zero-initialised part included."""
    size = segment.below(limit)
    return segment.address, bytes(segment.data[:size]).ljust(size, b"\0")


def _words(parts: list[tuple[int, bytes]]) -> tuple[U32, U32]:
    """4-aligned words that contain the given byte ranges, ascending; bytes outside of the ranges are 0."""
    addresses: list[U32] = []
    words: list[U32] = []
    last = -1
    for address, data in parts:
        if not data:
            continue
        start = address & ~3
        padded = bytes(address - start) + data
        block = np.frombuffer(padded + bytes(-len(padded) % 4), dtype="<u4").astype(np.uint32)
        if start == last:  # two ranges share a word: their bytes are disjoint
            words[-1][-1] |= block[0]
            block, start = block[1:], start + 4
        if not len(block):
            continue
        addresses.append(np.arange(start, start + 4 * len(block), 4, dtype=np.uint32))
        words.append(block)
        last = start + 4 * len(block) - 4
    if not words:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    return np.concatenate(addresses), np.concatenate(words)


@dataclass(frozen=True, slots=True)
class _Symbol:
    name: str
    value: int
    kind: int
    is_local: bool
    is_code: bool


def _read_symbols(content: bytes, offset: int, size: int, count: int) -> list[_Symbol]:
    """Named symbols that lie in a section; a file without, with broken or with oversized symbol sections has none.

    A file has at most one symbol table (System V ABI): the first one counts.
    """
    if not offset or size != _SECTION_HEADER.size or offset + size * count > len(content):
        return []
    sections = [_SECTION_HEADER.unpack_from(content, offset + number * size) for number in range(count)]
    section = next((s for s in sections if s[1] == _SHT_SYMTAB and s[6] < count), None)
    if section is None or section[5] > SYMBOL_LIMIT * _SYMBOL.size:
        return []
    table = content[section[4] : section[4] + section[5]]
    names_offset, names_size = sections[section[6]][4:6]
    names_end = min(names_offset + names_size, len(content))
    symbols: list[_Symbol] = []
    for position in range(0, len(table) - _SYMBOL.size + 1, _SYMBOL.size):
        name, value, _, info, _, index = _SYMBOL.unpack_from(table, position)
        if 0 < index < count:
            text = _read_name(content, names_offset + name, names_end)
            symbols.append(_Symbol(text, value, info & 15, not info >> 4, bool(sections[index][2] & 4)))
    return [symbol for symbol in symbols if symbol.name]


def _read_name(content: bytes, start: int, end: int) -> str:
    """The zero-terminated name at `start`; empty where it does not end in time."""
    stop = content.find(b"\0", start, min(end, start + SYMBOL_NAME_BYTES_LIMIT + 1))
    return content[start:stop].decode("utf-8", "replace") if stop >= 0 else ""


def _function_symbols(symbols: list[_Symbol]) -> tuple[tuple[int, str], ...]:
    """Symbols of code in ascending order, without the labels that assemblers make."""
    found = {
        (symbol.value, symbol.name)
        for symbol in symbols
        if symbol.kind in (_STT_NOTYPE, _STT_FUNC) and symbol.is_code and not symbol.name.startswith(("$", ".L"))
    }
    return tuple(sorted(found))


def _labels(symbols: list[_Symbol]) -> dict[str, int]:
    """Address by name, of code and data; a global symbol wins over a local one."""
    return {symbol.name: symbol.value for symbol in sorted(symbols, key=lambda symbol: not symbol.is_local)}
