"""Logged rows of the executor, decoded, as the trace generators of the instruction chips see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zk.air.expression import P
from zk.vm.isa import IMMEDIATE_FORM, OpCode
from zk.vm.rom import Rom

Array = NDArray[np.int64]
Trace = dict[str, Array]  # column -> values in [0, p) on the real rows; a column that is absent is zero


@dataclass(frozen=True, slots=True)
class CpuRows:
    """One instruction per row: ROM fields, clk, and value and time of the last access of up to three words.

    `b`: rs1; `c`: rs2, the memory word of a load, or the constant of an immediate form; `o`: the word that a write replaced
    (rd, or memory for stores). Values are whole 32-bit words. Where an operand is rd itself, `o` and `b` (or `c`) are both its old word.
    """

    pc: Array
    op: Array
    r: Array
    rs1: Array
    x: Array
    y: Array
    clk: Array
    b: Array
    t1: Array
    c: Array
    t2: Array
    o: Array
    t3: Array

    @staticmethod
    def decode(rows: NDArray[np.uint32], rom: Rom) -> CpuRows:
        """From logged rows (8, n): ROM row, clk, then value and time of the three words."""
        at = rows[0]
        fields = (column[at].astype(np.int64) for column in (rom.pc, rom.op, rom.r, rom.rs1, rom.x, rom.y))
        return CpuRows(*fields, *(row.astype(np.int64) for row in rows[1:]))

    def flag(self, *codes: OpCode) -> Array:
        """1 where the instruction is one of these, else 0."""
        result: Array = np.isin(self.op, [int(code) for code in codes]).astype(np.int64)
        return result

    def ones(self) -> Array:
        """1 on every row."""
        return np.ones_like(self.pc)

    def immediate_form(self) -> Array:
        """1 where the instruction is the immediate form of a mixed chip."""
        result: Array = (self.op > IMMEDIATE_FORM).astype(np.int64)
        return result

    def offset(self) -> Array:
        """The signed offset of a load or store."""
        return self.x - P * (self.x > P // 2)

    def first(self) -> Trace:
        """pc, clk and the access to rs1."""
        return {**self._step(), "rs1": self.rs1, "b0": lo(self.b), "b1": hi(self.b), "t1": self.t1}

    def second(self) -> Trace:
        """The access to rs2 of a register form."""
        return self._second(self.x)

    def frame(self) -> Trace:
        """Columns of F1."""
        return {**self.frame_read_write(), **self.first()}

    def frame_read_write(self) -> Trace:
        """Columns of F0."""
        return {**self._step(), "rd": self.r, "o0": lo(self.o), "o1": hi(self.o), "t3": self.t3}

    def frame_with_rs2(self) -> Trace:
        """Columns of F2."""
        return {**self.frame(), **self.second()}

    def frame_of_branch(self) -> Trace:
        """Columns of FB."""
        return {**self.first(), **self._second(self.r)}

    def frame_mixed(self) -> Trace:
        """Columns of M."""
        return {**self.frame_with_rs2(), "y": self.y, "f_i": self.immediate_form()}

    def frame_of_load(self) -> Trace:
        """F1 and the memory access with the word w."""
        return {**self.frame(), **self._memory(self.c, self.t2)}

    def frame_of_store(self) -> Trace:
        """FB and the memory access with the old word w."""
        return {**self.frame_of_branch(), **self._memory(self.o, self.t3)}

    def _step(self) -> Trace:
        return {"pc": self.pc, "clk": self.clk}

    def _second(self, register: Array) -> Trace:
        return {"rs2": register, "c0": lo(self.c), "c1": hi(self.c), "t2": self.t2}

    def _memory(self, word: Array, t: Array) -> Trace:
        carry = (lo(self.b) + self.offset()) >> 16
        distance = lo(4 * self.clk + 2 - t - 1)
        return {"w0": lo(word), "w1": hi(word), "tm": t, "dm": distance, "i": self.x, "n": in_field(4 * carry)}


def lo(word: Array) -> Array:
    """Low 16 bits."""
    return word & 0xFFFF


def hi(word: Array) -> Array:
    """High 16 bits of a 32-bit word."""
    return word >> 16


def signed(word: Array) -> Array:
    """The word as a two's complement integer."""
    return word - ((word >> 31) << 32)


def in_field(value: Array) -> Array:
    """Canonical field element of an integer of either sign."""
    return value % P


@cache
def inverses() -> Array:
    """Inverses mod p of 0 .. 2^17 - 1, sums of two limbs; 0 for 0."""
    base = np.arange(1 << 17, dtype=np.uint64)
    result = np.ones_like(base)
    for bit in f"{P - 2:b}":
        result = result * result % np.uint64(P)
        if bit == "1":
            result = result * base % np.uint64(P)
    return result.astype(np.int64)
