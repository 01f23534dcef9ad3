"""BEQ (BEQ, BNE), BEQZ (the same against x0), BLT (BLT, BGE) and BLTU (BLTU, BGEU)."""

from __future__ import annotations

import numpy as np

from zk.air.chip import Chip
from zk.air.expression import Expr
from zk.chips.compare import LESS_THAN_COLUMNS, below, fill_below, fill_less_than, less_than
from zk.chips.frame import FB, CpuChip
from zk.chips.rows import Array, CpuRows, Trace, hi, in_field, inverses, lo
from zk.vm.isa import OpCode

_ZERO_TEST = ("pc", "clk", "rs1", "b0", "b1", "t1")


def build_beq() -> Chip:
    """z = [b = c], proven by inverses v of a limb difference; taken where the instruction asks for this z."""
    cpu = CpuChip("BEQ", FB, {"beq": OpCode.BEQ, "bne": OpCode.BNE}, ("target", "z", "v0", "v1", "next"))
    c = cpu.columns
    low, high = c.b0 - c.c0, c.b1 - c.c1
    cpu.gated("equal means equal low limbs", c.z * low)
    cpu.gated("equal means equal high limbs", c.z * high)
    cpu.gated("unequal means a difference", 1 - c.z - low * c.v0 - high * c.v1)
    _branch(cpu, c.beq * c.z + c.bne * (1 - c.z))
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


def build_beqz() -> Chip:
    """z = [b = 0]: the limbs of b are 16-bit numbers, so b is 0 iff their sum is."""
    flags = {"beqz": OpCode.BEQZ, "bnez": OpCode.BNEZ}
    cpu = CpuChip("BEQZ", _ZERO_TEST, flags, ("target", "z", "v", "next"))
    c = cpu.columns
    total = c.b0 + c.b1
    cpu.gated("zero means zero limbs", c.z * total)
    cpu.gated("not zero means a limb", 1 - c.z - total * c.v)
    _branch(cpu, c.beqz * c.z + c.bnez * (1 - c.z))
    cpu.fetch(0, c.rs1, c.target, 0)
    cpu.read_rs1()
    return cpu.chip


def fill_beqz(rows: CpuRows) -> Trace:
    """Trace of BEQZ."""
    beqz, zero = rows.flag(OpCode.BEQZ), (rows.b == 0).astype(np.int64)
    columns = {"beqz": beqz, "bnez": 1 - beqz, "z": zero, "v": inverses()[lo(rows.b) + hi(rows.b)]}
    return {**rows.first(), **columns, **_target(rows, zero == beqz)}


def build_blt() -> Chip:
    """Taken where [b < c] of signed words is what the instruction asks for."""
    flags = {"blt": OpCode.BLT, "bge": OpCode.BGE}
    cpu = CpuChip("BLT", FB, flags, ("target", "next", *LESS_THAN_COLUMNS))
    c = cpu.columns
    less_than(cpu, 1)
    _branch(cpu, c.blt * c.lt + c.bge * (1 - c.lt))
    cpu.fetch(c.rs2, c.rs1, c.target, 0)
    cpu.branch_accesses()
    return cpu.chip


def fill_blt(rows: CpuRows) -> Trace:
    """Trace of BLT."""
    blt, comparison = rows.flag(OpCode.BLT), fill_less_than(rows, rows.ones())
    taken = comparison["lt"] == blt
    return {**rows.frame_of_branch(), "blt": blt, "bge": 1 - blt, **comparison, **_target(rows, taken)}


def build_bltu() -> Chip:
    """Taken where [b < c] of unsigned words is what the instruction asks for."""
    flags = {"bltu": OpCode.BLTU, "bgeu": OpCode.BGEU}
    cpu = CpuChip("BLTU", FB, flags, ("target", "next", "br", "lt"))
    c = cpu.columns
    below(cpu, (c.b0, c.b1), (c.c0, c.c1))
    _branch(cpu, c.bltu * c.lt + c.bgeu * (1 - c.lt))
    cpu.fetch(c.rs2, c.rs1, c.target, 0)
    cpu.branch_accesses()
    return cpu.chip


def fill_bltu(rows: CpuRows) -> Trace:
    """Trace of BLTU."""
    bltu, comparison = rows.flag(OpCode.BLTU), fill_below(rows.b, rows.c)
    taken = comparison["lt"] == bltu
    return {**rows.frame_of_branch(), "bltu": bltu, "bgeu": 1 - bltu, **comparison, **_target(rows, taken)}


def _branch(cpu: CpuChip, taken: Expr) -> None:
    """The next pc is the target where the branch is taken, else pc + 4. `taken` is 0 where no flag is set."""
    c = cpu.columns
    cpu.chip.constrain("next pc", cpu.sel * (c.next - c.pc - 4) - taken * (c.target - c.pc - 4))
    cpu.step(c.next)


def _target(rows: CpuRows, taken: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Trace:
    return {"target": rows.x, "next": np.where(taken, rows.x, rows.pc + 4)}


def _inverse(difference: Array) -> Array:
    """Field inverse of a difference of two limbs; 0 for 0."""
    return in_field(np.sign(difference) * inverses()[np.abs(difference)])
