"""The decoded program as columns, and the rules that its rows must obey (proof system, sections 14 and 21)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.air.expression import P
from zk.errors import SetupError
from zk.vm.isa import ADDRESS_LIMIT, OFFSET_MAX, SHIFT_POWER_MAX, Instruction, OpCode, decode

U32 = NDArray[np.uint32]


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


_REGISTER_FORMS = (*range(OpCode.ADD, OpCode.SRA + 1), *range(OpCode.MUL, OpCode.REMU + 1))
_READ_WRITE_REGISTER = (OpCode.ADD_RW, OpCode.AND_RW, OpCode.OR_RW, OpCode.XOR_RW)
_CONSTANT_SHIFTS = (OpCode.SLLI_LO, OpCode.SLLI_HI, OpCode.SRLI_LO, OpCode.SRLI_HI)
_CONSTANT_SHIFTS_RW = (OpCode.SLLI_LO_RW, OpCode.SLLI_HI_RW, OpCode.SRLI_LO_RW, OpCode.SRLI_HI_RW)
_SHIFT_IMMEDIATE = (OpCode.SLLI, OpCode.SRLI, OpCode.SRAI)
_BRANCHES = tuple(range(OpCode.BEQ, OpCode.BGEU + 1))
_ZERO_TESTS = (OpCode.BEQZ, OpCode.BNEZ)
_LOADS = tuple(range(OpCode.LB, OpCode.LW + 1))
_STORES = (OpCode.SB, OpCode.SH, OpCode.SW)


class _Rules:
    """Demands on ROM rows; the first row that breaks one is named."""

    def __init__(self, rom: Rom) -> None:
        self._rom = rom
        self._op = rom.op.astype(np.int64)

    def of(self, *groups: Iterable[int]) -> NDArray[np.bool_]:
        """Rows with one of these op codes."""
        return np.isin(self._op, [int(code) for group in groups for code in group])

    def demand(self, condition: NDArray[np.bool_], rule: str) -> None:
        """Raises SetupError where the condition does not hold."""
        if condition.all():
            return
        row, rom = int(np.argmin(condition)), self._rom
        found = f"pc {rom.pc[row]:#x}, op {rom.op[row]}, r {rom.r[row]}, rs1 {rom.rs1[row]}, x {rom.x[row]:#x}, y {rom.y[row]:#x}"
        raise SetupError(f"ROM row {row}: {rule}; found {found}")


def check_rom(rom: Rom) -> None:
    """Checks every rule of section 14 on ROM rows; raises SetupError naming the first row that breaks one."""
    if not len(rom):
        raise SetupError("ROM: no legal instruction")
    rules = _Rules(rom)
    _check_common(rom, rules)
    _check_registers(rom, rules)
    _check_constants(rom, rules)


def _check_common(rom: Rom, rules: _Rules) -> None:
    pc = rom.pc.astype(np.int64)
    rules.demand(rules.of(OpCode), "op code is not assigned")
    rules.demand((pc % 4 == 0) & (pc >= 4) & (pc < ADDRESS_LIMIT), "pc must be 4-aligned in [4, 2^30)")
    rules.demand(np.diff(pc, prepend=0) > 0, "pcs must be distinct and ascending")
    fields = (rom.r | rom.rs1 | rom.x | rom.y) == 0
    rules.demand(~rules.of([OpCode.ECALL]) | fields, "ECALL has no fields")


def _check_registers(rom: Rom, rules: _Rules) -> None:
    """Registers are 0..31 where read, 1..32 where written; forms that read and write one name it twice."""
    r, rs1, x = rom.r, rom.rs1, rom.x
    no_source, second = rules.of([OpCode.SET]), rules.of(_REGISTER_FORMS, _READ_WRITE_REGISTER, [OpCode.SLTU_RW])
    rules.demand(no_source | (rs1 < 32), "rs1 must be in 0..31")
    reads_rs2 = rules.of(_BRANCHES, _STORES)
    rules.demand(~reads_rs2 | (r < 32), "rs2 must be in 0..31")
    no_target = rules.of(_BRANCHES, _STORES, _ZERO_TESTS, [OpCode.ECALL])
    rules.demand(no_target | ((r >= 1) & (r <= 32)), "rd must be in 1..32")
    rules.demand(~second | ((x < 32) & (rom.y == 0)), "a register form has x = rs2 and y = 0")
    one_register = rules.of(_READ_WRITE_REGISTER, _CONSTANT_SHIFTS_RW, [OpCode.ADDI_RW])
    rules.demand(~one_register | (r == rs1), "a form that reads and writes rd has rs1 = rd")
    rules.demand(~rules.of([OpCode.SLTU_RW]) | (r == x), "SLTU_RW has rs2 = rd")
    rules.demand(~rules.of(_ZERO_TESTS) | (r == 0), "a comparison with x0 has r = 0")


def _check_constants(rom: Rom, rules: _Rules) -> None:
    """Immediates, shift amounts, targets and links, each in the form that the chip of its op code expects."""
    pc, rs1, x, y = (column.astype(np.int64) for column in (rom.pc, rom.rs1, rom.x, rom.y))
    shifts, powers = rules.of(_SHIFT_IMMEDIATE), rules.of(_CONSTANT_SHIFTS, _CONSTANT_SHIFTS_RW)
    rules.demand(~shifts | ((x < 32) & (y == 0)), "a shift amount must be below 32 and y = 0")
    is_power = (x > 0) & (x & (x - 1) == 0) & (x <= 1 << SHIFT_POWER_MAX)
    rules.demand(~powers | (is_power & (y == 0)), "a shift by a constant needs a power of two up to 2^14 and y = 0")
    branches, set_ = rules.of(_BRANCHES, _ZERO_TESTS), rules.of([OpCode.SET])
    target = np.where(set_, rs1, x)
    is_target = (target % 4 == 0) & (target < ADDRESS_LIMIT)
    rules.demand(~(branches | set_) | is_target, "target must be 4-aligned below 2^30")
    rules.demand(~branches | (y == 0), "unused field y must be 0")
    memory = rules.of(_LOADS, _STORES)
    is_offset = (x < OFFSET_MAX) | ((x >= P - OFFSET_MAX) & (x < P))
    rules.demand(~memory | (is_offset & (y == 0)), "an offset must be in [-2^11, 2^11) mod p and y = 0")
    rules.demand(~rules.of([OpCode.MV]) | ((x == 0) & (y == 0)), "MV has no constant")
    jalr, negative = rules.of([OpCode.JALR, OpCode.JALRN]), rules.of([OpCode.JALRN])
    rules.demand(~jalr | (y == (pc + 4) % 65536), "link must be (pc + 4) mod 2^16")
    rules.demand(~jalr | (x < 65536), "JALR: the immediate must be a 16-bit limb")
    rules.demand(~jalr | (negative == (x >= 32768)), "JALR: the op code must tell the sign of the immediate")
    limbs = ~(rules.of(_REGISTER_FORMS) | branches | memory | jalr | powers)
    rules.demand(~limbs | ((x < 65536) & (y < 65536)), "immediate limbs must be below 2^16")
