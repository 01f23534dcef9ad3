"""Histories of memory and of the machine that never were (proof system, section 19, cases 34 to 38): stale reads, reordered
writes, double initialisation, rows beside the public path and closed cycles of rows.

Each lie is complete: values after it fit, tuples of all buses but the one named balance, and times are those that the cheater needs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.soundness.faults.forgery import (
    B_TIME,
    C_TIME,
    CLK,
    OLD,
    OLD_TIME,
    ROM_ROW,
    B,
    C,
    edit,
    end_of_register,
    end_of_word,
    forge,
    forget_word,
    refusals,
    row_of,
    run_instead,
    word_of,
)
from tests.soundness.vm.witness import Witness, full_witness
from tests.unit.vm.assembler import (
    DATA,
    TEXT,
    ZERO_BASE,
    call,
    constant,
    finish,
    immediate_form,
    jal,
    load,
    program,
    store,
)
from zk.air.expression import P
from zk.vm.elf import GuestProgram
from zk.vm.executor import Execution, execute
from zk.vm.machine import MEM_TOP, OUTPUTS

OLD_VALUE, NEW_VALUE = 111, 222
HEAD = [*constant(20, DATA), *constant(21, NEW_VALUE), *constant(22, NEW_VALUE + 1)]
START = TEXT + 4 * len(HEAD)
SPARE = DATA + 4  # a word with the same first value
_FINISH = finish()
_LAST = len(call(2, 15, 115)) + len(call(0, 0))  # words of the last COMMIT and of HALT
_A0, _NEW_A0 = 4, 6  # words of a logged row of ECALL


def _guest(words: list[int]) -> GuestProgram:
    return program([*HEAD, *words, store("sw", 23, 20, 40), *_FINISH], [OLD_VALUE, OLD_VALUE])


def stale_read() -> Execution:
    """sw, then lw of the same word that returns what the word held before."""
    write, read = START, START + 4
    claimed = _guest([store("sw", 21, 20, 0), load("lw", 23, 20, 0)])
    lied = run_instead(claimed, _guest([store("sw", 21, 20, 0), load("lw", 23, 20, 4)]))
    forget_word(lied, SPARE)
    assert word_of(lied, read, C) == OLD_VALUE and word_of(lied, write, OLD) == OLD_VALUE
    return lied


def test_35_stale_read_that_takes_the_first_value_again_is_refused() -> None:
    """The first value would be read twice: nothing is wrong with the times, the tuple is there once."""
    assert refusals(forge(stale_read())) == {"bus MEM"}


def stale_read_before_the_write() -> Execution:
    """The write takes the tuple that the later read leaves."""
    lied = stale_read()
    write, read = START, START + 4
    edit(lied, write, {OLD_TIME: 4 * word_of(lied, read, CLK) + 2})
    end_of_word(lied, DATA, NEW_VALUE, 4 * word_of(lied, write, CLK) + 2)
    return lied


def test_35_stale_read_moved_before_the_write_is_refused() -> None:
    """The bus balances; the write's predecessor is in its future."""
    found = refusals(forge(stale_read_before_the_write()))
    assert found and found <= {"bus R16", "bus U8P"}


def test_35_two_writes_in_the_other_order_are_refused() -> None:
    """The first of two stores is the one that stays."""
    first, second = START, START + 4
    claimed = _guest([store("sw", 21, 20, 0), store("sw", 22, 20, 0), load("lw", 23, 20, 0)])
    lied = run_instead(claimed, _guest([store("sw", 22, 20, 0), store("sw", 21, 20, 0), load("lw", 23, 20, 0)]))
    honest = execute(claimed)
    clocks = [word_of(lied, pc, CLK) for pc in (first, second)]
    for pc, register, clk in ((first, 21, clocks[0]), (second, 22, clocks[1])):
        edit(lied, pc, {C: word_of(honest, pc, C), C_TIME: word_of(honest, pc, C_TIME)})
        end_of_register(lied, register, word_of(honest, pc, C), 4 * clk + 1)
    edit(lied, second, {OLD: OLD_VALUE, OLD_TIME: 0})
    edit(lied, first, {OLD: NEW_VALUE + 1, OLD_TIME: 4 * clocks[1] + 2})
    edit(lied, START + 8, {C: NEW_VALUE, C_TIME: 4 * clocks[0] + 2})
    found = refusals(forge(lied))
    assert found and found <= {"bus R16", "bus U8P"}


