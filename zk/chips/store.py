"""SW, and STORESUB: SB, SH."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.air.expression import ExprLike
from zk.chips.frame import FB, MEMORY, CpuChip, Limbs
from zk.chips.rows import CpuRows, Trace, in_field, lo
from zk.vm.isa import OpCode


def build_sw() -> Chip:
    """memory[rs1 + immediate] := rs2."""
    cpu = CpuChip("SW", FB, {"sel": OpCode.SW}, MEMORY)
    _finish(cpu, (cpu.columns.c0, cpu.columns.c1))
    return cpu.chip


def fill_sw(rows: CpuRows) -> Trace:
    """Trace of SW."""
    return {**rows.frame_of_store(), "sel": rows.ones()}


def build_storesub() -> Chip:
    """Replaces a byte or half word of memory[(rs1 + immediate) with bits 0, 1 cleared] by the low part of rs2.

    p0, p1 are the cleared bits; h the old half word with low byte l; vl the low byte of rs2; de what the half word
    changes by, of which E goes to the high limb.
    """
    parts = ("p0", "p1", "h", "l", "vl", "de", "e_high")
    cpu = CpuChip("STORESUB", FB, {"sb": OpCode.SB, "sh": OpCode.SH}, (*MEMORY, *parts))
    c = cpu.columns
    cpu.gated_booleans("p0", "p1")
    cpu.chip.constrain("half words are 2-aligned", c.sh * c.p0)
    cpu.chip.define(c.h, c.w0 + c.p1 * (c.w1 - c.w0))
    old_high = (c.h - c.l) / 256
    cpu.bytes(c.l, old_high)
    cpu.bytes(c.vl, (c.c0 - c.vl) / 256)
    byte_change = (1 - c.p0) * (c.vl - c.l) + 256 * (c.p0 * (c.vl - old_high))
    cpu.chip.define(c.de, c.sh * (c.c0 - c.h) + c.sb * byte_change)
    cpu.chip.define(c.e_high, c.p1 * c.de)
    _finish(cpu, (c.w0 + c.de - c.e_high, c.w1 + c.e_high), c.p0 + 2 * c.p1)
    return cpu.chip


def fill_storesub(rows: CpuRows) -> Trace:
    """Trace of STORESUB."""
    sb = rows.flag(OpCode.SB)
    address = lo(rows.b) + rows.offset()
    p0, p1 = address & 1, address >> 1 & 1
    h = rows.o >> (16 * p1) & 0xFFFF
    new_byte, old_byte = rows.c & 0xFF, h >> (8 * p0) & 0xFF
    de = (1 - sb) * (lo(rows.c) - h) + sb * ((new_byte - old_byte) << (8 * p0))
    parts = {"p0": p0, "p1": p1, "h": h, "l": h & 0xFF, "vl": new_byte, "de": in_field(de), "e_high": in_field(p1 * de)}
    return {**rows.frame_of_store(), "sb": sb, "sh": 1 - sb, **parts}


def _finish(cpu: CpuChip, new: Limbs, low_bits: ExprLike = 0) -> None:
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rs2, c.rs1, c.i, 0)
    cpu.branch_accesses()
    cpu.memory_access(new, low_bits)
