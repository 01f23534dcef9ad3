"""RV32IM op codes of the machine and the decoding of instruction words into ROM rows (proof system, section 21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from zk.errors import SetupError

U32 = NDArray[np.uint32]

ADDRESS_LIMIT = 1 << 30
SINK = 32  # pseudo-register that takes the writes to x0
REGISTER_COUNT = 33
IMMEDIATE_FORM = 32  # op code of the immediate form = op code of the register form + 32


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
    JAL = 70
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


@dataclass(frozen=True, slots=True)
class Instruction:
    """One ROM row; the meaning of r, x and y depends on the format of the op code."""

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

    EBREAK, CSR, compressed and misaligned-target instructions are illegal here.
    """
    rd, rs1, rs2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    funct3, funct7 = word >> 12 & 7, word >> 25
    target = rd or SINK
    match word & 0x7F:
        case 0x33:
            return _decode_register(pc, funct3, funct7, target, rs1, rs2)
        case 0x13:
            return _decode_immediate(pc, funct3, funct7, target, rs1, rs2, word)
        case 0x03 if funct3 in _LOAD:
            return _with_immediate(pc, _LOAD[funct3], target, rs1, _sign_extend(word >> 20, 12))
        case 0x23 if funct3 in _STORE:
            return _with_immediate(pc, _STORE[funct3], rs2, rs1, _sign_extend(funct7 << 5 | rd, 12))
        case 0x63 if funct3 in _BRANCH:
            offset = (word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1
            return _with_target(pc, _BRANCH[funct3], rs2, rs1, pc + _signed(offset, 13), 0)
        case 0x6F:
            offset = (word >> 31) << 20 | (word >> 12 & 255) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 1023) << 1
            return _with_target(pc, OpCode.JAL, target, 0, pc + _signed(offset, 21), (pc + 4) & 0xFFFF)
        case 0x67 if funct3 == 0:
            immediate = _sign_extend(word >> 20, 12)
            op = OpCode.JALRN if immediate >> 31 else OpCode.JALR
            return Instruction(pc, op, target, rs1, immediate & 0xFFFF, (pc + 4) & 0xFFFF)
        case 0x37:
            return _with_immediate(pc, OpCode.ADDI, target, 0, word & 0xFFFFF000)
        case 0x17:
            return _with_immediate(pc, OpCode.ADDI, target, 0, pc + (word & 0xFFFFF000))
        case 0x0F if funct3 == 0:  # FENCE: one hart, nothing to order
            return Instruction(pc, OpCode.ADDI, SINK)
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


def _with_target(pc: int, op: OpCode, r: int, rs1: int, target: int, y: int) -> Instruction | None:
    if target % 4 or not 0 <= target < ADDRESS_LIMIT:
        return None
    return Instruction(pc, op, r, rs1, target, y)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _sign_extend(value: int, bits: int) -> int:
    return _signed(value, bits) & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rom:
    """The decoded program in ascending order of pc: six u32 columns of equal length."""

    pc: U32
    op: U32
    r: U32
    rs1: U32
    x: U32
    y: U32

    @staticmethod
    def from_instructions(instructions: Sequence[Instruction]) -> Rom:
        """Columns of the given rows. Raises SetupError where a row breaks a rule of section 14."""
        rows = [(i.pc, i.op, i.r, i.rs1, i.x, i.y) for i in instructions]
        columns = np.array(rows, dtype=np.int64).reshape(len(rows), 6).T
        if columns.size and (columns.min() < 0 or columns.max() >= 1 << 32):
            raise SetupError("ROM: a field is outside of 32 bits")
        rom = Rom(*(np.ascontiguousarray(column, dtype=np.uint32) for column in columns))
        check_rom(rom)
        return rom

    @staticmethod
    def decode(addresses: U32, words: U32) -> Rom:
        """Decodes instruction words at distinct ascending addresses; illegal ones get no row."""
        decoded = (decode(pc, word) for pc, word in zip(addresses.tolist(), words.tolist(), strict=True))
        return Rom.from_instructions([row for row in decoded if row is not None])

    def columns(self) -> U32:
        """The rows as an array of shape (6, rows) in the order pc, op, r, rs1, x, y."""
        return np.stack([self.pc, self.op, self.r, self.rs1, self.x, self.y])

    def __len__(self) -> int:
        return len(self.pc)


