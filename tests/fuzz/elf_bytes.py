"""ELF files as fuzzing input: one with symbols, and changes that know headers, sections and symbols."""

from __future__ import annotations

import struct
from itertools import accumulate
from random import Random

from tests.fuzz.targets import INTERESTING, mutate_bytes
from tests.unit.vm import assembler
from tests.unit.vm.elf_files import EXECUTE, READ, WRITE, code, elf

HEADER_BYTES, PROGRAM_HEADER_BYTES, SECTION_HEADER_BYTES, SYMBOL_BYTES = 52, 32, 40, 16
FUNCTION, SYMBOL_TABLE, STRING_TABLE, ALLOCATED_CODE = 2, 2, 3, 6


def with_symbols(content: bytes, symbols: list[tuple[str, int]], *, extra_sections: int = 0) -> bytes:
    """The file with section headers and a symbol table at its end; sections: null, code, symbols, names."""
    starts = accumulate((len(name) + 1 for name, _ in symbols), initial=1)
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in symbols)
    entries = bytes(SYMBOL_BYTES) + b"".join(
        struct.pack("<IIIBBH", start, address, 4, FUNCTION, 0, 1)
        for start, (_, address) in zip(starts, symbols, strict=False)
    )
    at = len(content)
    sections = [
        (0,) * 10,
        (0, 1, ALLOCATED_CODE, 0x1000, HEADER_BYTES, 4, 0, 0, 4, 0),
        (0, SYMBOL_TABLE, 0, 0, at, len(entries), 3, 1, 4, SYMBOL_BYTES),
        (0, STRING_TABLE, 0, 0, at + len(entries), len(names), 0, 0, 1, 0),
    ]
    sections += [sections[2]] * extra_sections
    table = b"".join(struct.pack("<10I", *section) for section in sections)
    changed = bytearray(content + entries + names + table)
    struct.pack_into("<I", changed, 32, at + len(entries) + len(names))
    struct.pack_into("<HH", changed, 46, SECTION_HEADER_BYTES, len(sections))
    return bytes(changed)


def seed_files() -> list[bytes]:
    """A program with data and symbols, one that reads hints, random ones with every instruction."""
    exit_only = code(*assembler.finish())
    plain = elf([(0x1000, exit_only, len(exit_only), EXECUTE), (0x2002, b"data!", 64, READ | WRITE)])
    reads = code(*assembler.call(1), *assembler.call(1), *assembler.finish())
    randomness = Random(21)
    files = [with_symbols(plain, [("main", 0x1000), ("end", 0x1004)]), elf([(0x1000, reads, len(reads), EXECUTE)])]
    for _ in range(4):
        text = code(*assembler.random_words(randomness, 20), *assembler.finish())
        data = code(*assembler.random_data(randomness))
        files.append(
            elf([(assembler.TEXT, text, len(text), EXECUTE), (assembler.DATA, data, len(data) + 4096, READ | WRITE)])
        )
    return files


def mutate_elf(data: bytes, randomness: Random) -> bytes:
    """A field of the file header, of a program or section header or of a symbol gets an extreme value; or blind changes."""
    if len(data) < HEADER_BYTES:
        return mutate_bytes(data, randomness)
    changed = bytearray(data)
    program_headers, sections = struct.unpack_from("<II", data, 28)
    header_count, _, section_count = struct.unpack_from("<HHH", data, 44)
    match randomness.randrange(6):
        case 0:
            _put_half(changed, randomness.randrange(16, HEADER_BYTES - 1, 2), randomness)
        case 1 | 2:
            number = randomness.randrange(max(1, header_count))
            field = randomness.randrange(PROGRAM_HEADER_BYTES // 4)
            _put_word(changed, program_headers + number * PROGRAM_HEADER_BYTES + 4 * field, randomness)
        case 3:
            number = randomness.randrange(max(1, section_count))
            field = randomness.randrange(SECTION_HEADER_BYTES // 4)
            _put_word(changed, sections + number * SECTION_HEADER_BYTES + 4 * field, randomness)
        case 4:
            _put_word(changed, randomness.randrange(HEADER_BYTES, len(changed) + 1) & ~3, randomness)
        case _:
            return mutate_bytes(data, randomness)
    return bytes(changed)


def _put_word(data: bytearray, position: int, randomness: Random) -> None:
    """An extreme or near value; beyond the end nothing happens."""
    if position + 4 > len(data):
        return
    (old,) = struct.unpack_from("<I", data, position)
    choices = (*INTERESTING, old + 1, old - 1, old ^ 2, len(data), randomness.getrandbits(32))
    struct.pack_into("<I", data, position, randomness.choice(choices) & 0xFFFFFFFF)


def _put_half(data: bytearray, position: int, randomness: Random) -> None:
    struct.pack_into("<H", data, position, randomness.choice((0, 1, 2, 0x7FFF, 0xFFFF, randomness.getrandbits(16))))
