"""Misaligned and unmapped accesses: a typed error of the executor at the instruction, and no trace that satisfies the machine.

For the trace, a guest takes the address from a hint. An honest run with a good address is laid out, then every cell that carries
a limb of the address gets that of the bad one, as a prover would that wants the access to pass.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.soundness.vm.witness import Witness, build_witness
from tests.unit.vm.assembler import (
    DATA,
    LOADS,
    STORES,
    TEXT,
    ZERO_BASE,
    branch,
    call,
    constant,
    finish,
    immediate_form,
    jal,
    jalr,
    load,
    program,
    store,
)
from zk.air.expression import P
from zk.errors import ExecutionError, IllegalInstructionError, JumpError, MisalignedAccessError, UnmappedAccessError
from zk.vm.executor import execute
from zk.vm.machine import MEM_TOP

SIZES = {name: 1 << (funct3 & 3) for name, funct3 in {**LOADS, **STORES}.items()}
MISALIGNED = [(name, offset) for name, size in SIZES.items() for offset in range(1, 4) if offset % size]
UNMAPPED = (4, TEXT, DATA - 4, 1 << 30, (1 << 31) - 4, 1 << 31, 0xFFFFFFFC)
MARGIN_END = (1 << 30) + (1 << 18)  # from here on the address columns have no value
HIGH_BASE = 0x24680000  # zeroed memory starts so high that one gap of the address chain leads over its end
GOOD = 0x33579ABC  # memory that starts as zero; both limbs occur nowhere else in the trace
JUMP_BASE = 0x2468ACC0  # code where no pc is below 2^16


def memory_access(name: str, base: int, offset: int) -> int:
    return load(name, 6, base, offset) if name in LOADS else store(name, 6, base, offset)


def check_refused(words: list[int], position: int, kind: type[ExecutionError], reason: str) -> None:
    """The executor stops at this word with this error; what came before has run."""
    with pytest.raises(kind, match=re.escape(reason)) as caught:
        execute(program([*words, *finish()]), coprocessors=())
    assert (caught.value.pc, caught.value.cycle) == (TEXT + 4 * position, position + 1)


@pytest.mark.parametrize(("name", "offset"), MISALIGNED)
def test_executor_refuses_misaligned_access(name: str, offset: int) -> None:
    for base, immediate in ((DATA, offset), (DATA + offset, 0), (DATA + 2047 + offset, -2047), (ZERO_BASE + offset, 4)):
        check_refused([*constant(5, base), memory_access(name, 5, immediate)], 2, MisalignedAccessError, "misaligned")


@pytest.mark.parametrize(("name", "address"), list(itertools.product(SIZES, UNMAPPED)))
def test_executor_refuses_unmapped_access(name: str, address: int) -> None:
    reason = "2^30" if address >= 1 << 30 else "no memory"
    for immediate in (0, 4, -2048):
        check_refused(
            [*constant(5, address - immediate), memory_access(name, 5, immediate)], 2, UnmappedAccessError, reason
        )


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (TEXT + 2, "misaligned"),
        (TEXT + 3, "misaligned"),
        (0, "no legal instruction"),
        (TEXT - 4, "no legal instruction"),
        (DATA, "no legal instruction"),
        (1 << 30, "no legal instruction"),
        (0xFFFFFFFC, "no legal instruction"),
    ],
)
def test_executor_refuses_jump_to_nowhere(target: int, reason: str) -> None:
    for offset in (0, 2047, -2048):
        with pytest.raises(JumpError, match=reason) as caught:
            execute(program([*constant(5, target - offset), jalr(1, 5, offset), *finish()]), coprocessors=())
        assert (caught.value.pc, caught.value.cycle) == (target & ~1, 4)


@pytest.mark.parametrize("link", [0, 1])
@pytest.mark.parametrize("record", [True, False])
def test_executor_refuses_jump_to_address_zero(link: int, record: bool) -> None:
    """Address 0 is a target like any other for the decoder, and no program has an instruction there."""
    with pytest.raises(JumpError, match="no legal instruction") as caught:
        execute(program([jal(link, -TEXT), *finish()]), record=record)
    assert (caught.value.pc, caught.value.cycle) == (0, 2)


@pytest.mark.parametrize("word", [jal(0, 6), jal(0, -TEXT - 8), branch("beq", 0, 0, 6), branch("bne", 0, 0, -4096 - 2)])
def test_jump_with_a_target_that_cannot_be_has_no_row(word: int) -> None:
    check_refused([immediate_form("addi", 1, 0, 1), word], 1, IllegalInstructionError, "no legal instruction")


@dataclass(frozen=True, slots=True)
class Hinted:
    """An honest run of a guest that takes the address `good` from its only hint, the only word of zeroed memory that it touches."""

    witness: Witness
    good: int

    def lie(self, bad: int) -> Witness:
        """The same trace, in which every cell that carries a limb of the address has that of `bad`."""
        witness = self.witness.copy()
        limbs = ((self.good & 0xFFFF, bad & 0xFFFF), (self.good >> 16, bad >> 16))
        for name, trace in self.witness.traces.items():
            if name in ("T16", "T5", "ROM"):  # multiplicities
                continue
            for old, new in limbs:
                witness.traces[name][trace == old] = new
        return witness

    def lie_with_memory(self, bad: int) -> Witness:
        """The lie, and the word of memory moved to the false address as well as the columns of ZERO allow."""
        witness = self.lie(bad)
        (row,) = witness.real_rows("ZERO")
        x = min(bad >> 14, 0xFFFF)
        gap = max(0, bad - int(witness.column("ZERO", "prev")[row]) - 4)
        for name, value in {"x": x, "w": (bad - (x << 14)) // 4, "y": gap >> 13}.items():
            witness.column("ZERO", name)[row] = value
        witness.public_values[MEM_TOP] = bad % P
        return witness


def hinted(name: str, offset: int = 0) -> Hinted:
    """The hint is the base for this load or store, in a0; with the offset it is a multiple of 4."""
    word = memory_access(name, 10, offset)
    guest = replace(program([*call(1), word, *finish()]), zero_base=HIGH_BASE)
    return Hinted(build_witness(guest, [GOOD]), GOOD)


def hinted_jump() -> Hinted:
    """The hint is the target of a jump: the word behind one that would not be skipped."""
    words = [*call(1), jalr(1, 10, 0), immediate_form("addi", 5, 0, 1)]
    good = JUMP_BASE + 4 * len(words)
    return Hinted(build_witness(program([*words, *finish()], base=JUMP_BASE), [good]), good)


def position_bits(witness: Witness) -> list[Witness]:
    """The trace with every choice of the address bits that sub-word accesses name, where there are any."""
    places = [
        (chip.name, row)
        for chip in witness.machine.chips
        if {"p0", "p1"} <= set(chip.main) and chip.name in witness.traces
        for row in witness.real_rows(chip.name).tolist()
    ]
    choices = []
    for bits in itertools.product((0, 1), repeat=2 * len(places)):
        choice = witness.copy()
        for number, (chip, row) in enumerate(places):
            choice.column(chip, "p0")[row], choice.column(chip, "p1")[row] = bits[2 * number : 2 * number + 2]
        choices.append(choice)
    return choices


@pytest.mark.parametrize("name", SIZES)
def test_honest_run_with_a_hinted_address_is_a_witness(name: str) -> None:
    run = hinted(name)
    assert run.witness.violations() == []
    assert run.lie(GOOD).violations() == []


@pytest.mark.parametrize("name", [name for name, size in SIZES.items() if size == 4])
def test_lie_changes_nothing_but_the_address(name: str) -> None:
    """Control: with another aligned address only the memory bus is out of balance, and nothing is where the memory moves along."""
    broken = hinted(name).lie(GOOD + 8).violations()
    assert broken and all(violation.startswith("bus MEM") for violation in broken)
    for address in (GOOD + 8, HIGH_BASE, (1 << 30) - 4):
        assert hinted(name).lie_with_memory(address).violations() == []


@pytest.mark.parametrize(("name", "offset"), MISALIGNED)
def test_no_trace_has_a_misaligned_access(name: str, offset: int) -> None:
    for choice in position_bits(hinted(name).lie(GOOD + offset)):
        assert any("bus R16" in broken or "2-aligned" in broken for broken in choice.violations())


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("address", [4, TEXT, DATA - 4, HIGH_BASE - 4, MARGIN_END, (1 << 31) - 4, 1 << 31, 0xFFFFFFFC])
def test_no_trace_has_an_unmapped_access(name: str, address: int) -> None:
    """Even where the memory moves along. Above the margin n = -4 is what the access could best use: it makes the high part smallest."""
    lie = hinted(name).lie_with_memory(address)
    if address >= MARGIN_END:
        choose_carry(lie, name, -4)
    assert any("bus R16" in violation for violation in lie.violations())


def test_margin_above_the_memory_would_be_memory() -> None:
    """What the executor refuses and a proof would not, up to 2^30 + 2^18: the documents of the machine say that no guest may use it."""
    lie = hinted("lw").lie_with_memory(1 << 30)
    assert lie.violations() != []
    choose_carry(lie, "lw", -4)
    assert lie.violations() == []


@pytest.mark.parametrize("name", SIZES)
def test_no_trace_has_an_address_that_wraps_round(name: str) -> None:
    """Base -16 and offset 64 lead to 48, which is no memory either: the access itself is what is refused."""
    lie = hinted(name, 64).lie(0xFFFFFFF0)
    for carry in range(-4, 4):
        choose_carry(lie, name, carry)
        assert any("bus R16" in violation for violation in lie.violations())


def choose_carry(witness: Witness, name: str, carry: int) -> None:
    """Sets n, four times the carry of the low limb of the address, as the prover may choose it."""
    chip = "LW" if name == "lw" else "SW" if name == "sw" else "LOADSUB" if name in LOADS else "STORESUB"
    witness.column(chip, "n")[witness.real_rows(chip)] = carry % P


def test_jump_to_an_odd_address_clears_the_bit() -> None:
    run = hinted_jump()
    assert run.witness.violations() == []
    odd = run.lie(run.good + 1)
    row = np.flatnonzero(odd.traces["JALR"][odd.chip("JALR").main.index("b0")] == (run.good + 1 & 0xFFFF))
    odd.column("JALR", "lsb")[row] = 1
    assert odd.violations() == []


@pytest.mark.parametrize("lsb", [0, 1])
@pytest.mark.parametrize("distance", [2, 3])
def test_no_trace_jumps_to_a_misaligned_address(distance: int, lsb: int) -> None:
    run = hinted_jump()
    lie = run.lie(run.good + distance)
    lie.column("JALR", "lsb")[lie.real_rows("JALR")] = lsb
    assert any("bus R16" in broken for broken in lie.violations())


@pytest.mark.parametrize("target", [0, 4, DATA, 1 << 30, 0xFFFFFFFC])
def test_no_trace_jumps_to_nowhere(target: int) -> None:
    """The instruction behind the jump claims to stand at the target: the program has none there."""
    run = hinted_jump()
    clk = int(run.witness.column("JALR", "clk")[run.witness.real_rows("JALR")[0]]) + 1
    for address in (run.good, target):
        lie = run.lie(address)
        for chip in (chip.name for chip in lie.machine.chips if {"pc", "clk"} <= set(chip.main)):
            rows = lie.real_rows(chip) if chip in lie.traces else []
            for row in (row for row in rows if lie.column(chip, "clk")[row] == clk):
                lie.column(chip, "pc")[row] = address % P
        broken = lie.violations()
        assert any("bus PROG" in violation for violation in broken) if address == target else broken == []
