"""A small machine that uses every part of the argument: two buses of each kind, four chips of different heights, a preprocessed
table, virtual columns, an optional chip, one chip higher than the stacked rows.

State (clk, a). A step chip sends a to a^3 + y + d with y from a ROM and a digit d below 32; a jump chip sends a to a + 1.
Public values: start, end, number of steps, a tag below 2^16.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Bus, Chip, Machine, PublicTerm

P = 2**31 - 2**24 + 1
STATE = Bus(1, "STATE", 2, "permutation")
ROM = Bus(2, "ROM", 2, "lookup")
DIGIT = Bus(3, "DIGIT", 2, "lookup")
STEPS_MAX = 1 << 10
ROM_LOG, DIGIT_LOG = 4, 5

Columns = NDArray[np.uint32]


@dataclass(slots=True)
class Statement:
    """Traces and public values, free to be falsified."""

    traces: dict[str, Columns]
    public_values: list[int]

    def cell(self, chip: str, column: int, row: int, value: int) -> None:
        """Overwrites one cell."""
        self.traces[chip][column, row] = value % P


def step_chip() -> Chip:
    """a -> a^3 + y + d."""
    chip = Chip("step", height_log_min=6, height_log_max=9, optional=False)
    c = chip.declare(main=["sel", "clk", "a", "square", "x", "y", "d", "power", "next"], selectors=["sel"])
    chip.constrain("sel is boolean", c["sel"] * (c["sel"] - 1))
    chip.define(c["square"], c["a"] * c["a"])
    chip.constrain("next", c["sel"] * (c["next"] - c["square"] * c["a"] - c["y"] - c["d"]))
    chip.receive(STATE, c["sel"], c["clk"], c["a"])
    chip.send(STATE, c["sel"], c["clk"] + 1, c["next"])
    chip.send(ROM, c["sel"], c["x"], c["y"])
    chip.send(DIGIT, c["sel"], c["d"], c["power"])
    return chip


def jump_chip(optional: bool = True, height_log_max: int = 5) -> Chip:
    """a -> a + 1."""
    chip = Chip("jump", height_log_min=4, height_log_max=height_log_max, optional=optional)
    c = chip.declare(main=["sel", "clk", "a"], selectors=["sel"])
    chip.constrain("sel is boolean", c["sel"] * (c["sel"] - 1))
    chip.receive(STATE, c["sel"], c["clk"], c["a"])
    chip.send(STATE, c["sel"], c["clk"] + 1, c["a"] + 1)
    return chip


def rom_chip() -> Chip:
    """Preprocessed pairs (x, y)."""
    chip = Chip("rom", height_log_min=ROM_LOG, height_log_max=ROM_LOG, optional=False)
    c = chip.declare(main=["m"], preprocessed=["x", "y"])
    chip.receive(ROM, c["m"], c["x"], c["y"])
    return chip


def digit_chip() -> Chip:
    """The table (i, 2^(i mod 16)) of i < 32 in virtual columns."""
    chip = Chip("digit", height_log_min=DIGIT_LOG, height_log_max=DIGIT_LOG, optional=False)
    c = chip.declare(main=["m"], virtual=["IDX", "POW2_16"])
    chip.receive(DIGIT, c["m"], c["IDX"], c["POW2_16"])
    return chip


def machine(jump: Chip | None = None) -> Machine:
    """The toy machine."""
    return Machine(
        name="toy",
        chips=(jump or jump_chip(), rom_chip(), step_chip(), digit_chip()),
        buses=(STATE, ROM, DIGIT),
        public_value_count=4,
        public_terms=_public_terms,
        check_public_values=_check_public_values,
        parameters=(("start_clk", b"\0\0\0\0"),),
    )


def _public_terms(values: Sequence[int]) -> list[PublicTerm]:
    return [PublicTerm(STATE, 1, (0, values[0])), PublicTerm(STATE, -1, (values[2], values[1]))]


def _check_public_values(values: Sequence[int]) -> None:
    if values[2] > STEPS_MAX:
        raise ValueError(f"steps: expected at most {STEPS_MAX}, found {values[2]}")
    if values[3] >= 1 << 16:
        raise ValueError(f"tag: expected below 2^16, found {values[3]}")


def rom_columns(seed: int = 7) -> dict[str, Columns]:
    """The preprocessed columns."""
    rng = random.Random(seed)
    return {"rom": np.array([range(16), [rng.randrange(P) for _ in range(16)]], dtype=np.uint32)}


def statement(steps: int = 300, jumps: int = 5, log_height: int = 9, seed: int = 1) -> Statement:
    """An honest execution; without jumps the jump chip is absent."""
    rng = random.Random(seed)
    rom = rom_columns()["rom"]
    step_rows, jump_rows = [], []
    rom_uses, digit_uses = np.zeros((1, 1 << ROM_LOG), np.uint32), np.zeros((1, 1 << DIGIT_LOG), np.uint32)
    start = a = rng.randrange(P)
    kinds = ["step"] * steps + ["jump"] * jumps
    rng.shuffle(kinds)
    for clk, kind in enumerate(kinds):
        if kind == "jump":
            jump_rows.append([1, clk, a])
            a = (a + 1) % P
            continue
        x, d = rng.randrange(1 << ROM_LOG), rng.randrange(1 << DIGIT_LOG)
        y, following = int(rom[1, x]), (pow(a, 3, P) + int(rom[1, x]) + d) % P
        step_rows.append([1, clk, a, a * a % P, x, y, d, 1 << (d & 15), following])
        rom_uses[0, x] += 1
        digit_uses[0, d] += 1
        a = following
    traces = {
        "step": _columns(step_rows, 9, log_height),
        "rom": rom_uses,
        "digit": digit_uses,
    }
    if jumps:
        traces["jump"] = _columns(jump_rows, 3, 4)
    return Statement(traces, [start, a, steps + jumps, 4711])


def _columns(rows: Sequence[Sequence[int]], count: int, log_height: int) -> Columns:
    columns = np.zeros((count, 1 << log_height), dtype=np.uint32)
    if rows:
        columns[:, : len(rows)] = np.array(rows, dtype=np.uint32).T
    return columns
