"""ECALL: HALT, HINT_WORD, COMMIT and the delegation of coprocessor calls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.chips.buses import DELEG, HALT, OUT, R16
from zk.chips.frame import CpuChip, Limbs
from zk.chips.rows import Trace, hi, lo
from zk.vm.isa import OpCode
from zk.vm.rom import Rom

_LIMBS = ("n", "a00", "a01", "n00", "n01", "a10", "a11", "a20", "a21")
_TIMES = ("t0", "t1", "t2", "t3")
_FLAGS = ("halt", "hint", "commit", "deleg")


def build_ecall() -> Chip:
    """Reads a7 (must be below 2^16), a0, a1, a2; a0 changes for HINT_WORD only; HALT leads to pc 0, which has no row."""
    flags = dict.fromkeys(_FLAGS, OpCode.ECALL)
    cpu = CpuChip("ECALL", ("pc", "clk"), flags, (*_LIMBS, *_TIMES, "next"))
    c, chip = cpu.columns, cpu.chip
    chip.constrain("HALT is call 0", c.halt * c.n)
    chip.constrain("HINT_WORD is call 1", c.hint * (c.n - 1))
    chip.constrain("COMMIT is call 2", c.commit * (c.n - 2))
    no_hint = cpu.sel - c.hint
    chip.constrain("a0 stays, low limb", no_hint * (c.n00 - c.a00))
    chip.constrain("a0 stays, high limb", no_hint * (c.n01 - c.a01))
    chip.constrain("the output index is a limb", c.commit * c.a01)
    chip.define(c.next, (cpu.sel - c.halt) * (c.pc + 4))

    cpu.step(c.next)
    cpu.fetch(0, 0, 0, 0)
    words: tuple[tuple[int, Limbs, Limbs], ...] = (
        (17, (c.n, 0), (c.n, 0)),
        (10, (c.a00, c.a01), (c.n00, c.n01)),
        (11, (c.a10, c.a11), (c.a10, c.a11)),
        (12, (c.a20, c.a21), (c.a20, c.a21)),
    )
    for slot, (number, old, new) in enumerate(words):
        cpu.access(number, slot, old, new, c[f"t{slot}"])
    chip.send(R16, c.hint, c.n00)
    chip.send(R16, c.hint, c.n01)
    chip.send(HALT, c.halt, c.a00, c.a01)
    chip.send(OUT, c.commit, c.a00, c.a10, c.a11)
    arguments = [c[f"a{j}0"] + 65536 * c[f"a{j}1"] for j in range(3)]
    chip.send(DELEG, c.deleg, c.n, c.clk, *arguments)
    for j in range(3):  # each argument is below 2^30, so that it is one element
        chip.send(R16, c.deleg, 4 * c[f"a{j}1"])
    return chip


def fill_ecall(rows: NDArray[np.uint32], rom: Rom) -> Trace:
    """Trace of ECALL from logged rows (11, n)."""
    row, clk, call, t0, a0, t1, new, a1, t2, a2, t3 = (column.astype(np.int64) for column in rows)
    pc = rom.pc[row].astype(np.int64)
    flags = {name: (call == number).astype(np.int64) for number, name in enumerate(_FLAGS[:3])}
    flags["deleg"] = (call > 2).astype(np.int64)
    columns = {"pc": pc, "clk": clk, "n": call, **flags, "next": (1 - flags["halt"]) * (pc + 4)}
    for name, word in (("a0", a0), ("n0", new), ("a1", a1), ("a2", a2)):
        columns |= {f"{name}0": lo(word), f"{name}1": hi(word)}
    for slot, t in enumerate((t0, t1, t2, t3)):
        columns[f"t{slot}"] = t
    return columns
