"""The instruction words of the tests are those of clang's assembler: what executor, model and qemu agree on is the instruction
that the test names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.assembly import LINK, MODEL, TARGET, build_test
from tests.conftest import ROOT
from tests.unit.vm.assembler import (
    BRANCHES,
    EBREAK,
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
from zk.vm.elf import read_elf

IMMEDIATES = (0, 1, -1, 2047, -2048, 0x555, -0x556)


def encodings(rng: random.Random) -> Iterator[tuple[str, int]]:
    """Text and word of every instruction, with random registers and edge immediates."""

    def registers() -> tuple[int, int, int]:
        return rng.randrange(32), rng.randrange(32), rng.randrange(32)

    for name in REGISTER_FORMS:
        rd, a, b = registers()
        yield f"{name} x{rd}, x{a}, x{b}", register_form(name, rd, a, b)
    for immediate in IMMEDIATES:
        rd, a, b = registers()
        for name in IMMEDIATE_FORMS:
            yield f"{name} x{rd}, x{a}, {immediate}", immediate_form(name, rd, a, immediate)
        for name in LOADS:
            yield f"{name} x{rd}, {immediate}(x{a})", load(name, rd, a, immediate)
        for name in STORES:
            yield f"{name} x{b}, {immediate}(x{a})", store(name, b, a, immediate)
        yield f"jalr x{rd}, {immediate}(x{a})", jalr(rd, a, immediate)
    for name in SHIFTS:
        for amount in (0, 1, 21, 31):
            rd, a, _ = registers()
            yield f"{name} x{rd}, x{a}, {amount}", shift(name, rd, a, amount)
    for offset in (8, -8, 4092, -4096, 0x554, -0xAA8):
        for name in BRANCHES:
            _, a, b = registers()
            yield f"{name} x{a}, x{b}, . + ({offset})", branch(name, a, b, offset)
    for offset in (8, -8, 0xFFFFC, -0x100000, 0x55554, -0xAAAA8):
        rd = rng.randrange(32)
        yield f"jal x{rd}, . + ({offset})", jal(rd, offset)
    for value in (0, 1, 0x80000, 0x7FFFF, 0xFFFFF, 0x55555):
        rd = rng.randrange(32)
        yield f"lui x{rd}, {value}", lui(rd, value << 12)
        yield f"auipc x{rd}, {value}", auipc(rd, value << 12)
    yield from (("ecall", ECALL), ("ebreak", EBREAK), ("fence", FENCE))


def test_words_are_those_of_the_compiler(tmp_path: Path) -> None:
    seed = 7
    print(f"seed {seed}")
    expected = list(encodings(random.Random(seed)))
    guest = read_elf(build_test(tmp_path / "encodings.elf", "\n".join(text for text, _ in expected)))
    found = guest.instruction_words[: len(expected)].tolist()
    wrong = [(text, f"{word:08x}", f"{f:08x}") for (text, word), f in zip(expected, found, strict=True) if word != f]
    assert wrong == []


def test_documented_command_has_the_flags_of_these_tests() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text()
    for flag in (*TARGET, *LINK, f"-I{MODEL}"):
        assert flag.replace(f"{ROOT}/", "") in text
