"""LOGIC: AND, OR, XOR and their immediate forms, byte by byte through the AND table."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.chips.buses import AND
from zk.chips.frame import CpuChip, M
from zk.chips.rows import CpuRows, Trace, hi, lo
from zk.vm.isa import OpCode

_BYTES = ("bl0", "bl1", "cl0", "cl1", "n0", "n1", "n2", "n3")


def build_logic() -> Chip:
    """rd := rs1 op c; with n = b and c: or = b + c - n, xor = b + c - 2n. The result needs no range check."""
    flags = {"and": OpCode.AND, "or": OpCode.OR, "xor": OpCode.XOR}
    cpu = CpuChip("LOGIC", M, flags, (*_BYTES, "a0", "a1"))
    c = cpu.columns
    cpu.step()
    cpu.fetch_mixed()
    for j in range(2):
        b, operand, result = c[f"b{j}"], c[f"c{j}"], c[f"a{j}"]
        b_low, c_low = c[f"bl{j}"], c[f"cl{j}"]
        low, high = c[f"n{2 * j}"], c[f"n{2 * j + 1}"]
        cpu.send(AND, b_low, c_low, low)
        cpu.send(AND, (b - b_low) / 256, (operand - c_low) / 256, high)
        n = low + 256 * high
        both = b + operand
        combined = c["and"] * n + c["or"] * (both - n) + c["xor"] * (both - 2 * n)
        cpu.chip.constrain(f"result limb {j}", combined - cpu.sel * result)
    cpu.mixed_accesses(c.a0, c.a1)
    return cpu.chip


def fill_logic(rows: CpuRows) -> Trace:
    """Trace of LOGIC."""
    is_and, is_or = rows.flag(OpCode.AND, OpCode.ANDI), rows.flag(OpCode.OR, OpCode.ORI)
    is_xor = 1 - is_and - is_or
    common = rows.b & rows.c
    result = common + (rows.b ^ rows.c) * (1 - is_and) - common * is_xor
    columns = {**rows.frame_mixed(), "and": is_and, "or": is_or, "xor": is_xor, "a0": lo(result), "a1": hi(result)}
    for j in range(4):
        columns[f"n{j}"] = common >> (8 * j) & 255
    for j in range(2):
        columns[f"bl{j}"] = rows.b >> (16 * j) & 255
        columns[f"cl{j}"] = rows.c >> (16 * j) & 255
    return columns