def test_35_write_that_nobody_sees_is_refused() -> None:
    """The store's tuple is dropped: the word ends as it began."""
    lied = run_instead(*(_guest([store("sw", 21, 20, at), load("lw", 23, 20, 4)]) for at in (0, 8)))
    end_of_word(lied, DATA + 8, 0, 0)
    assert refusals(forge(lied)) == {"bus MEM"}


ZERO_WORD, OTHER_ZERO_WORD = ZERO_BASE + 64, ZERO_BASE + 128


def _second_life() -> Witness:
    """A word above zero_base is written, and read as if it were new: in the log the read is of another word."""
    head = [*constant(20, ZERO_WORD), *constant(21, NEW_VALUE), store("sw", 21, 20, 0)]
    claimed, executed = (program([*head, load("lw", 23, 20, at), *_FINISH]) for at in (0, OTHER_ZERO_WORD - ZERO_WORD))
    return forge(run_instead(claimed, executed))


def _set_zero_row(witness: Witness, row: int, address: int, previous: int, y: int) -> None:
    """Makes a ZERO row name an address after a predecessor."""
    values = {"prev": previous, "x": address >> 14, "w": (address & 16383) >> 2, "y": y % P}
    for name, value in values.items():
        witness.column("ZERO", name)[row] = value


def initialised_twice(y: int = 0) -> Witness:
    """The word's second row is its own predecessor: in the chain of addresses, or beside it as a closed cycle, which is the same."""
    witness = _second_life()
    row = int(np.flatnonzero(witness.column("ZERO", "prev") == ZERO_WORD)[0])
    _set_zero_row(witness, row, ZERO_WORD, ZERO_WORD, y)
    witness.public_values[MEM_TOP] = ZERO_WORD
    return witness


@pytest.mark.parametrize("y", [0, -1, 1, 0xFFFF, (P - 4) >> 13])
def test_36_word_initialised_twice_is_refused(y: int) -> None:
    """Both lives of the word are complete on the memory bus, and ORD balances; the chain would have to stand still."""
    assert refusals(initialised_twice(y)) == {"bus R16"}


def test_36_image_word_initialised_as_zero_is_refused() -> None:
    """An image word is read as 0 by a ZERO row of its own, which would stand before zero_base."""
    head = [*constant(20, DATA), *constant(22, ZERO_WORD)]
    claimed, executed = (program([*head, load("lw", 23, base, 0), *_FINISH], [OLD_VALUE]) for base in (20, 22))
    lied = run_instead(claimed, executed)
    honest = execute(claimed)
    for word in (B, B_TIME):
        edit(lied, TEXT + 16, {word: word_of(honest, TEXT + 16, word)})
    for register in (20, 22):
        value, time = honest.registers[register].tolist()
        end_of_register(lied, register, value, time)
    witness = forge(lied)
    row = int(witness.real_rows("ZERO")[0])
    _set_zero_row(witness, row, DATA, ZERO_BASE - 4, 0)
    witness.public_values[MEM_TOP] = DATA
    assert refusals(witness) == {"bus R16"}


def phantom_row() -> Witness:
    """An instruction of dead code is entered beside the public path and changes a register between its write and its use."""
    use = [immediate_form("addi", 23, 24, 0)]  # x23 := x24, which nobody wrote
    dead = [immediate_form("addi", 24, 25, 77)]
    claimed = program([*HEAD, immediate_form("addi", 26, 27, 1), *use, *_FINISH, *dead])
    executed = program([*HEAD, *dead, *use, *_FINISH, *dead])
    lied = run_instead(claimed, executed)
    honest = execute(claimed)
    chip, row = row_of(honest, START)
    phantom_chip, phantom = row_of(lied, START)
    rows = lied.rows[phantom_chip].copy()
    rows[ROM_ROW, phantom] = len(claimed.rom) - 1
    lied.rows[phantom_chip] = rows
    lied.rows[chip] = np.concatenate([lied.rows[chip], honest.rows[chip][:, row : row + 1]], axis=1)
    for register in (26, 27):
        end_of_register(lied, register, *honest.registers[register].tolist())
    return forge(lied)


def test_34_row_beside_the_public_path_is_refused() -> None:
    """The phantom's registers, instruction, range checks are in order; it enters and leaves a state that nobody else has."""
    assert refusals(phantom_row()) == {"bus STATE"}


