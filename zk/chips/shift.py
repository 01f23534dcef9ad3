"""SHIFT: SLL, SRL, SRA and their immediate forms, by powers of two and a limb exchange for bit 4."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.chips.buses import SH
from zk.chips.frame import CpuChip, M
from zk.chips.rows import CpuRows, Trace, hi, lo
from zk.vm.isa import OpCode

_PARTS = ("sh", "p2", "q2", "f", "w", "v", "m0", "v0", "m1", "v1", "y0", "y1", "sg", "a0", "a1")


def build_shift() -> Chip:
    """rd := rs1 shifted by c mod 32.

    Each limb is split b_i = m_i + v_i W with m_i < W, v_i < V, W V = 2^16. y is the shift by the amount mod 16, a that by
    16 more where bit 4 (f) is set; sg is the sign that SRA shifts in. All four range checks of a split are needed, also
    mod p when W >= 2^15.
    """
    cpu = CpuChip("SHIFT", M, {"sll": OpCode.SLL, "srl": OpCode.SRL, "sra": OpCode.SRA}, _PARTS)
    c = cpu.columns
    right = c.srl + c.sra
    cpu.step()
    cpu.fetch_mixed()
    cpu.range16((c.c0 - c.sh) / 32)
    cpu.send(SH, c.sh, c.p2, c.q2, c.f)
    cpu.chip.define(c.w, c.sll * c.q2 + right * c.p2)
    cpu.chip.define(c.v, c.sll * c.p2 + right * c.q2)
    for j in range(2):
        m, v = c[f"m{j}"], c[f"v{j}"]
        cpu.gated(f"split of limb {j}", c[f"b{j}"] - m - v * c.w)
        cpu.range16(m, c.w - 1 - m, v, c.v - 1 - v)
    cpu.gated_booleans("sg")
    cpu.range16(c.b1 + 32768 * c.sra - 65536 * c.sg)
    cpu.chip.define(c.y0, c.sll * c.m0 * c.v + right * (c.v0 + c.m1 * c.v))
    cpu.chip.define(c.y1, c.sll * (c.m1 * c.v + c.v0) + right * c.v1 + c.sg * (65536 * cpu.sel - c.v))
    cpu.chip.define(c.a0, c.y0 + c.f * (right * c.y1 - c.y0))
    cpu.chip.define(c.a1, c.y1 + c.f * (c.sll * c.y0 + 65535 * c.sg - c.y1))
    cpu.mixed_accesses(c.a0, c.a1)
    return cpu.chip


def fill_shift(rows: CpuRows) -> Trace:
    """Trace of SHIFT."""
    sll, srl = rows.flag(OpCode.SLL, OpCode.SLLI), rows.flag(OpCode.SRL, OpCode.SRLI)
    sra = 1 - sll - srl
    amount = rows.c & 31
    low_bits = amount & 15
    p2, q2, f = 1 << low_bits, 1 << (16 - low_bits), amount >> 4
    split = low_bits + sll * (16 - 2 * low_bits)  # log2 W
    w, v = 1 << split, 1 << (16 - split)
    m0, v0 = lo(rows.b) & (w - 1), lo(rows.b) >> split
    m1, v1 = hi(rows.b) & (w - 1), hi(rows.b) >> split
    sg = sra & rows.b >> 31
    y0 = sll * m0 * v + (1 - sll) * (v0 + m1 * v)
    y1 = sll * (m1 * v + v0) + (1 - sll) * v1 + sg * (65536 - v)
    a0 = y0 + f * ((1 - sll) * y1 - y0)
    a1 = y1 + f * (sll * y0 + 65535 * sg - y1)
    columns = {**rows.frame_mixed(), "sll": sll, "srl": srl, "sra": sra, "sh": amount, "p2": p2, "q2": q2, "f": f}
    split_columns = {"w": w, "v": v, "m0": m0, "v0": v0, "m1": m1, "v1": v1}
    return {**columns, **split_columns, "y0": y0, "y1": y1, "sg": sg, "a0": a0, "a1": a1}
