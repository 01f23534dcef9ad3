"""The less-than gadgets; CMP: SLT, SLTU and their immediate forms; SLTU_RW: SLTU with rd = rs2."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.air.expression import Expr, ExprLike, as_expr
from zk.chips.frame import F1, CpuChip, M
from zk.chips.rows import Array, CpuRows, Trace, lo
from zk.vm.isa import OpCode

LESS_THAN_COLUMNS = ("sb", "sc", "br", "lt")


def less_than(cpu: CpuChip, signed: ExprLike) -> None:
    """lt = [b < c], as two's complement where the flag `signed` is set; signs sb, sc, borrow br. No inverse is needed."""
    c, half = cpu.columns, 32768 * as_expr(signed)
    cpu.gated_booleans(*LESS_THAN_COLUMNS)
    cpu.range16(
        c.b1 + half - 65536 * c.sb,
        c.c1 + half - 65536 * c.sc,
        c.b0 - c.c0 + 65536 * c.br,
        c.b1 - c.c1 - c.br + 65536 * (c.lt - c.sb + c.sc),
    )


def fill_less_than(rows: CpuRows, signed: Array) -> Trace:
    """Columns of the gadget."""
    sb, sc = signed & rows.b >> 31, signed & rows.c >> 31
    below = (rows.b - (sb << 32)) < (rows.c - (sc << 32))
    borrow = lo(rows.b) < lo(rows.c)
    return {"sb": sb, "sc": sc, "br": borrow.astype(sb.dtype), "lt": below.astype(sb.dtype)}


def below(cpu: CpuChip, x: tuple[Expr, Expr], y: tuple[Expr, Expr]) -> None:
    """lt = [x < y] of unsigned words, with the borrow br."""
    c = cpu.columns
    cpu.gated_booleans("br", "lt")
    cpu.range16(x[0] - y[0] + 65536 * c.br, x[1] - y[1] - c.br + 65536 * c.lt)


def fill_below(x: Array, y: Array) -> Trace:
    """Columns of the gadget."""
    return {"br": (lo(x) < lo(y)).astype(x.dtype), "lt": (x < y).astype(x.dtype)}


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


def build_sltu_rw() -> Chip:
    """rd := [rs1 < rd], unsigned: the carry of an addition."""
    cpu = CpuChip("SLTU_RW", F1, {"sel": OpCode.SLTU_RW}, ("br", "lt"))
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.rd, 0)
    below(cpu, (c.b0, c.b1), (c.o0, c.o1))
    cpu.read_rs1()
    cpu.write_rd(c.lt, 0)
    return cpu.chip


def fill_sltu_rw(rows: CpuRows) -> Trace:
    """Trace of SLTU_RW."""
    return {**rows.frame(), "sel": rows.ones(), **fill_below(rows.b, rows.o)}
