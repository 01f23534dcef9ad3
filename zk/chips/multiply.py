"""MUL: MUL, MULH, MULHSU, MULHU, by a convolution of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from zk.air.chip import Chip
from zk.air.expression import Expr, total
from zk.chips.frame import F2, CpuChip
from zk.chips.rows import Array, CpuRows, Trace, hi, in_field, lo
from zk.vm.isa import OpCode

CARRY_OFFSET = 1024
_PARTS = ("bl0", "bl1", "cl0", "cl1", "a0", "a1", "z0", "z1", "k0", "k1", "k2", "k3", "sb", "sc")


def convolution(left: Sequence[Expr], right: Sequence[Expr]) -> list[Expr]:
    """T_k = sum over i + j = k of left_i right_j, for k = 0..6."""
    return [total(left[i] * right[k - i] for i in range(4) if 0 <= k - i < 4) for k in range(7)]


def convolution_of_arrays(left: Sequence[Array], right: Sequence[Array]) -> list[Array]:
    """The same on integers."""
    sums = []
    for k in range(7):
        terms = [left[i] * right[k - i] for i in range(4) if 0 <= k - i < 4]
        sums.append(sum(terms[1:], terms[0]))
    return sums


def check_carries(cpu: CpuChip, carries: Sequence[Expr]) -> None:
    """Three carries lie in [-1024, 2^13): small enough that the limb equations hold over the integers."""
    cpu.range16(*(carry + CARRY_OFFSET for carry in carries))
    cpu.range16(8 * (total(carries) + 3 * CARRY_OFFSET))


def byte_parts(cpu: CpuChip, name: str) -> list[Expr]:
    """The four bytes of the word `name`, from the columns <name>l0, <name>l1 of the low bytes; looked up as bytes."""
    c = cpu.columns
    parts = []
    for j in range(2):
        low = c[f"{name}l{j}"]
        high = (c[f"{name}{j}"] - low) / 256
        cpu.bytes(low, high)
        parts += [low, high]
    return parts


def bytes_of(word: Array) -> list[Array]:
    """Four bytes, lowest first."""
    return [word >> shift & 255 for shift in (0, 8, 16, 24)]


def build_mul() -> Chip:
    """rd := low or high word of the product; the result is a, the other word z; signs sb, sc make the top bytes signed."""
    flags = {"mul": OpCode.MUL, "mulh": OpCode.MULH, "mulhsu": OpCode.MULHSU, "mulhu": OpCode.MULHU}
    cpu = CpuChip("MUL", F2, flags, _PARTS)
    c = cpu.columns
    cpu.gated_booleans("sb", "sc")
    left, right = byte_parts(cpu, "b"), byte_parts(cpu, "c")
    signed_left = c.mulh + c.mulhsu
    left[3] = left[3] - 256 * c.sb
    right[3] = right[3] - 256 * c.sc
    cpu.bytes(left[3] + 128 * signed_left, right[3] + 128 * c.mulh)
    high = cpu.sel - c.mul
    t = convolution(left, right)
    # Word P of the product: (a, z) for MUL, (z, a) for the others.
    product = [c.mul * x + high * y for x, y in ((c.a0, c.z0), (c.a1, c.z1), (c.z0, c.a0), (c.z1, c.a1))]
    sums = [t[0] + 256 * t[1], t[2] + 256 * t[3] + c.k0, t[4] + 256 * t[5] + c.k1, t[6] + c.k2]
    for j, (limb, value) in enumerate(zip(product, sums, strict=True)):
        cpu.chip.constrain(f"product limb {j}", cpu.sel * (value - 65536 * c[f"k{j}"]) - limb)
    cpu.range16(c.a0, c.a1, c.z0, c.z1)
    check_carries(cpu, (c.k0, c.k1, c.k2))

    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.rs2, 0)
    cpu.register_accesses(c.a0, c.a1)
    cpu.bytes(c.k3 + 1, 0)
    return cpu.chip


def fill_mul(rows: CpuRows) -> Trace:
    """Trace of MUL."""
    codes = {"mul": OpCode.MUL, "mulh": OpCode.MULH, "mulhsu": OpCode.MULHSU, "mulhu": OpCode.MULHU}
    flags = {name: rows.flag(code) for name, code in codes.items()}
    sb = (flags["mulh"] + flags["mulhsu"]) & rows.b >> 31
    sc = flags["mulh"] & rows.c >> 31
    left, right = bytes_of(rows.b), bytes_of(rows.c)
    low_bytes = {"bl0": left[0], "bl1": left[2], "cl0": right[0], "cl1": right[2]}
    left[3] = left[3] - 256 * sb
    right[3] = right[3] - 256 * sc
    t = convolution_of_arrays(left, right)
    limbs, carries = [], []
    carry: Array | int = 0
    for value in (t[0] + 256 * t[1], t[2] + 256 * t[3], t[4] + 256 * t[5], t[6]):
        limbs.append(lo(value + carry))
        carry = hi(value + carry)
        carries.append(carry)
    low, high = (limbs[0], limbs[1]), (limbs[2], limbs[3])
    is_low = flags["mul"]
    a = [is_low * x + (1 - is_low) * y for x, y in zip(low, high, strict=True)]
    z = [is_low * y + (1 - is_low) * x for x, y in zip(low, high, strict=True)]
    words = {"a0": a[0], "a1": a[1], "z0": z[0], "z1": z[1], "sb": sb, "sc": sc}
    carry_columns = {f"k{j}": in_field(carry) for j, carry in enumerate(carries)}
    return {**rows.frame_with_rs2(), **flags, **low_bytes, **words, **carry_columns}
