"""The ELF loader: what it accepts, and a typed error for everything else."""

from __future__ import annotations

import contextlib
import random

import pytest

from tests.unit.vm.elf_files import EXECUTE, READ, WRITE, code, elf
from zk.errors import ElfError, ZkError
from zk.vm.elf import load_elf

NOP = 0x13


def test_segments_become_instructions_image_and_zero_memory() -> None:
    data = b"\x01\x02\x03\x04\x05"
    guest = load_elf(elf([(0x1000, code(NOP, 0x73), 8, EXECUTE), (0x2002, data, 64, READ | WRITE)]))
    assert guest.entry == 0x1000
    assert guest.instruction_addresses.tolist() == [0x1000, 0x1004]
    assert guest.image_addresses.tolist() == [0x2000, 0x2004]
    assert guest.image_values.tolist() == [0x02010000, 0x00050403]
    assert guest.zero_base == 0x2008


def test_readable_code_is_part_of_the_image() -> None:
    guest = load_elf(elf([(0x1000, code(NOP, 0x73), 8, EXECUTE | READ)]))
    assert guest.image_values.tolist() == [NOP, 0x73]
    assert guest.zero_base == 0x1008


def test_zero_initialised_part_below_other_data_is_in_the_image() -> None:
    guest = load_elf(elf([(0x1000, code(0x73), 4, EXECUTE), (0x2000, b"\1", 9, READ), (0x3000, b"\2", 1, READ)]))
    assert guest.image_addresses.tolist() == [0x2000, 0x2004, 0x2008, 0x3000]
    assert guest.image_values.tolist() == [1, 0, 0, 2]


def test_two_segments_may_share_a_word() -> None:
    guest = load_elf(elf([(0x1000, code(0x73), 4, EXECUTE), (0x2000, b"\1\2", 2, READ), (0x2002, b"\3\4", 2, READ)]))
    assert guest.image_values.tolist() == [0x04030201]


def test_illegal_instructions_have_no_row() -> None:
    guest = load_elf(elf([(0x1000, code(NOP, 0xFFFFFFFF, 0x100073, 0x30001073, 0x0001, 0x73), 24, EXECUTE)]))
    assert guest.rom.pc.tolist() == [0x1000, 0x1014]


def test_image_id_depends_on_program_and_not_on_file_layout() -> None:
    segments = [(0x1000, code(NOP, 0x73), 8, EXECUTE), (0x2000, b"data", 4, READ)]
    base = load_elf(elf(segments)).image_id
    assert load_elf(elf(segments) + b"trailing symbols").image_id == base
    assert load_elf(elf(segments, entry=0x1004)).image_id != base
    assert load_elf(elf([segments[0], (0x2000, b"date", 4, READ)])).image_id != base


GOOD = (0x1000, code(NOP, 0x73), 8, EXECUTE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "52 bytes"),
        (elf([GOOD])[:60], "program headers"),
        (elf([GOOD])[:-1], "segment 0"),
        (elf([GOOD], identity=b"\x7fELG\x01\x01\x01"), "magic"),
        (elf([GOOD], identity=b"\x7fELF\x02\x01\x01"), "class"),
        (elf([GOOD], identity=b"\x7fELF\x01\x02\x01"), "class"),
        (elf([GOOD], kind=3), "file type"),
        (elf([GOOD], machine=62), "machine"),
        (elf([GOOD], flags=1), "compressed"),
        (elf([GOOD], entry=0x1002), "4-aligned"),
        (elf([GOOD], entry=0x1008), "entry"),
        (elf([(0x1000, b"data", 4, READ)]), "no executable"),
        (elf([(0x1000, code(0x73), 2, EXECUTE)]), "do not fit"),
        (elf([(0x1002, code(0x73), 4, EXECUTE)], entry=0x1004), "4-aligned"),
        (elf([(0, code(0x73, 0x73), 8, EXECUTE)], entry=4), "address 0"),
        (elf([GOOD, (0x1004, b"data", 4, READ)]), "overlap"),
        (elf([GOOD, (0x3FFFFFFE, b"data", 4, READ)]), "2\\^30"),
        (elf([GOOD, (0xFFFFFFFF, b"x", 0xFFFFFFFF, READ)]), "2\\^30"),
    ],
)
def test_malformed_file_is_a_typed_error(content: bytes, reason: str) -> None:
    with pytest.raises(ElfError, match=reason):
        load_elf(content)


def test_damaged_files_never_raise_anything_else() -> None:
    rng = random.Random(5)
    original = elf([GOOD, (0x2000, bytes(range(64)), 128, READ | WRITE)])
    for _ in range(2000):
        damaged = bytearray(original)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.getrandbits(8)
        with contextlib.suppress(ZkError):
            load_elf(bytes(damaged))
