"""The executor carries out another instruction than the one in ROM (proof system, section 19, cases 27, 28, 34).

Everything after the lie fits it. The cheater then has three ways to enter the row, each refused by another rule:
the honest columns for the claimed instruction, so that what they say does not fit the rest of the run; the columns of the executed
instruction, which is not in ROM; or those columns with the flags and fields of the claimed instruction, which its constraints or lookups refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from tests.soundness.faults.forgery import forge, refusals, row_of, run_instead
from tests.soundness.vm.witness import Witness
from tests.unit.vm.assembler import (
    DATA,
    TEXT,
    auipc,
    branch,
    constant,
    finish,
    immediate_form,
    jal,
    jalr,
    load,
    lui,
    program,
    register_form,
    shift,
    store,
)
from zk.air.affine import columns_of
from zk.air.chip import Chip
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute

LEFT, RIGHT = 0xFFFF1234, 0x00000015
WORDS = [0x8081F2E3, 0x0BADCAFE]
HEAD = [*constant(5, LEFT), *constant(6, RIGHT), *constant(8, DATA), *constant(9, TEXT), *constant(7, 1)]
LIE = TEXT + 4 * len(HEAD)  # address of the instruction that is not carried out as it stands


@dataclass(frozen=True, slots=True)
class Lie:
    """The instruction in ROM, what the executor does instead, and the bus that sees it on the honest columns."""

    claimed: int
    executed: int
    bus: str = "MEM"


def _register(claimed: str, executed: str) -> Lie:
    return Lie(register_form(claimed, 7, 5, 6), register_form(executed, 7, 5, 6))


def _immediate(claimed: str, executed: str, constant: int) -> Lie:
    return Lie(immediate_form(claimed, 7, 5, constant), immediate_form(executed, 7, 5, constant))


def _shift(claimed: str, executed: str) -> Lie:
    return Lie(shift(claimed, 7, 5, 5), shift(executed, 7, 5, 5))


def _load(claimed: str, executed: str) -> Lie:
    return Lie(load(claimed, 7, 8, 0), load(executed, 7, 8, 0))


def _store(claimed: str, executed: str) -> Lie:
    return Lie(store(claimed, 5, 8, 0), store(executed, 5, 8, 0))


def _branch(claimed: str, executed: str) -> Lie:
    return Lie(branch(claimed, 5, 6, 8), branch(executed, 5, 6, 8), "STATE")


OTHER_OPERATION = {
    **{
        f"{claimed} as {executed}": _register(claimed, executed)
        for claimed, executed in (
            ("add", "sub"), ("sub", "add"), ("and", "or"), ("or", "xor"), ("xor", "and"), ("slt", "sltu"), ("sltu", "slt"),
            ("sll", "srl"), ("srl", "sra"), ("sra", "sll"), ("mul", "mulh"), ("mulh", "mulhu"), ("mulhsu", "mul"),
            ("mulhu", "mulhsu"), ("div", "divu"), ("divu", "rem"), ("rem", "remu"), ("remu", "div"),
        )
    },
    **{f"{c} as {e}": _immediate(c, e, -3) for c, e in (("andi", "ori"), ("ori", "xori"), ("xori", "andi"))},
    **{f"{c} as {e}": _immediate(c, e, 3) for c, e in (("slti", "sltiu"), ("sltiu", "slti"))},
    **{f"{c} as {e}": _shift(c, e) for c, e in (("slli", "srli"), ("srli", "slli"))},
    **{f"{c} as {e}": _load(c, e) for c, e in (("lb", "lbu"), ("lbu", "lb"), ("lh", "lhu"), ("lhu", "lb"))},
    **{f"{c} as {e}": _store(c, e) for c, e in (("sb", "sh"), ("sh", "sb"))},
    **{
        f"{c} as {e}": _branch(c, e)
        for c, e in (("beq", "bne"), ("bne", "beq"), ("blt", "bge"), ("bge", "blt"), ("bltu", "bgeu"), ("bgeu", "bltu"))
    },
}  # fmt: skip

OTHER_FIELDS = {
    "addi, another constant": Lie(immediate_form("addi", 7, 5, 1), immediate_form("addi", 7, 5, 2)),
    "lui, another constant": Lie(lui(7, 0x12345000), lui(7, 0x12346000)),
    "auipc, another constant": Lie(auipc(7, 0x1000), auipc(7, 0x2000)),
    "lw, another word": Lie(load("lw", 7, 8, 0), load("lw", 7, 8, 4)),
    "lb, another byte": Lie(load("lb", 7, 8, 0), load("lb", 7, 8, 1)),
    "sw, another word": Lie(store("sw", 5, 8, 0), store("sw", 5, 8, 4)),
    "sb, another byte": Lie(store("sb", 5, 8, 0), store("sb", 5, 8, 2)),
    "add, another source": Lie(register_form("add", 7, 5, 6), register_form("add", 7, 5, 8)),
    "add, another destination": Lie(register_form("add", 7, 5, 6), register_form("add", 4, 5, 6)),
    "jal, another target": Lie(jal(7, 4), jal(7, 8), "STATE"),
    "jalr, another target": Lie(jalr(7, 9, LIE - TEXT + 4), jalr(7, 9, LIE - TEXT + 8), "STATE"),
    "beq, another target": Lie(branch("beq", 5, 5, 4), branch("beq", 5, 5, 8), "STATE"),
}


def lie_program(word: int) -> GuestProgram:
    """The instruction, another one that can be skipped, then uses of what it may have changed."""
    uses = [store("sw", 7, 8, 8), load("lw", 3, 8, 0), load("lw", 3, 8, 4)]
    return program([*HEAD, word, immediate_form("addi", 6, 6, 1), *uses, *finish()], WORDS)


def _fetched_columns(chip: Chip) -> list[int]:
    """Main columns that the lookup of the instruction sees: flags and fields."""
    fetch = next(i for i in chip.interactions if i.bus.name == "PROG")
    return sorted(set().union(*(columns_of(entry) for entry in fetch.message)))


@cache
def _honest(word: int) -> Witness:
    """The honest run; nobody may change it."""
    return forge(execute(lie_program(word)))


def test_honest_runs_of_the_programs_are_accepted() -> None:
    for lie in (*OTHER_OPERATION.values(), *OTHER_FIELDS.values()):
        assert refusals(_honest(lie.claimed)) == set()


@pytest.mark.parametrize("name", [*OTHER_OPERATION, *OTHER_FIELDS])
def test_result_that_the_instruction_does_not_give_is_refused(name: str) -> None:
    """The row says what the instruction in ROM would do; the run goes on as if something else had happened."""
    lie = (OTHER_OPERATION | OTHER_FIELDS)[name]
    forged = forge(run_instead(lie_program(lie.claimed), lie_program(lie.executed)))
    assert refusals(forged) == {f"bus {lie.bus}"}


@pytest.mark.parametrize("name", [*OTHER_OPERATION, *OTHER_FIELDS])
def test_instruction_that_is_not_in_the_program_is_refused(name: str) -> None:
    """The row is that of the executed instruction."""
    lie = (OTHER_OPERATION | OTHER_FIELDS)[name]
    claimed, executed = _honest(lie.claimed), _honest(lie.executed)
    forged = replace(claimed, traces=executed.traces, public_values=executed.public_values)
    assert refusals(forged) == {"bus PROG"}


@pytest.mark.parametrize("name", list(OTHER_OPERATION))
def test_result_of_another_operation_is_refused_by_the_chip(name: str) -> None:
    """The row has the results of the executed instruction and the flags of the claimed one: no bus between chips is at fault."""
    lie = OTHER_OPERATION[name]
    lied, executed = run_instead(lie_program(lie.claimed), lie_program(lie.executed)), _honest(lie.executed)
    forged = forge(lied)
    (chip, row), (source, source_row) = row_of(lied, LIE), row_of(execute(executed.guest), LIE)
    assert chip == source, "both instructions are of one chip"
    taken = forged.traces[chip][:, row].copy()
    forged.traces[chip][:, row] = executed.traces[source][:, source_row]
    fetched = _fetched_columns(forged.chip(chip))
    forged.traces[chip][fetched, row] = taken[fetched]
    found = refusals(forged)
    tables = {f"bus {bus.name}" for bus in forged.machine.buses if bus.kind == "lookup" and bus.name != "PROG"}
    inner = {rule for rule in found if rule.startswith(f"chip {chip}: ") or rule in tables}
    assert found and found == inner, found


def test_skipped_instruction_is_refused_even_with_all_clocks_moved() -> None:
    """The row is left out, every later clock and time moves by one step: only the program counter has a gap."""
    guest = program([*HEAD, *constant(3, 5), store("sw", 7, 8, 8), *finish()], WORDS)
    shorter = program([*HEAD, *constant(3, 5)[:1], store("sw", 7, 8, 8), *finish()], WORDS)
    lied = execute(shorter)
    moved = guest.rom.pc.tolist().index(LIE + 8) - shorter.rom.pc.tolist().index(LIE + 4)
    rows = {}
    for chip, logged in lied.rows.items():
        logged = logged.copy()
        if logged.size:
            logged[0] += (moved * (logged[0] > shorter.rom.pc.tolist().index(LIE))).astype(np.uint32)
        rows[chip] = logged
    lied.rows = rows
    lied.program, lied.executions = guest, np.insert(lied.executions, shorter.rom.pc.tolist().index(LIE) + 1, 0)
    assert refusals(forge(lied)) == {"bus STATE"}