_REGISTER_FORMS = frozenset(range(OpCode.ADD, OpCode.SRA + 1)) | frozenset(range(OpCode.MUL, OpCode.REMU + 1))
_SHIFT_IMMEDIATE = frozenset({OpCode.SLLI, OpCode.SRLI, OpCode.SRAI})
_BRANCHES = frozenset(range(OpCode.BEQ, OpCode.BGEU + 1))
_STORES = frozenset({OpCode.SB, OpCode.SH, OpCode.SW})
_NO_IMMEDIATE_FORM = frozenset({OpCode.SUB})


def check_rom(rom: Rom) -> None:
    """Checks every rule of section 14 on ROM rows; raises SetupError naming the first row that breaks one."""
    if not len(rom):
        raise SetupError("ROM: no legal instruction")
    pc, op, r, rs1, x, y = (column.astype(np.int64) for column in rom.columns())
    codes = {int(code) for code in OpCode}

    def demand(condition: NDArray[np.bool_], rule: str) -> None:
        if not condition.all():
            row = int(np.argmin(condition))
            found = f"pc {pc[row]:#x}, op {op[row]}, r {r[row]}, rs1 {rs1[row]}, x {x[row]:#x}, y {y[row]:#x}"
            raise SetupError(f"ROM row {row}: {rule}; found {found}")

    def of(kinds: frozenset[int] | frozenset[OpCode]) -> NDArray[np.bool_]:
        return np.isin(op, [int(kind) for kind in kinds])

    demand(np.isin(op, list(codes)), "op code is not assigned")
    demand((pc % 4 == 0) & (pc >= 4) & (pc < ADDRESS_LIMIT), "pc must be 4-aligned in [4, 2^30)")
    demand(np.diff(pc, prepend=0) > 0, "pcs must be distinct and ascending")
    demand(rs1 < 32, "rs1 must be in 0..31")
    ecall, jal = op == OpCode.ECALL, op == OpCode.JAL
    jalr = (op == OpCode.JALR) | (op == OpCode.JALRN)
    registers, shifts, branches, stores = (of(k) for k in (_REGISTER_FORMS, _SHIFT_IMMEDIATE, _BRANCHES, _STORES))
    reads_rs2 = branches | stores
    demand(~reads_rs2 | (r < 32), "rs2 must be in 0..31")
    demand(reads_rs2 | ecall | ((r >= 1) & (r <= 32)), "rd must be in 1..32")
    demand(~registers | ((x < 32) & (y == 0)), "a register form has x = rs2 and y = 0")
    demand(~shifts | ((x < 32) & (y == 0)), "a shift amount must be below 32 and y = 0")
    demand(~(branches | jal) | ((x % 4 == 0) & (x < ADDRESS_LIMIT)), "target must be 4-aligned below 2^30")
    demand(~branches | (y == 0), "unused field y must be 0")
    demand(~jal | (rs1 == 0), "unused field rs1 must be 0")
    demand(~ecall | ((r == 0) & (rs1 == 0) & (x == 0) & (y == 0)), "ECALL has no fields")
    demand(~(jal | jalr) | (y == (pc + 4) % 65536), "link must be (pc + 4) mod 2^16")
    demand(~jalr | (x < 65536), "JALR: the immediate must be a 16-bit limb")
    demand(~jalr | ((op == OpCode.JALRN) == (x >= 32768)), "JALR: the op code must tell the sign of the immediate")
    rest = ~(ecall | jal | jalr | registers | shifts | branches)
    demand(~rest | ((x < 65536) & (y < 65536)), "immediate limbs must be below 2^16")
