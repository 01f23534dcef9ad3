"""ADDI (also LUI, AUIPC, FENCE) and ADD, SUB."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.chips.frame import F1, F2, CpuChip
from zk.chips.rows import CpuRows, Trace, hi, lo
from zk.vm.isa import OpCode


def build_addi() -> Chip:
    """rd := rs1 + constant."""
    cpu = CpuChip("ADDI", F1, {"sel": OpCode.ADDI}, ("i0", "i1", "k0", "k1"))
    c = cpu.columns
    cpu.gated_booleans("k0", "k1")
    a0 = c.b0 + c.i0 - 65536 * c.k0
    a1 = c.b1 + c.i1 + c.k0 - 65536 * c.k1
    cpu.range16(a0, a1)

    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.i0, c.i1)
    cpu.bytes(cpu.read_rs1(), cpu.write_rd(a0, a1))
    return cpu.chip


def fill_addi(rows: CpuRows) -> Trace:
    """Trace of ADDI."""
    return {**rows.frame(), "sel": rows.flag(OpCode.ADDI), "i0": rows.x, "i1": rows.y, **rows.address_carries()}


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
