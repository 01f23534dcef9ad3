"""Each constraint and each lookup of the toy machine is needed: without it a false statement has a proof (section 19, case 47)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.soundness import toy
from tests.soundness.conftest import Toy
from zk.air.chip import Machine
from zk.errors import VerificationError
from zk.machine.prover import prove
from zk.machine.verifier import verify

P = toy.P


def _step_row(
    sel: int, clk: int, a: int, x: int, y: int, d: int, following: int, square: int | None = None
) -> list[int]:
    return [v % P for v in (sel, clk, a, a * a if square is None else square, x, y, d, 1 << (d & 15), following)]


def _statement(steps: list[list[int]], jumps: list[list[int]], start: int, end: int) -> toy.Statement:
    """A claim of one instruction from start to end; the lookups are balanced as far as a table has the entry."""
    rom = toy.rom_columns()["rom"]
    rom_uses, digit_uses = np.zeros((1, 16), dtype=np.int64), np.zeros((1, 32), dtype=np.int64)
    for sel, _, _, _, x, y, d, _, _ in steps:
        signed = sel if sel < 2**20 else sel - P
        if y == int(rom[1, x]):
            rom_uses[0, x] += signed
        if d < 32:
            digit_uses[0, d] += signed
    traces = {
        "step": toy._columns(steps, 9, 6),
        "jump": toy._columns(jumps, 3, 4),
        "rom": (rom_uses % P).astype(np.uint32),
        "digit": (digit_uses % P).astype(np.uint32),
    }
    return toy.Statement(traces, [start, end % P, 1, 0])


ROM = toy.rom_columns()["rom"]
Y = int(ROM[1, 4])


def _wrong_next() -> toy.Statement:
    return _statement([_step_row(1, 0, 5, 4, Y, 9, 1234)], [], 5, 1234)


def _wrong_square() -> toy.Statement:
    following = (26 * 5 + Y + 9) % P
    return _statement([_step_row(1, 0, 5, 4, Y, 9, following, square=26)], [], 5, following)


def _foreign_rom_entry() -> toy.Statement:
    following = (125 + Y + 1 + 9) % P
    return _statement([_step_row(1, 0, 5, 4, Y + 1, 9, following)], [], 5, following)


def _digit_of_32() -> toy.Statement:
    following = (125 + Y + 32) % P
    return _statement([_step_row(1, 0, 5, 4, Y, 32, following)], [], 5, following)


def _jump_backwards() -> toy.Statement:
    """Two steps under one tick: a jump row with selector -1 leads back from clock 1 to clock 0."""
    first = (125 + Y + 9) % P
    again = (first - 1) % P
    second = (pow(again, 3, P) + Y + 9) % P
    steps = [_step_row(1, 0, 5, 4, Y, 9, first), _step_row(1, 0, again, 4, Y, 9, second)]
    return _statement(steps, [[P - 1, 0, again]], 5, second)


def _step_backwards() -> toy.Statement:
    """Two jumps under one tick, with a step row of selector -1 between them."""
    root = pow(6 - Y - 9, pow(3, -1, P - 1), P)  # root^3 + y + d = 6
    steps = [_step_row(-1, 0, root, 4, Y, 9, 6)]
    return _statement(steps, [[1, 0, 5], [1, 0, root]], 5, root + 1)


def _without_constraint(name: str, constraint: str) -> Machine:
    machine = toy.machine()
    for chip in machine.chips:
        if chip.name == name:
            kept = [c for c in chip.constraints if c.name != constraint]
            assert len(kept) == len(chip.constraints) - 1
            chip.constraints = kept
    return machine


def _without_bus(number: int) -> Machine:
    """The bus with a multiplicity of zero everywhere: its uses are dropped, the table keeps one neutral interaction."""
    machine = toy.machine()
    for chip in machine.chips:
        for i, interaction in enumerate(chip.interactions):
            if interaction.bus.number == number:
                multiplicity = interaction.multiplicity - interaction.multiplicity
                chip.interactions[i] = replace(interaction, multiplicity=multiplicity)
    return machine


@pytest.mark.parametrize(
    ("false", "weaker"),
    [
        (_wrong_next, lambda: _without_constraint("step", "next")),
        (_wrong_square, lambda: _without_constraint("step", "square")),
        (_jump_backwards, lambda: _without_constraint("jump", "sel is boolean")),
        (_step_backwards, lambda: _without_constraint("step", "sel is boolean")),
        (_foreign_rom_entry, lambda: _without_bus(toy.ROM.number)),
        (_digit_of_32, lambda: _without_bus(toy.DIGIT.number)),
    ],
)
def test_false_statement_has_a_proof_only_in_the_weaker_machine(
    kit: Toy, false: Callable[[], toy.Statement], weaker: Callable[[], Machine]
) -> None:
    statement = false()
    with pytest.raises(VerificationError):
        verify(kit.vk, kit.prove(statement))
    pk, vk = kit.keys(weaker())
    assert list(verify(vk, prove(pk, statement.traces, statement.public_values, kit.device))) == statement.public_values
