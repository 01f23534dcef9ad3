"""Inputs that claim sizes: refused before anything of the claimed size is allocated or looped over."""

from __future__ import annotations

import json
import signal
import struct
import sys
from pathlib import Path

import pytest

from tests.fuzz.elf_bytes import SECTION_HEADER_BYTES, with_symbols
from tests.fuzz.large_proof import BYTES_MAX, large_header, large_proof
from tests.fuzz.limits import limited_outcomes
from tests.fuzz.prover_targets import bundle_seed
from tests.fuzz.targets import ACCEPTED, Target
from tests.unit.vm.elf_files import EXECUTE, READ, WRITE, code, elf
from tests.unit.vm.test_elf import GOOD
from zk.errors import ElfError, InputFileError
from zk.files import PROOF_BYTES_LIMIT, read_bytes
from zk.service.messages import LINE_BYTES_MAX
from zk.service.worker import Worker, read_lines
from zk.vm.elf import FILE_BYTES_LIMIT, read_elf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of a child process are tested on Linux alone")

RAM_END = 1 << 30


def giant_bss() -> bytes:
    """A gigabyte of zeros below one byte of data: all of it would be in the image."""
    return elf([GOOD, (0x2000, b"\1", RAM_END - 0x3000, READ | WRITE), (RAM_END - 16, b"\1", 4, READ)])


def overlapping_segments(count: int = 4000) -> bytes:
    """Headers that all load the same megabyte to the same place."""
    header = bytearray(elf([GOOD])[:52])
    struct.pack_into("<H", header, 44, count)
    start = 52 + 32 * count
    headers = struct.pack("<8I", 1, start, 0x1000, 0, 1 << 20, 1 << 20, READ | EXECUTE, 4) * count
    return bytes(header) + headers + bytes(1 << 20)


def four_gigabytes(memory_bytes: int = 0xFFFFFFFF, address: int = 0x2000) -> bytes:
    """A segment of that many bytes of memory."""
    return elf([GOOD, (address, b"\1", memory_bytes, READ | WRITE)])


def giant_code() -> bytes:
    """More code than the machine has rows for, in a file below the limit."""
    return elf([(0x1000, bytes((1 << 24) + 4), (1 << 24) + 4, EXECUTE)])


def symbol_tables(extra: int) -> bytes:
    """Section headers that all name one symbol table of 60,000 entries."""
    return with_symbols(elf([GOOD]), [("f", 0x1000)] * 60_000, extra_sections=extra)


def table_over_the_file() -> bytes:
    """A symbol table that claims four gigabytes."""
    data = bytearray(with_symbols(elf([GOOD]), [("f", 0x1000)]))
    (sections,) = struct.unpack_from("<I", data, 32)
    struct.pack_into("<I", data, sections + 2 * SECTION_HEADER_BYTES + 20, 0xFFFFFFFF)
    return bytes(data)


def long_names() -> bytes:
    """Every symbol's name is the rest of a table of names without an end."""
    data = bytearray(with_symbols(elf([GOOD]), [("x" * 1000, 0x1000 + i) for i in range(8_000)]))
    (sections,) = struct.unpack_from("<I", data, 32)
    (names,) = struct.unpack_from("<I", data, sections + 3 * SECTION_HEADER_BYTES + 16)
    data[names + 1 : sections] = b"x" * (sections - names - 1)
    return bytes(data)


def test_elf_sizes_are_checked_before_allocation() -> None:
    refused = {
        "gigabyte of zeros in the image": giant_bss(),
        "one megabyte four thousand times": overlapping_segments(),
        "four gigabytes": four_gigabytes(),
        "address that wraps": four_gigabytes(0x10, 0xFFFFFFF8),
        "end one above the limit": four_gigabytes(RAM_END - 0x2000 + 1),
        "65,535 program headers": _with_half(elf([GOOD]), 44, 0xFFFF),
    }
    assert limited_outcomes("elf", list(refused.values())) == ["ElfError"] * len(refused)
    accepted = {
        "empty memory up to the limit": four_gigabytes(RAM_END - 0x2000),
        "2,000 symbol sections": symbol_tables(2_000),
        "symbol table of four gigabytes": table_over_the_file(),
        "names without end": long_names(),
        "65,535 section headers": _with_half(elf([GOOD]), 48, 0xFFFF),
        "segment of no length": elf([GOOD, (0x5001, b"", 0, READ)]),
    }
    assert limited_outcomes("elf", list(accepted.values())) == [ACCEPTED] * len(accepted)


def _with_half(data: bytes, position: int, value: int) -> bytes:
    return data[:position] + struct.pack("<H", value) + data[position + 2 :]


def test_code_beyond_the_rows_of_the_machine_is_refused_by_its_size() -> None:
    (outcome,) = limited_outcomes("elf", [giant_code()], memory_bytes=8 << 20)  # half of one copy
    assert outcome == "ElfError"


