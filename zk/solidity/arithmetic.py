"""Packed extension arithmetic of contracts/src/verifier/Extension.sol as EVM subroutines, and its digit bounds."""

from __future__ import annotations

from zk.field import P
from zk.solidity.assembler import Assembler

SPACING = 51
ONES = sum(1 << (SPACING * i) for i in range(5))
R = pow(2, 40, P)  # Montgomery form
MODULUS = 2**255 + 2**102 - 1
OFFSET = 0x333333306734D * ONES
LOW16, LOW24 = 0xFFFF * ONES, 0xFFFFFF * ONES
MASK20, MASK27, MASK31, MASK35 = (((1 << k) - 1) * ONES for k in (20, 27, 31, 35))
P1 = P * ONES

DIGIT_MAX = 2**51 - 1
REDUCED_MAX = P + 2**27 - 1  # digits of results of mul and scale
PRODUCT_MAX = 225_170_000_000_000  # of A max(B / 2^16, 2^16) for mul
FIRST_MAX = 3_380_000_000
SCALE_MAX = 2**33 - 1


def fold_bound(bound: int) -> int:
    """Largest digit after one fold of digits <= bound."""
    return (2**31 - 1) + (bound >> 31) * (2**24 - 1)


def mul_allows(first: int, second: int) -> bool:
    """Whether mul(a, b) is exact for digits a <= first, b <= second."""
    return first <= FIRST_MAX and first * max(second >> 16, 0xFFFF) <= PRODUCT_MAX


def emit_mul(assembler: Assembler) -> int:
    """Subroutine b, a, return position -> a b / R; returns its position."""
    start = assembler.position
    assembler.op("JUMPDEST")
    assembler.push(MODULUS)
    assembler.op("DUP1")
    assembler.push(OFFSET)
    assembler.op("DUP3", "DUP7")
    assembler.push(LOW16)
    assembler.op("AND", "DUP7", "MULMOD", "ADDMOD")  # b a ret M x
    _divide_16(assembler, OFFSET)  # b a ret M y
    assembler.op("DUP2", "SWAP1", "DUP2", "DUP7")
    assembler.push(16)
    assembler.op("SHR")
    assembler.push(MASK35)
    assembler.op("AND", "DUP7", "MULMOD", "ADDMOD")
    _divide_24(assembler)  # b a ret M r
    assembler.op("SWAP4", "POP", "POP", "SWAP1", "POP", "JUMP")
    return start


def emit_scale(assembler: Assembler) -> int:
    """Subroutine a, s, return position -> a s / R for a base element s < 2^31; returns its position."""
    start = assembler.position
    assembler.op("JUMPDEST", "DUP2")
    assembler.push(0xFFFF)
    assembler.op("AND", "DUP4", "MUL")  # a s ret x
    _divide_16(assembler, 2 * P1)
    assembler.op("DUP3")
    assembler.push(16)
    assembler.op("SHR", "DUP5", "MUL", "ADD")
    _divide_24(assembler)  # a s ret r
    assembler.op("SWAP3", "POP", "SWAP1", "POP", "JUMP")
    return start


def _divide_16(assembler: Assembler, offset: int) -> None:
    """x -> (x >> 16) + offset - (x mod 2^16) 0x7f00."""
    assembler.op("DUP1")
    assembler.push(LOW16)
    assembler.op("AND")
    assembler.push(0x7F00)
    assembler.op("MUL", "SWAP1")
    assembler.push(16)
    assembler.op("SHR")
    assembler.push(MASK35)
    assembler.op("AND")
    assembler.push(offset)
    assembler.op("ADD", "SUB")


def _divide_24(assembler: Assembler) -> None:
    """x -> (x >> 24) + p - (x mod 2^24) 127."""
    assembler.op("DUP1")
    assembler.push(LOW24)
    assembler.op("AND")
    assembler.push(127)
    assembler.op("MUL", "SWAP1")
    assembler.push(24)
    assembler.op("SHR")
    assembler.push(MASK27)
    assembler.op("AND")
    assembler.push(P1)
    assembler.op("ADD", "SUB")
