"""ADDI, ADDI_RW (rd = rs1), MV; ADD (also SUB) and ADD_RW (rd = rs1)."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.air.expression import Expr
from zk.chips.frame import F1, F2, RW1, RW2, CpuChip, Limbs
from zk.chips.rows import Array, CpuRows, Trace, hi, lo
from zk.vm.isa import OpCode


def build_addi() -> Chip:
    """rd := rs1 + constant."""
    cpu = CpuChip("ADDI", F1, {"sel": OpCode.ADDI}, ("i0", "i1", "k0", "k1"))
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.i0, c.i1)
    cpu.read_rs1()
    cpu.write_rd(*_sum(cpu, (c.b0, c.b1), (c.i0, c.i1)))
    return cpu.chip


def fill_addi(rows: CpuRows) -> Trace:
    """Trace of ADDI."""
    constant = {"i0": rows.x, "i1": rows.y}
    return {**rows.frame(), "sel": rows.ones(), **constant, **_carries(rows.b, rows.x, rows.y)}


def build_addi_rw() -> Chip:
    """rd := rd + constant."""
    cpu = CpuChip("ADDI_RW", RW1, {"sel": OpCode.ADDI_RW}, ("i0", "i1", "k0", "k1"))
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rd, c.i0, c.i1)
    cpu.write_rd(*_sum(cpu, (c.o0, c.o1), (c.i0, c.i1)))
    return cpu.chip


def fill_addi_rw(rows: CpuRows) -> Trace:
    """Trace of ADDI_RW."""
    constant = {"i0": rows.x, "i1": rows.y}
    return {**rows.frame_read_write(), "sel": rows.ones(), **constant, **_carries(rows.o, rows.x, rows.y)}


def build_mv() -> Chip:
    """rd := rs1."""
    cpu = CpuChip("MV", F1, {"sel": OpCode.MV})
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rs1, 0, 0)
    cpu.read_rs1()
    cpu.write_rd(c.b0, c.b1)
    return cpu.chip


def fill_mv(rows: CpuRows) -> Trace:
    """Trace of MV."""
    return {**rows.frame(), "sel": rows.ones()}


def build_add() -> Chip:
    """rd := rs1 + rs2 or rs1 - rs2; a subtraction is the addition a + c = b."""
    cpu = CpuChip("ADD", F2, {"add": OpCode.ADD, "sub": OpCode.SUB}, ("a0", "a1"))
    c = cpu.columns
    result, operand = (c.a0, c.a1), (c.b0, c.b1)
    for name, x, total in (("add", operand, result), ("sub", result, operand)):
        low_carry = (x[0] + c.c0 - total[0]) / 65536
        high_carry = (x[1] + c.c1 + low_carry - total[1]) / 65536
        cpu.chip.constrain(f"{name}: low limb", c[name] * (low_carry * (low_carry - 1)))
        cpu.chip.constrain(f"{name}: high limb", c[name] * (high_carry * (high_carry - 1)))
    cpu.range16(c.a0, c.a1)

    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.rs2, 0)
    cpu.register_accesses(c.a0, c.a1)
    return cpu.chip


def fill_add(rows: CpuRows) -> Trace:
    """Trace of ADD."""
    subtraction = rows.flag(OpCode.SUB)
    result = (rows.b + rows.c * (1 - 2 * subtraction)) & 0xFFFFFFFF
    flags = {"add": 1 - subtraction, "sub": subtraction}
    return {**rows.frame_with_rs2(), **flags, "a0": lo(result), "a1": hi(result)}


def build_add_rw() -> Chip:
    """rd := rd + rs2."""
    cpu = CpuChip("ADD_RW", RW2, {"sel": OpCode.ADD_RW}, ("k0", "k1"))
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rd, c.rs2, 0)
    cpu.read_rs2()
    cpu.write_rd(*_sum(cpu, (c.o0, c.o1), (c.c0, c.c1)))
    return cpu.chip


def fill_add_rw(rows: CpuRows) -> Trace:
    """Trace of ADD_RW."""
    carries = _carries(rows.o, lo(rows.c), hi(rows.c))
    return {**rows.frame_read_write(), **rows.second(), "sel": rows.ones(), **carries}


def _sum(cpu: CpuChip, x: tuple[Expr, Expr], y: tuple[Expr, Expr]) -> Limbs:
    """x + y mod 2^32 with the carries k0, k1, range-checked."""
    c = cpu.columns
    cpu.gated_booleans("k0", "k1")
    low = x[0] + y[0] - 65536 * c.k0
    high = x[1] + y[1] + c.k0 - 65536 * c.k1
    cpu.range16(low, high)
    return low, high


def _carries(word: Array, low: Array, high: Array) -> Trace:
    """Carries of the word plus the limbs."""
    k0 = (lo(word) + low) >> 16
    return {"k0": k0, "k1": (hi(word) + high + k0) >> 16}
