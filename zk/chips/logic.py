"""LOGIC: AND, OR, XOR and their immediate forms, byte by byte through the table of their results; LOGIC_RW: rd = rs1."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.air.expression import Expr
from zk.chips.buses import LOGIC
from zk.chips.frame import RW2, CpuChip, Limbs, M
from zk.chips.rows import Array, CpuRows, Trace
from zk.vm.isa import READ_WRITE_FORM, OpCode

_PARTS = ("code", "xl0", "xl1", "cl0", "cl1", "z0", "z1", "z2", "z3")


def build_logic() -> Chip:
    """rd := rs1 op c."""
    cpu = CpuChip("LOGIC", M, {"sel": OpCode.AND}, _PARTS)
    cpu.op = cpu.columns.code
    cpu.runs(OpCode.AND, OpCode.OR, OpCode.XOR)
    cpu.step()
    cpu.fetch_mixed()
    cpu.mixed_accesses(*_result(cpu, "b"))
    return cpu.chip


def fill_logic(rows: CpuRows) -> Trace:
    """Trace of LOGIC."""
    immediate = rows.immediate_form()
    return {**rows.frame_mixed(), **_fill_parts(rows, rows.op - 32 * immediate, rows.b)}


def build_logic_rw() -> Chip:
    """rd := rd op rs2."""
    cpu = CpuChip("LOGIC_RW", RW2, {"sel": OpCode.AND_RW}, _PARTS)
    c = cpu.columns
    cpu.op = c.code + READ_WRITE_FORM
    cpu.runs(OpCode.AND_RW, OpCode.OR_RW, OpCode.XOR_RW)
    cpu.step()
    cpu.fetch(c.rd, c.rd, c.rs2, 0)
    cpu.read_rs2()
    cpu.write_rd(*_result(cpu, "o"))
    return cpu.chip


def fill_logic_rw(rows: CpuRows) -> Trace:
    """Trace of LOGIC_RW."""
    return {**rows.frame_read_write(), **rows.second(), **_fill_parts(rows, rows.op - READ_WRITE_FORM, rows.o)}


def _result(cpu: CpuChip, name: str) -> Limbs:
    """x op c, x being the word `name`. The table has the codes of AND, OR and XOR only, so it binds the code of the row as well.

    The results are bytes: no other range check is needed.
    """
    c = cpu.columns
    limbs: list[Expr] = []
    for j in range(2):
        x_low, c_low = c[f"xl{j}"], c[f"cl{j}"]
        low, high = c[f"z{2 * j}"], c[f"z{2 * j + 1}"]
        cpu.send(LOGIC, c.code, x_low, c_low, low)
        cpu.send(LOGIC, c.code, (c[f"{name}{j}"] - x_low) / 256, (c[f"c{j}"] - c_low) / 256, high)
        limbs.append(low + 256 * high)
    return limbs[0], limbs[1]


def _fill_parts(rows: CpuRows, code: Array, x: Array) -> Trace:
    common, different = x & rows.c, x ^ rows.c
    result = common * (code != OpCode.XOR) + different * (code != OpCode.AND)
    columns = {"sel": rows.ones(), "code": code}
    for j in range(4):
        columns[f"z{j}"] = result >> (8 * j) & 255
    for j in range(2):
        columns[f"xl{j}"] = x >> (16 * j) & 255
        columns[f"cl{j}"] = rows.c >> (16 * j) & 255
    return columns
