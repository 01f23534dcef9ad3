"""The less-than gadget, and CMP: SLT, SLTU and their immediate forms."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.air.expression import Expr
from zk.chips.frame import CpuChip, M
from zk.chips.rows import Array, CpuRows, Trace, lo
from zk.vm.isa import OpCode

LESS_THAN_COLUMNS = ("sb", "sc", "br", "lt")


def less_than(cpu: CpuChip, signed: Expr) -> None:
    """lt = [b < c], as two's complement where the flag `signed` is set; signs sb, sc, borrow br. No inverse is needed."""
    c = cpu.columns
    cpu.gated_booleans(*LESS_THAN_COLUMNS)
    cpu.range16(
        c.b1 + 32768 * signed - 65536 * c.sb,
        c.c1 + 32768 * signed - 65536 * c.sc,
        c.b0 - c.c0 + 65536 * c.br,
        c.b1 - c.c1 - c.br + 65536 * (c.lt - c.sb + c.sc),
    )


def fill_less_than(rows: CpuRows, signed: Array) -> Trace:
    """Columns of the gadget."""
    sb, sc = signed & rows.b >> 31, signed & rows.c >> 31
    below = (rows.b - (sb << 32)) < (rows.c - (sc << 32))
    borrow = lo(rows.b) < lo(rows.c)
    return {"sb": sb, "sc": sc, "br": borrow.astype(sb.dtype), "lt": below.astype(sb.dtype)}


def build_cmp() -> Chip:
    """rd := [rs1 < c]."""
    cpu = CpuChip("CMP", M, {"slt": OpCode.SLT, "sltu": OpCode.SLTU}, LESS_THAN_COLUMNS)
    c = cpu.columns
    cpu.step()
    cpu.fetch_mixed()
    less_than(cpu, c.slt)
    cpu.mixed_accesses(c.lt, 0)
    return cpu.chip


def fill_cmp(rows: CpuRows) -> Trace:
    """Trace of CMP."""
    signed = rows.flag(OpCode.SLT, OpCode.SLTI)
    flags = {"slt": signed, "sltu": 1 - signed}
    return {**rows.frame_mixed(), **flags, **fill_less_than(rows, signed)}
