"""DIV: DIV, DIVU, REM, REMU, by b = q c + r over the integers with |r| < |c|, the sign of r being that of b."""

from __future__ import annotations

import numpy as np

from zk.air.chip import Chip
from zk.chips.frame import F2, CpuChip
from zk.chips.multiply import byte_parts, bytes_of, check_carries, convolution, convolution_of_arrays
from zk.chips.rows import Array, CpuRows, Trace, hi, in_field, lo
from zk.vm.isa import OpCode

_FLAGS = {"div": OpCode.DIV, "divu": OpCode.DIVU, "rem": OpCode.REM, "remu": OpCode.REMU}
_QUOTIENT = ("q0", "q1", "q2", "q3")
_PARTS = ("cl0", "cl1", "r0", "r1", "a0", "a1", "k0", "k1", "k2", "sb", "sc", "sq", "sr", "g0", "g1", "nu")
_NU_OFFSET = 8


def build_div() -> Chip:
    """rd := quotient or remainder.

    cz marks division by zero (quotient all ones, remainder b). The sign sq of the quotient needs no check: an integer in
    [-2^31, 2^32) has one representation, and -2^31 / -1 comes out as q = 2^31 without a flag.
    """
    cpu = CpuChip("DIV", F2, _FLAGS, ("cz", *_QUOTIENT, *_PARTS), sub_selectors=("cz",))
    c = cpu.columns
    cpu.sub_selector("cz")
    cpu.gated_booleans("sb", "sc", "sq", "sr")
    signed = c.div + c.rem
    quotient, divisor = [c[name] for name in _QUOTIENT], byte_parts(cpu, "c")
    cpu.range16(c.b1 + 32768 * signed - 65536 * c.sb)
    cpu.bytes(divisor[3] + 128 * signed - 256 * c.sc, c.nu + _NU_OFFSET)
    cpu.bytes(c.q0, c.q1)
    cpu.bytes(c.q2, c.q3)

    t = convolution([*quotient[:3], c.q3 - 256 * c.sq], [*divisor[:3], divisor[3] - 256 * c.sc])
    cpu.gated("b = qc + r, limb 0", t[0] + 256 * t[1] + c.r0 - c.b0 - 65536 * c.k0)
    signs = 65536 * c.sb - 65536 * c.sr
    cpu.gated("b = qc + r, limb 1", t[2] + 256 * t[3] + c.k0 + c.r1 - c.b1 + signs - 65536 * c.k1)
    cpu.gated("b = qc + r, limb 2", t[4] + 256 * t[5] + c.k1 - 65536 * c.k2)
    cpu.gated("b = qc + r, limb 3", t[6] + c.k2)
    check_carries(cpu, (c.k0, c.k1, c.k2))
    cpu.range16(c.r0, c.r1, c.g0, c.g1)

    cpu.gated("a negative remainder needs a negative b", c.sr * (1 - c.sb))
    for j in range(2):
        cpu.gated(f"the remainder has the sign of b, limb {j}", (c.sb - c.sr) * c[f"r{j}"])
    for j in range(2):
        cpu.chip.constrain(f"division by zero: c{j}", c.cz * c[f"c{j}"])
    for name in _QUOTIENT:
        cpu.chip.constrain(f"division by zero: {name}", c.cz * (c[name] - 255))
    # |c| - |r| - 1 = g, a 32-bit number.
    not_zero = cpu.sel - c.cz
    c_sign, r_sign = 1 - 2 * c.sc, 1 - 2 * c.sr
    cpu.chip.constrain("|r| < |c|, limb 0", not_zero * (c_sign * c.c0 - r_sign * c.r0 - 1 - c.g0 - 65536 * c.nu))
    high = c_sign * c.c1 + 65536 * c.sc - r_sign * c.r1 - 65536 * c.sr + c.nu - c.g1
    cpu.chip.constrain("|r| < |c|, limb 1", not_zero * high)
    halves = (c.q0 + 256 * c.q1, c.q2 + 256 * c.q3)
    for j in range(2):
        a, is_remainder = c[f"a{j}"], c.rem + c.remu
        expr = (c.div + c.divu) * (a - halves[j]) + is_remainder * (a - c[f"r{j}"])
        cpu.chip.constrain(f"result limb {j}", expr)

    cpu.step()
    cpu.fetch(c.rd, c.rs1, c.rs2, 0)
    cpu.register_accesses(c.a0, c.a1)
    return cpu.chip


def fill_div(rows: CpuRows) -> Trace:
    """Trace of DIV."""
    flags = {name: rows.flag(code) for name, code in _FLAGS.items()}
    is_signed = flags["div"] + flags["rem"]
    sb, sc = is_signed & rows.b >> 31, is_signed & rows.c >> 31
    b, c = rows.b - (sb << 32), rows.c - (sc << 32)
    zero = (rows.c == 0).astype(np.int64)
    quotient, remainder = _truncated_division(b, c, zero)
    sq, sr = (quotient < 0).astype(np.int64), (remainder < 0).astype(np.int64)
    q_word, r_word = quotient + (sq << 32), remainder + (sr << 32)

    q, divisor = bytes_of(q_word), bytes_of(rows.c)
    columns = {"cl0": divisor[0], "cl1": divisor[2], **{f"q{j}": q[j] for j in range(4)}}
    t = convolution_of_arrays([*q[:3], q[3] - 256 * sq], [*divisor[:3], divisor[3] - 256 * sc])
    k0 = (t[0] + 256 * t[1] + lo(r_word) - lo(rows.b)) >> 16
    k1 = (t[2] + 256 * t[3] + k0 + hi(r_word) - hi(rows.b) + 65536 * (sb - sr)) >> 16
    k2 = (t[4] + 256 * t[5] + k1) >> 16
    difference = np.abs(c) - np.abs(remainder) - 1
    low = (1 - 2 * sc) * lo(rows.c) - (1 - 2 * sr) * lo(r_word) - 1
    slack = {"g0": lo(difference), "g1": hi(difference), "nu": in_field(low >> 16)}
    if zero.any():
        slack = {name: np.where(zero == 1, 0, values) for name, values in slack.items()}
    result = np.where(flags["div"] + flags["divu"] == 1, q_word, r_word)
    signs = {"sb": sb, "sc": sc, "sq": sq, "sr": sr, "cz": zero}
    carries = {"k0": in_field(k0), "k1": in_field(k1), "k2": in_field(k2)}
    words = {"r0": lo(r_word), "r1": hi(r_word), "a0": lo(result), "a1": hi(result)}
    return {**rows.frame_with_rs2(), **flags, **columns, **carries, **signs, **slack, **words}


def _truncated_division(b: Array, c: Array, zero: Array) -> tuple[Array, Array]:
    """Quotient towards zero and remainder; for a zero divisor 2^32 - 1 and b."""
    divisor = np.where(zero == 1, 1, c)
    quotient = np.sign(b) * np.sign(divisor) * (np.abs(b) // np.abs(divisor))
    quotient = np.where(zero == 1, 0xFFFFFFFF, quotient)
    return quotient, b - np.where(zero == 1, 0, quotient * divisor)