def test_proof_sizes_are_checked_against_the_bytes_that_are_there() -> None:
    header, whole = large_header("K"), large_proof("K")
    cut = [header, header[:-1], header + bytes(64), whole[: len(whole) // 2], whole[:-1]]
    outcomes = limited_outcomes("large-proof-form-K", [*cut, whole + b"\0", header + bytes(BYTES_MAX), whole])
    assert outcomes == ["TruncatedProofError"] * len(cut) + ["TrailingBytesError"] * 2 + [ACCEPTED]


def test_bundle_sizes_are_checked_against_the_bytes_that_are_there() -> None:
    seed = bundle_seed()
    count = 8 + 2 * 32
    many = [seed[:count] + number.to_bytes(4, "big") + seed[count + 4 :] for number in (2**32 - 1, 2**20, 3, 0)]
    long_proof = seed[:-14] + b"\xff\xff\xff\xff" + seed[-10:]
    outcomes = limited_outcomes("bundle", [*many, long_proof, seed[:-1], seed + b"\0", seed])
    refused = {"HeaderError", "ShapeError", "TruncatedProofError", "TrailingBytesError", "NonCanonicalError"}
    assert set(outcomes[:-1]) <= refused and outcomes[4:] == [
        "TruncatedProofError",
        "TruncatedProofError",
        "TrailingBytesError",
        ACCEPTED,
    ]


@pytest.mark.soak
def test_proof_sizes_are_checked_under_poseidon2_too() -> None:
    header, whole = large_header("P2"), large_proof("P2")
    inputs = [header, whole[: len(whole) // 2], whole + b"\0", whole]
    outcomes = limited_outcomes("large-proof-form-P2", inputs, cpu_seconds=20)
    assert outcomes == ["TruncatedProofError", "TruncatedProofError", "TrailingBytesError", ACCEPTED]


def test_messages_nested_without_end_are_refused() -> None:
    lines = [b"[" * (LINE_BYTES_MAX - 1), b'{"a":' * 200_000, b'{"id":' + b"9" * 1_000_000 + b"}"]
    for name in ("worker-request", "worker-reply"):
        assert limited_outcomes(name, lines) == ["WorkerError"] * len(lines)


def test_limits_end_a_decoder_that_takes_too_much() -> None:
    """The harness itself, with a file that is accepted where memory and time are there."""
    largest = elf([(0x1000, bytes(1 << 24), 1 << 24, EXECUTE)])
    assert limited_outcomes("elf", [largest], memory_bytes=128 << 20) == [ACCEPTED]
    with pytest.raises(AssertionError, match=r"(?s)elf, input 0: .*MemoryError"):
        limited_outcomes("elf", [largest], memory_bytes=8 << 20)
    with pytest.raises(AssertionError, match=f"guest, input 1: child ended with status -{signal.SIGXCPU}"):
        limited_outcomes("guest", [b"", largest], memory_bytes=8 << 30, cpu_seconds=0)


def test_line_above_the_limit_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    path.write_bytes(
        b'{"id": 1, "x": "' + b"a" * (3 * LINE_BYTES_MAX) + b'"}\n{"id": 2}\n' + b"z" * (LINE_BYTES_MAX + 1)
    )
    replies: list[dict[str, object]] = []
    with path.open("rb") as stream:
        Worker(replies.append).serve(read_lines(stream))
    assert [reply["id"] for reply in replies] == [None, 2, None]
    assert str(LINE_BYTES_MAX) in json.dumps(replies[0]) and "config" in json.dumps(replies[1])


def test_files_without_end_are_refused(tmp_path: Path) -> None:
    zeros = Path("/dev/zero")
    with pytest.raises(InputFileError, match=f"at most {PROOF_BYTES_LIMIT}"):
        read_bytes(zeros)
    with pytest.raises(ElfError, match=f"at most {FILE_BYTES_LIMIT}"):
        read_elf(zeros)
    exact = tmp_path / "exact"
    exact.write_bytes(bytes(100))
    assert len(read_bytes(exact, 100)) == 100
    with pytest.raises(InputFileError, match="at most 99"):
        read_bytes(exact, 99)


def test_name_that_no_file_can_have_is_an_input_error() -> None:
    for name in ("a\0b", "\ud800"):
        with pytest.raises(InputFileError):
            read_bytes(Path(name))


def test_target_lets_through_what_is_no_typed_error() -> None:
    target = Target(lambda data: data[5], (ElfError,), lambda: [b""])
    with pytest.raises(IndexError):
        target.outcome(b"")
    assert Target(lambda data: code(data[0]), (IndexError,), lambda: [b"x"]).outcome(b"") == "IndexError"