def loop_of_jumps(clocks: tuple[int, int]) -> Witness:
    """Two jumps of dead code lead to each other, at the given clocks."""
    guest = program([*_FINISH, jal(0, 4), jal(0, -4)])
    executed = program([jal(0, 4), jal(0, 4), *_FINISH])
    logged = execute(executed)
    chip, _ = row_of(logged, TEXT)
    loop = logged.rows[chip][:, :2].copy()
    lied = execute(guest)
    end = lied.registers[32].copy()
    times = [4 * clk + 3 for clk in clocks]
    for i, (clk, time) in enumerate(zip(clocks, (int(end[1]), times[0]), strict=True)):
        loop[ROM_ROW, i], loop[CLK, i] = len(guest.rom) - 2 + i, clk
        loop[OLD, i], loop[OLD_TIME, i] = end[0] if i == 0 else word_written(loop, 0, guest), time
    lied.rows[chip] = np.concatenate([lied.rows[chip], loop], axis=1)
    end_of_register(lied, 32, int(guest.rom.pc[-1]) + 4, times[1])
    return forge(lied)


def word_written(loop: np.ndarray, row: int, guest: GuestProgram) -> int:
    """What a jump leaves in its register: the address behind it."""
    return int(guest.rom.pc[int(loop[ROM_ROW, row])]) + 4


def test_34_closed_cycle_of_states_is_refused() -> None:
    """The program counter comes back, the clock does not: two tuples are left over."""
    first = execute(program([*_FINISH, jal(0, 4), jal(0, -4)])).cycles + 10
    assert refusals(loop_of_jumps((first, first + 1))) == {"bus STATE"}


def test_34_closed_cycle_of_states_at_one_clock_is_refused() -> None:
    """Both rows at the same clock: they access one register at one time, besides."""
    first = execute(program([*_FINISH, jal(0, 4), jal(0, -4)])).cycles + 10
    assert "bus STATE" in refusals(loop_of_jumps((first, first)))


@pytest.mark.parametrize(("chip", "counter", "bus"), [("PATH", "level", "PATH"), ("DOT", "i", "ACC")])
def test_40_rows_of_a_coprocessor_beside_any_call_are_refused(chip: str, counter: str, bus: str) -> None:
    """A row that is entered once more at another place of its chain: levels and indices only count up, so no chain closes."""
    witness = full_witness().copy()
    free = int(np.setdiff1d(np.arange(witness.traces[chip].shape[1]), witness.real_rows(chip))[0])
    row = int(witness.real_rows(chip)[0])
    witness.traces[chip][:, free] = witness.traces[chip][:, row]
    for clk in (int(witness.column(chip, "clk")[row]), 0):
        witness.column(chip, "clk")[free] = clk
        for count in (0, 1, P - 1):
            witness.column(chip, counter)[free] = count
            assert f"bus {bus}" in refusals(witness)


def output_committed_twice() -> Execution:
    """The program commits word 14 twice and word 15 never; the log goes on as if it had committed each once."""
    claimed = program([*_FINISH[:-_LAST], *call(2, 14, 115), *call(0, 0)])
    lied = replace(execute(program(_FINISH)), program=claimed)  # the executor refuses to run the claimed one
    pc = TEXT + 4 * (len(_FINISH) - len(call(0, 0))) - 4  # the last COMMIT
    edit(lied, pc, {_A0: 14, _NEW_A0: 14})
    edit(lied, pc + 12, {OLD: 14})  # the next write to x10
    return lied


def test_38_output_word_committed_twice_and_another_never_is_refused() -> None:
    assert refusals(forge(output_committed_twice())) == {"bus OUT"}


def test_38_output_word_that_the_public_values_name_alone_is_refused() -> None:
    """The public values fit the second of two words committed under one index."""
    witness = forge(output_committed_twice())
    witness.public_values[OUTPUTS + 2 * 14] = 115
    assert refusals(witness) == {"bus OUT"}


def test_39_hint_that_another_word_follows_is_free() -> None:
    """Hints are the prover's to choose: another word is another honest run."""
    guest = program([*call(1), *finish()])
    for word in (0, 0xFFFFFFFF):
        execution = execute(guest, np.array([word], np.uint32))
        assert refusals(forge(execution)) == set()
