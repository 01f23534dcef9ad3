"""The lookup tables T16 (limbs, byte pairs, AND, OR, XOR) and T5 (shift amounts). Their operands are virtual columns."""

from __future__ import annotations

from zk.air.chip import Chip
from zk.chips.buses import LOGIC, R16, SH, U8P
from zk.chips.frame import Columns
from zk.vm.isa import OpCode


def build_t16() -> Chip:
    """Row x + 256 y provides the limb IDX, the byte pair (x, y), and x AND y, x OR y, x XOR y."""
    chip = Chip("T16", height_log_min=16, height_log_max=16, optional=False)
    main = ("m_r16", "m_u8p", "m_and", "m_or", "m_xor")
    c = Columns(chip.declare(main, virtual=("IDX", "BYTE_X", "BYTE_Y", "BYTE_AND")))
    chip.receive(R16, c.m_r16, c.IDX)
    chip.receive(U8P, c.m_u8p, c.BYTE_X, c.BYTE_Y)
    both = c.BYTE_X + c.BYTE_Y
    chip.receive(LOGIC, c.m_and, OpCode.AND, c.BYTE_X, c.BYTE_Y, c.BYTE_AND)
    chip.receive(LOGIC, c.m_or, OpCode.OR, c.BYTE_X, c.BYTE_Y, both - c.BYTE_AND)
    chip.receive(LOGIC, c.m_xor, OpCode.XOR, c.BYTE_X, c.BYTE_Y, both - 2 * c.BYTE_AND)
    return chip


def build_t5() -> Chip:
    """Row s provides 2^(s mod 16), 2^(16 - s mod 16) and bit 4 of s."""
    chip = Chip("T5", height_log_min=5, height_log_max=5, optional=False)
    c = Columns(chip.declare(("m",), virtual=("IDX", "POW2_16", "POW2_16_COMPLEMENT", "BIT4")))
    chip.receive(SH, c.m, c.IDX, c.POW2_16, c.POW2_16_COMPLEMENT, c.BIT4)
    return chip
