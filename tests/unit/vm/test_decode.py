"""Which instruction words get an op code of a narrow chip, and which just miss it."""

from __future__ import annotations

import pytest

from tests.unit.vm.assembler import (
    DATA,
    FENCE,
    auipc,
    branch,
    constant,
    finish,
    immediate_form,
    jal,
    load,
    lui,
    program,
    register_form,
    shift,
    store,
)
from zk.air.expression import P
from zk.errors import UnmappedAccessError
from zk.vm.executor import execute
from zk.vm.isa import SINK, Instruction, OpCode, decode
from zk.vm.machine import rv32im_machine

PC = 0x1000


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        (immediate_form("addi", 5, 0, -1), (OpCode.SET, 5, PC + 4, 0xFFFF, 0xFFFF)),
        (immediate_form("addi", 0, 0, 0), (OpCode.SET, SINK, PC + 4, 0, 0)),
        (lui(5, 0xABCDE000), (OpCode.SET, 5, PC + 4, 0xE000, 0xABCD)),
        (auipc(0, 0xFFFFF000), (OpCode.SET, SINK, PC + 4, 0, 0)),
        (FENCE, (OpCode.SET, SINK, PC + 4, 0, 0)),
        (jal(1, -8), (OpCode.SET, 1, PC - 8, 0x1004, 0)),
        (immediate_form("addi", 5, 6, 0), (OpCode.MV, 5, 6, 0, 0)),
        (immediate_form("addi", 5, 5, 0), (OpCode.MV, 5, 5, 0, 0)),
        (immediate_form("addi", 0, 6, 0), (OpCode.MV, SINK, 6, 0, 0)),
        (immediate_form("addi", 5, 5, -2), (OpCode.ADDI_RW, 5, 5, 0xFFFE, 0xFFFF)),
        (immediate_form("addi", 5, 6, 1), (OpCode.ADDI, 5, 6, 1, 0)),
        (immediate_form("addi", 0, 6, 1), (OpCode.ADDI, SINK, 6, 1, 0)),
        (register_form("add", 5, 5, 6), (OpCode.ADD_RW, 5, 5, 6, 0)),
        (register_form("add", 5, 6, 5), (OpCode.ADD_RW, 5, 5, 6, 0)),
        (register_form("xor", 5, 5, 5), (OpCode.XOR_RW, 5, 5, 5, 0)),
        (register_form("and", 5, 0, 5), (OpCode.AND_RW, 5, 5, 0, 0)),
        (register_form("or", 5, 6, 7), (OpCode.OR, 5, 6, 7, 0)),
        (register_form("add", 0, 0, 6), (OpCode.ADD, SINK, 0, 6, 0)),
        (register_form("sub", 5, 5, 6), (OpCode.SUB, 5, 5, 6, 0)),
        (register_form("sltu", 5, 6, 5), (OpCode.SLTU_RW, 5, 6, 5, 0)),
        (register_form("sltu", 5, 5, 6), (OpCode.SLTU, 5, 5, 6, 0)),
        (register_form("sltu", 0, 6, 0), (OpCode.SLTU, SINK, 6, 0, 0)),
        (register_form("slt", 5, 6, 5), (OpCode.SLT, 5, 6, 5, 0)),
        (shift("slli", 5, 6, 14), (OpCode.SLLI_LO, 5, 6, 1 << 14, 0)),
        (shift("slli", 5, 6, 15), (OpCode.SLLI, 5, 6, 15, 0)),
        (shift("slli", 5, 5, 16), (OpCode.SLLI_HI_RW, 5, 5, 1, 0)),
        (shift("srli", 5, 5, 0), (OpCode.SRLI_LO_RW, 5, 5, 1, 0)),
        (shift("srli", 5, 6, 30), (OpCode.SRLI_HI, 5, 6, 1 << 14, 0)),
        (shift("srli", 5, 5, 31), (OpCode.SRLI, 5, 5, 31, 0)),
        (shift("srai", 5, 5, 3), (OpCode.SRAI, 5, 5, 3, 0)),
        (branch("beq", 6, 0, 8), (OpCode.BEQZ, 0, 6, PC + 8, 0)),
        (branch("bne", 0, 6, 8), (OpCode.BNEZ, 0, 6, PC + 8, 0)),
        (branch("beq", 0, 0, 8), (OpCode.BEQZ, 0, 0, PC + 8, 0)),
        (branch("bne", 5, 6, 8), (OpCode.BNE, 6, 5, PC + 8, 0)),
        (branch("blt", 5, 0, 8), (OpCode.BLT, 0, 5, PC + 8, 0)),
        (load("lw", 5, 6, -2048), (OpCode.LW, 5, 6, P - 2048, 0)),
        (store("sb", 5, 6, 2047), (OpCode.SB, 5, 6, 2047, 0)),
    ],
)
def test_word_gets_the_narrowest_form(word: int, fields: tuple[OpCode, int, int, int, int]) -> None:
    assert decode(PC, word) == Instruction(PC, *fields)


def test_every_op_code_has_exactly_one_chip() -> None:
    machine, _ = rv32im_machine(program(finish()))
    codes = [code for chip in machine.chips for code in chip.op_codes]
    assert sorted(set(codes)) == sorted(int(code) for code in OpCode)
    repeated = {code for code in codes if codes.count(code) > 1}
    assert repeated == {int(OpCode.ECALL)}  # four flags, one op code


def test_address_that_wraps_round_has_no_proof() -> None:
    words = [*constant(5, 0xFFFFFFFC), load("lw", 6, 5, DATA % 2048 + 8)]
    with pytest.raises(UnmappedAccessError, match="wraps round"):
        execute(program([*words, *finish()]))
