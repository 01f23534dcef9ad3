"""SHIFTI: SLLI and SRLI as products with a power of two from ROM; SHIFTI_RW: rd = rs1.

Amounts 15 and 31 are left to SHIFT: with powers up to 2^14 every limb equation stays below p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zk.air.chip import Chip
from zk.air.expression import Expr
from zk.chips.frame import F1, RW1, CpuChip, Limbs
from zk.chips.rows import Array, CpuRows, Trace, hi, lo
from zk.vm.isa import OpCode

_PARTS = ("power", "a0", "a1", "k", "e")
_FLAGS = {"sll": OpCode.SLLI_LO, "sllh": OpCode.SLLI_HI, "srl": OpCode.SRLI_LO, "srlh": OpCode.SRLI_HI}
_FLAGS_RW = {
    "sll": OpCode.SLLI_LO_RW,
    "sllh": OpCode.SLLI_HI_RW,
    "srl": OpCode.SRLI_LO_RW,
    "srlh": OpCode.SRLI_HI_RW,
}


def build_shifti() -> Chip:
    """rd := rs1 shifted by a constant."""
    cpu = CpuChip("SHIFTI", F1, _FLAGS, _PARTS)
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.power, 0)
    cpu.read_rs1()
    cpu.write_rd(*_shifted(cpu, (c.b0, c.b1)))
    return cpu.chip


def fill_shifti(rows: CpuRows) -> Trace:
    """Trace of SHIFTI."""
    return {**rows.frame(), **_fill_parts(rows, _FLAGS, rows.b)}


def build_shifti_rw() -> Chip:
    """rd := rd shifted by a constant."""
    cpu = CpuChip("SHIFTI_RW", RW1, _FLAGS_RW, _PARTS)
    c = cpu.columns
    cpu.step()
    cpu.fetch(c.rd, c.rd, c.power, 0)
    cpu.write_rd(*_shifted(cpu, (c.o0, c.o1)))
    return cpu.chip


def fill_shifti_rw(rows: CpuRows) -> Trace:
    """Trace of SHIFTI_RW."""
    return {**rows.frame_read_write(), **_fill_parts(rows, _FLAGS_RW, rows.o)}


def _shifted(cpu: CpuChip, x: Sequence[Expr]) -> Limbs:
    """The word a: x * power mod 2^32 (left) or x / power rounded down (right); sllh, srlh shift by 16 more.

    Left, for the word X = x or (0, x0): X0 power = a0 + 2^16 k and X1 power + k = a1 + 2^16 e. Right, for X = x or (x1, 0):
    a0 power + e = X0 + 2^16 k and a1 power + k = X1. With 0 <= k, e < power <= 2^14 both sides are below p, so all this
    holds over the integers and fixes a, k and e.
    """
    c = cpu.columns
    left, right = c.sll + c.sllh, c.srl + c.srlh
    shifted_low, shifted_high = c.sll * x[0], c.sll * x[1] + c.sllh * x[0]
    low_of_right, high_of_right = c.srl * x[0] + c.srlh * x[1], c.srl * x[1]
    cpu.chip.constrain(
        "low limb",
        shifted_low * c.power - left * c.a0 + right * (c.a0 * c.power + c.e) - low_of_right - 65536 * cpu.sel * c.k,
    )
    cpu.chip.constrain(
        "high limb",
        shifted_high * c.power + cpu.sel * c.k - left * (c.a1 + 65536 * c.e) + right * c.a1 * c.power - high_of_right,
    )
    cpu.range16(c.a0, c.a1, c.k, c.power - 1 - c.k, c.e, c.power - 1 - c.e)
    return c.a0, c.a1


def _fill_parts(rows: CpuRows, codes: Mapping[str, OpCode], word: Array) -> Trace:
    flags = {name: rows.flag(code) for name, code in codes.items()}
    left = flags["sll"] + flags["sllh"]
    moved = flags["sll"] * word + flags["sllh"] * (lo(word) << 16)
    kept = flags["srl"] * word + flags["srlh"] * hi(word)
    product = moved * rows.x
    result = left * (product & 0xFFFFFFFF) + kept // rows.x
    low = left * lo(moved) + (1 - left) * lo(result)
    remainder = kept % rows.x
    k = (low * rows.x + remainder) >> 16
    e = left * (product >> 32) + remainder
    return {**flags, "power": rows.x, "a0": lo(result), "a1": hi(result), "k": k, "e": e}
