"""RV32IM op codes of the machine and the decoding of instruction words into ROM rows (proof system, section 21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from zk.air.expression import P

ADDRESS_LIMIT = 1 << 30
SINK = 32  # pseudo-register that takes the writes to x0
REGISTER_COUNT = 33
IMMEDIATE_FORM = 32  # op code of the immediate form = op code of the register form + 32
READ_WRITE_FORM = 96  # op code of the form with rd = rs1 (SLTU: rd = rs2) = op code + 96
SHIFT_POWER_MAX = 14  # SHIFTI multiplies by powers of two up to 2^14
OFFSET_MAX = 1 << 11  # offsets of loads and stores are in [-2^11, 2^11)


class OpCode(IntEnum):
    """Op codes on the PROG bus. 0 is never assigned: padding rows of ROM carry it."""

    ADD = 1
    SUB = 2
    AND = 3
    OR = 4
    XOR = 5
    SLT = 6
    SLTU = 7
    SLL = 8
    SRL = 9
    SRA = 10
    ADDI = 33
    ANDI = 35
    ORI = 36
    XORI = 37
    SLTI = 38
    SLTIU = 39
    SLLI = 40
    SRLI = 41
    SRAI = 42
    BEQ = 64
    BNE = 65
    BLT = 66
    BGE = 67
    BLTU = 68
    BGEU = 69
    SET = 70  # rd := constant, pc := target: JAL, LUI, AUIPC, ADDI from x0
    JALR = 71
    JALRN = 72  # JALR with a negative immediate
    LB = 73
    LBU = 74
    LH = 75
    LHU = 76
    LW = 77
    SB = 78
    SH = 79
    SW = 80
    MUL = 81
    MULH = 82
    MULHSU = 83
    MULHU = 84
    DIV = 85
    DIVU = 86
    REM = 87
    REMU = 88
    ECALL = 89
    MV = 90
    BEQZ = 91
    BNEZ = 92
    SLLI_LO = 93  # constant amounts: LO below 15, HI from 16 to 30
    SLLI_HI = 94
    SRLI_LO = 95
    SRLI_HI = 96
    ADD_RW = 97
    AND_RW = 99
    OR_RW = 100
    XOR_RW = 101
    SLTU_RW = 103
    ADDI_RW = 129
    SLLI_LO_RW = 189
    SLLI_HI_RW = 190
    SRLI_LO_RW = 191
    SRLI_HI_RW = 192


@dataclass(frozen=True, slots=True)
class Instruction:
    """One ROM row; the meaning of r, rs1, x and y depends on the format of the op code."""

    pc: int
    op: OpCode
    r: int = 0
    rs1: int = 0
    x: int = 0
    y: int = 0


_ALU = (
    OpCode.ADD,
    OpCode.SLL,
    OpCode.SLT,
    OpCode.SLTU,
    OpCode.XOR,
    OpCode.SRL,
    OpCode.OR,
    OpCode.AND,
)
_MULTIPLY = (
    OpCode.MUL,
    OpCode.MULH,
    OpCode.MULHSU,
    OpCode.MULHU,
    OpCode.DIV,
    OpCode.DIVU,
    OpCode.REM,
    OpCode.REMU,
)
_BRANCH = {0: OpCode.BEQ, 1: OpCode.BNE, 4: OpCode.BLT, 5: OpCode.BGE, 6: OpCode.BLTU, 7: OpCode.BGEU}
_LOAD = {0: OpCode.LB, 1: OpCode.LH, 2: OpCode.LW, 4: OpCode.LBU, 5: OpCode.LHU}
_STORE = {0: OpCode.SB, 1: OpCode.SH, 2: OpCode.SW}


def decode(pc: int, word: int) -> Instruction | None:
    """The ROM row of an instruction word; None for an illegal one, which has no row and hence no proof.

    EBREAK, CSR, compressed and misaligned-target instructions are illegal here. Where a form with a narrower chip fits, the row
    has its op code.
    """
    plain = _decode_plain(pc, word)
    return plain and compact(plain)


def _decode_plain(pc: int, word: int) -> Instruction | None:
    rd, rs1, rs2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    funct3, funct7 = word >> 12 & 7, word >> 25
    target = rd or SINK
    match word & 0x7F:
        case 0x33:
            return _decode_register(pc, funct3, funct7, target, rs1, rs2)
        case 0x13:
            return _decode_immediate(pc, funct3, funct7, target, rs1, rs2, word)
        case 0x03 if funct3 in _LOAD:
            return Instruction(pc, _LOAD[funct3], target, rs1, _signed(word >> 20, 12) % P)
        case 0x23 if funct3 in _STORE:
            return Instruction(pc, _STORE[funct3], rs2, rs1, _signed(funct7 << 5 | rd, 12) % P)
        case 0x63 if funct3 in _BRANCH:
            offset = (word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1
            goal = _target(pc + _signed(offset, 13))
            return None if goal is None else Instruction(pc, _BRANCH[funct3], rs2, rs1, goal)
        case 0x6F:
            offset = (word >> 31) << 20 | (word >> 12 & 255) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 1023) << 1
            goal = _target(pc + _signed(offset, 21))
            return None if goal is None else _set(pc, target, pc + 4, goal)
        case 0x67 if funct3 == 0:
            immediate = _sign_extend(word >> 20, 12)
            op = OpCode.JALRN if immediate >> 31 else OpCode.JALR
            return Instruction(pc, op, target, rs1, immediate & 0xFFFF, (pc + 4) & 0xFFFF)
        case 0x37:
            return _set(pc, target, word & 0xFFFFF000, pc + 4)
        case 0x17:
            return _set(pc, target, pc + (word & 0xFFFFF000), pc + 4)
        case 0x0F if funct3 == 0:  # FENCE: one hart, nothing to order
            return _set(pc, SINK, 0, pc + 4)
        case 0x73 if word == 0x73:
            return Instruction(pc, OpCode.ECALL)
    return None


def _decode_register(pc: int, funct3: int, funct7: int, rd: int, rs1: int, rs2: int) -> Instruction | None:
    if funct7 == 0:
        return Instruction(pc, _ALU[funct3], rd, rs1, rs2)
    if funct7 == 1:
        return Instruction(pc, _MULTIPLY[funct3], rd, rs1, rs2)
    if funct7 == 32 and funct3 in (0, 5):
        return Instruction(pc, OpCode.SUB if funct3 == 0 else OpCode.SRA, rd, rs1, rs2)
    return None


def _decode_immediate(
    pc: int, funct3: int, funct7: int, rd: int, rs1: int, shift_amount: int, word: int
) -> Instruction | None:
    if funct3 in (1, 5):
        if funct7 not in ((0,) if funct3 == 1 else (0, 32)):
            return None
        op = OpCode.SLLI if funct3 == 1 else OpCode.SRAI if funct7 else OpCode.SRLI
        return Instruction(pc, op, rd, rs1, shift_amount)
    return _with_immediate(pc, OpCode(_ALU[funct3] + IMMEDIATE_FORM), rd, rs1, _sign_extend(word >> 20, 12))


def _with_immediate(pc: int, op: OpCode, r: int, rs1: int, value: int) -> Instruction:
    return Instruction(pc, op, r, rs1, value & 0xFFFF, value >> 16 & 0xFFFF)


def _set(pc: int, rd: int, value: int, target: int) -> Instruction:
    return Instruction(pc, OpCode.SET, rd, target, value & 0xFFFF, value >> 16 & 0xFFFF)


def _target(target: int) -> int | None:
    return target if target % 4 == 0 and 0 <= target < ADDRESS_LIMIT else None


_ZERO_TESTS = {OpCode.BEQ: OpCode.BEQZ, OpCode.BNE: OpCode.BNEZ}


def compact(i: Instruction) -> Instruction:
    """The same instruction in a form that accesses fewer registers or needs fewer lookups, where there is one."""
    match i.op:
        case OpCode.ADDI if i.rs1 == 0:
            return _set(i.pc, i.r, i.x | i.y << 16, i.pc + 4)
        case OpCode.ADDI if i.x == i.y == 0:
            return replace(i, op=OpCode.MV)
        case OpCode.ADDI if i.r == i.rs1:
            return replace(i, op=OpCode.ADDI_RW)
        case OpCode.SLLI | OpCode.SRLI if i.x % 16 <= SHIFT_POWER_MAX:
            return _constant_shift(i)
        case OpCode.ADD | OpCode.AND | OpCode.OR | OpCode.XOR if i.r in (i.rs1, i.x):
            other = i.x if i.r == i.rs1 else i.rs1
            return Instruction(i.pc, OpCode(i.op + READ_WRITE_FORM), i.r, i.r, other)
        case OpCode.SLTU if i.r == i.x:
            return replace(i, op=OpCode.SLTU_RW)
        case OpCode.BEQ | OpCode.BNE if 0 in (i.r, i.rs1):
            return replace(i, op=_ZERO_TESTS[i.op], r=0, rs1=i.r or i.rs1)
    return i


def _constant_shift(i: Instruction) -> Instruction:
    """Left shifts by k multiply by 2^k, right shifts divide by it; the HI forms move 16 bits more."""
    low, high = (OpCode.SLLI_LO, OpCode.SLLI_HI) if i.op == OpCode.SLLI else (OpCode.SRLI_LO, OpCode.SRLI_HI)
    op = low if i.x < 16 else high
    return replace(i, op=OpCode(op + READ_WRITE_FORM) if i.r == i.rs1 else op, x=1 << i.x % 16)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _sign_extend(value: int, bits: int) -> int:
    return _signed(value, bits) & 0xFFFFFFFF
