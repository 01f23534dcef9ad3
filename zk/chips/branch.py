"""BEQ (BEQ, BNE) and BLT (BLT, BGE, BLTU, BGEU)."""

from __future__ import annotations

import numpy as np

from zk.air.chip import Chip
from zk.chips.compare import LESS_THAN_COLUMNS, fill_less_than, less_than
from zk.chips.frame import FB, CpuChip
from zk.chips.rows import Array, CpuRows, Trace, hi, in_field, limb_inverses, lo
from zk.vm.isa import OpCode


def build_beq() -> Chip:
    """z = [b = c], proven by inverses v of a limb difference; taken where the instruction asks for this z."""
    cpu = CpuChip("BEQ", FB, {"beq": OpCode.BEQ, "bne": OpCode.BNE}, ("target", "z", "v0", "v1", "next"))
    c = cpu.columns
    low, high = c.b0 - c.c0, c.b1 - c.c1
    cpu.gated("equal means equal low limbs", c.z * low)
    cpu.gated("equal means equal high limbs", c.z * high)
    cpu.gated("unequal means a difference", 1 - c.z - low * c.v0 - high * c.v1)
    taken = c.beq * c.z + c.bne * (1 - c.z)
    cpu.chip.constrain("next pc", cpu.sel * (c.next - c.pc - 4) - taken * (c.target - c.pc - 4))

    cpu.step(c.next)
    cpu.fetch(c.rs2, c.rs1, c.target, 0)
    cpu.branch_accesses()
    return cpu.chip


def fill_beq(rows: CpuRows) -> Trace:
    """Trace of BEQ."""
    beq, equal = rows.flag(OpCode.BEQ), (rows.b == rows.c).astype(np.int64)
    low, high = lo(rows.b) - lo(rows.c), hi(rows.b) - hi(rows.c)
    witnesses = {"v0": _inverse(low), "v1": _inverse(np.where(low == 0, high, 0))}
    taken = equal == beq
    return {**rows.frame_of_branch(), "beq": beq, "bne": 1 - beq, "z": equal, **witnesses, **_target(rows, taken)}


def build_blt() -> Chip:
    """Taken where [b < c] is what the instruction asks for."""
    flags = {"blt": OpCode.BLT, "bge": OpCode.BGE, "bltu": OpCode.BLTU, "bgeu": OpCode.BGEU}
    cpu = CpuChip("BLT", FB, flags, ("target", "next", *LESS_THAN_COLUMNS))
    c = cpu.columns
    less_than(cpu, c.blt + c.bge)
    taken = (c.blt + c.bltu) * c.lt + (c.bge + c.bgeu) * (1 - c.lt)
    cpu.chip.constrain("next pc", cpu.sel * (c.next - c.pc - 4) - taken * (c.target - c.pc - 4))

    cpu.step(c.next)
    cpu.fetch(c.rs2, c.rs1, c.target, 0)
    cpu.branch_accesses()
    return cpu.chip


def fill_blt(rows: CpuRows) -> Trace:
    """Trace of BLT."""
    codes = {"blt": OpCode.BLT, "bge": OpCode.BGE, "bltu": OpCode.BLTU, "bgeu": OpCode.BGEU}
    flags = {name: rows.flag(code) for name, code in codes.items()}
    comparison = fill_less_than(rows, flags["blt"] + flags["bge"])
    taken = comparison["lt"] == flags["blt"] + flags["bltu"]
    return {**rows.frame_of_branch(), **flags, **comparison, **_target(rows, taken)}


def _target(rows: CpuRows, taken: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Trace:
    return {"target": rows.x, "next": np.where(taken, rows.x, rows.pc + 4)}


def _inverse(difference: Array) -> Array:
    """Field inverse of a difference of two limbs; 0 for 0."""
    return in_field(np.sign(difference) * limb_inverses()[np.abs(difference)])
