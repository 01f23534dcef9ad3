"""LW, and LOADSUB: LB, LBU, LH, LHU."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.chips.frame import F1, MEMORY, CpuChip
from zk.chips.rows import CpuRows, Trace, lo
from zk.vm.isa import OpCode


def build_lw() -> Chip:
    """rd := memory[rs1 + immediate]."""
    cpu = CpuChip("LW", F1, {"sel": OpCode.LW}, MEMORY)
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.i, 0)
    cpu.read_rs1()
    cpu.memory_access((c.w0, c.w1))
    cpu.write_rd(c.w0, c.w1)
    return cpu.chip


def fill_lw(rows: CpuRows) -> Trace:
    """Trace of LW."""
    return {**rows.frame_of_load(), "sel": rows.ones()}


def build_loadsub() -> Chip:
    """rd := byte or half word of memory[(rs1 + immediate) with bits 0, 1 cleared], extended.

    p0, p1 are the cleared bits; h the selected half word with low byte l; e the selected value; x fixes the sign sg
    (0 for the unsigned forms).
    """
    flags = {"lb": OpCode.LB, "lbu": OpCode.LBU, "lh": OpCode.LH, "lhu": OpCode.LHU}
    cpu = CpuChip("LOADSUB", F1, flags, (*MEMORY, "p0", "p1", "h", "l", "e", "x", "sg", "a0"))
    c = cpu.columns
    half = c.lh + c.lhu
    cpu.gated_booleans("p0", "p1", "sg")
    cpu.chip.constrain("half words are 2-aligned", half * c.p0)
    cpu.chip.define(c.h, c.w0 + c.p1 * (c.w1 - c.w0))
    high_byte = (c.h - c.l) / 256
    cpu.bytes(c.l, high_byte)
    cpu.chip.define(c.e, half * c.h + (c.lb + c.lbu) * (c.l + c.p0 * (high_byte - c.l)))
    cpu.chip.define(c.x, (512 * c.lb + 2 * c.lh) * c.e - 65536 * c.sg)
    cpu.range16(c.x)
    cpu.chip.define(c.a0, c.e + 0xFF00 * c.lb * c.sg)

    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.i, 0)
    cpu.read_rs1()
    cpu.memory_access((c.w0, c.w1), c.p0 + 2 * c.p1)
    cpu.write_rd(c.a0, 65535 * c.sg)
    return cpu.chip


def fill_loadsub(rows: CpuRows) -> Trace:
    """Trace of LOADSUB."""
    codes = {"lb": OpCode.LB, "lbu": OpCode.LBU, "lh": OpCode.LH, "lhu": OpCode.LHU}
    flags = {name: rows.flag(code) for name, code in codes.items()}
    address = lo(rows.b) + rows.offset()
    p0, p1 = address & 1, address >> 1 & 1
    h = rows.c >> (16 * p1) & 0xFFFF
    half = flags["lh"] + flags["lhu"]
    e = half * h + (1 - half) * (h >> (8 * p0) & 0xFF)
    scaled = (512 * flags["lb"] + 2 * flags["lh"]) * e
    sg = scaled >> 16
    parts = {"p0": p0, "p1": p1, "h": h, "l": h & 0xFF, "e": e, "x": lo(scaled), "sg": sg}
    a0 = e + 0xFF00 * flags["lb"] * sg
    return {**rows.frame_of_load(), **flags, **parts, "a0": a0}
