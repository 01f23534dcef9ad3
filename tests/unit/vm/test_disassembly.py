"""The disassembler against clang's assembler, and what it says of words that are no instructions."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from tests.unit.vm.assembler import (
    BRANCHES,
    ECALL,
    FENCE,
    IMMEDIATE_FORMS,
    LOADS,
    REGISTER_FORMS,
    SHIFTS,
    STORES,
    auipc,
    branch,
    immediate_form,
    jal,
    jalr,
    load,
    lui,
    register_form,
    shift,
    store,
)
from zk.vm.disassembly import disassemble, explain_illegal, source_registers
from zk.vm.isa import decode

PC = 0x200000


def random_instructions(rng: random.Random) -> list[int]:
    """Every instruction ten times."""
    words = [ECALL, FENCE]
    for _ in range(10):
        rd, rs1, rs2 = (rng.randrange(32) for _ in range(3))
        immediate, far = rng.randrange(-2048, 2048), 4 * rng.randrange(-(1 << 17), 1 << 17)
        words += [register_form(name, rd, rs1, rs2) for name in REGISTER_FORMS]
        words += [immediate_form(name, rd, rs1, immediate) for name in IMMEDIATE_FORMS]
        words += [shift(name, rd, rs1, rs2) for name in SHIFTS]
        words += [load(name, rd, rs1, immediate) for name in LOADS]
        words += [store(name, rs2, rs1, immediate) for name in STORES]
        words += [branch(name, rs1, rs2, 4 * (immediate // 2)) for name in BRANCHES]
        words += [jal(rd, far), jalr(rd, rs1, immediate), lui(rd, rng.getrandbits(32)), auipc(rd, rng.getrandbits(32))]
    return words


def assemble(lines: list[str], folder: Path) -> list[int]:
    """Words that clang makes of the lines; it reads the target of a jump as a distance."""
    (folder / "code.s").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "ziglang", "cc", "-c", "-target", "riscv32-freestanding-none"]
    command += ["-mcpu=generic_rv32+m", str(folder / "code.s"), "-o", str(folder / "code.o")]
    subprocess.run(command, check=True, capture_output=True)
    with (folder / "code.o").open("rb") as file:
        text = ELFFile(file).get_section_by_name(".text").data()
    return np.frombuffer(text, "<u4").tolist()


def test_assembler_makes_the_same_words_of_the_text(tmp_path: Path) -> None:
    words = random_instructions(random.Random(3))
    lines = [disassemble(PC, word) for word in words]

    def distance(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2], 16) - PC}"

    relative = [re.sub(r"^((?:b\w+|jal) .*)(0x[0-9a-f]+)$", distance, line) for line in lines]
    assert assemble(relative, tmp_path) == words


def test_every_word_is_legal_for_both_decoders_or_for_none() -> None:
    rng = random.Random(4)
    for _ in range(20_000):
        word = rng.getrandbits(32) | 3
        if word & 0x7F in (0x63, 0x6F) and decode(PC, word) is None and not disassemble(PC, word).startswith("."):
            continue  # a jump that is legal but for its target
        assert (decode(PC, word) is None) == disassemble(PC, word).startswith(".word"), hex(word)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (0, "data or unused memory"),
        (0x00000001, "compressed"),
        (0x00100073, "ebreak"),
        (0xC00022F3, "csrrs"),
        (0x30200073, "privileged"),
        (0x0000100F, "caches"),
        (0x1005202F, "atomic"),
        (0x00052007, "floating-point load"),
        (0x00007053, "floating-point instruction"),
        (0x02000057, "vector"),
        (0x0020006F, "not 4-aligned"),
        (0xFE000033, "not in RV32IM"),
    ],
)
def test_illegal_words_are_explained(word: int, reason: str) -> None:
    assert decode(PC, word) is None
    assert reason in explain_illegal(word)


def test_source_registers() -> None:
    assert source_registers(register_form("add", 1, 2, 3)) == (2, 3)
    assert source_registers(register_form("add", 1, 2, 2)) == (2,)
    assert source_registers(load("lw", 1, 2, 0)) == (2,)
    assert source_registers(store("sw", 1, 0, 0)) == (1,)
    assert source_registers(ECALL) == (17, 10, 11, 12)
    assert source_registers(lui(1, 0)) == source_registers(jal(1, 8)) == ()
