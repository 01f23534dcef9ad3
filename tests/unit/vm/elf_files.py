"""ELF32 files for tests."""

from __future__ import annotations

import struct

READ, WRITE, EXECUTE = 4, 2, 1


def elf(
    segments: list[tuple[int, bytes, int, int]],
    *,
    entry: int = 0x1000,
    kind: int = 2,
    machine: int = 243,
    flags: int = 0,
    identity: bytes = b"\x7fELF\x01\x01\x01",
    page: int | None = None,
) -> bytes:
    """An executable with segments (address, content, memory bytes, flags); with `page`, file offsets are congruent to addresses modulo
    the page, as an operating system wants."""
    count = len(segments)
    offset = 52 + 32 * count
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", identity.ljust(16, b"\0"), kind, machine, 1, entry, 52, 0, flags, 52, 32, count, 0, 0, 0
    )
    table, body = b"", b""
    for address, content, memory, access in segments:
        body += bytes((address - offset - len(body)) % (page or 1))
        table += struct.pack("<8I", 1, offset + len(body), address, address, len(content), memory, access, page or 4)
        body += content
    return header + table + body


def code(*words: int) -> bytes:
    """Instruction words as bytes."""
    return struct.pack(f"<{len(words)}I", *words)
