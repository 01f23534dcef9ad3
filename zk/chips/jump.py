"""SET (JAL, LUI, AUIPC, constants) and JALR, whose link pc + 4 is exact because its low limb comes from ROM."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.chips.frame import F0, F1, CpuChip
from zk.chips.rows import CpuRows, Trace, hi, lo
from zk.vm.isa import OpCode


def build_set() -> Chip:
    """rd := constant; pc := target. JAL with its link; LUI, AUIPC and constants with target pc + 4."""
    cpu = CpuChip("SET", F0, {"sel": OpCode.SET}, ("target", "i0", "i1"))
    c = cpu.columns
    cpu.step(c.target)
    cpu.fetch(c.rd, c.target, c.i0, c.i1)
    cpu.write_rd(c.i0, c.i1)
    return cpu.chip


def fill_set(rows: CpuRows) -> Trace:
    """Trace of SET."""
    constant = {"target": rows.rs1, "i0": rows.x, "i1": rows.y}
    return {**rows.frame_read_write(), "sel": rows.ones(), **constant}


def build_jalr() -> Chip:
    """rd := pc + 4; pc := (rs1 + immediate) with bit 0 cleared. Bit 1 must be 0; the next pc is below 2^30."""
    cpu = CpuChip("JALR", F1, {"jalr": OpCode.JALR, "jalrn": OpCode.JALRN}, ("i0", "l0", "k0", "k1", "lsb"))
    c = cpu.columns
    cpu.gated_booleans("k0", "k1", "lsb")
    low = c.b0 + c.i0 - 65536 * c.k0 - c.lsb
    high = c.b1 + 65535 * c.jalrn + c.k0 - 65536 * c.k1
    cpu.range16(low / 4, 4 * high)

    cpu.step(low + 65536 * high)
    cpu.fetch(c.rd, c.rs1, c.i0, c.l0)
    cpu.read_rs1()
    cpu.write_rd(c.l0, (c.pc + 4 - c.l0) / 65536)
    return cpu.chip


def fill_jalr(rows: CpuRows) -> Trace:
    """Trace of JALR."""
    negative = rows.flag(OpCode.JALRN)
    low = lo(rows.b) + rows.x
    k0 = low >> 16
    k1 = (hi(rows.b) + 65535 * negative + k0) >> 16
    carries = {"k0": k0, "k1": k1, "lsb": low & 1}
    return {**rows.frame(), "jalr": 1 - negative, "jalrn": negative, "i0": rows.x, "l0": rows.y, **carries}
