"""Logged rows of the executor, decoded, as the trace generators of the instruction chips see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zk.air.expression import P
from zk.vm.isa import OpCode, Rom

Array = NDArray[np.int64]
Trace = dict[str, Array]  # column -> values in [0, p) on the real rows; a column that is absent is zero


@dataclass(frozen=True, slots=True)
class CpuRows:
    """One instruction per row: ROM fields, clk, and value and time of the last access of up to three words.

    `b`: rs1; `c`: rs2, the memory word of a load, or the constant of an immediate form; `o`: the word that a write replaced
    (rd, or memory for stores). Values are whole 32-bit words.
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

    def frame(self) -> Trace:
        """Columns of F1."""
        return {"rd": self.r, "o0": lo(self.o), "o1": hi(self.o), **self._first(), **self._time(3, 3, self.t3)}

    def frame_with_rs2(self) -> Trace:
        """Columns of F2."""
        return {**self.frame(), **self._second(self.x)}

    def frame_of_branch(self) -> Trace:
        """Columns of FB."""
        return {**self._first(), **self._second(self.r)}

    def frame_mixed(self) -> Trace:
        """Columns of M; t2 and d2 are 0 on immediate rows."""
        immediate = (self.op > 32).astype(np.int64)
        columns = {**self.frame_with_rs2(), "y": self.y, "f_i": immediate}
        columns["d2"] = columns["d2"] * (1 - immediate)
        return columns

    def frame_of_load(self) -> Trace:
        """F1 and the memory access at slot 2 with the word w and the immediate i."""
        return {**self.frame(), "w0": lo(self.c), "w1": hi(self.c), **self._time(2, 2, self.t2), **self._immediate()}

    def frame_of_store(self) -> Trace:
        """FB and the memory access at slot 2 with the old word w and the immediate i."""
        columns = {**self.frame_of_branch(), "w0": lo(self.o), "w1": hi(self.o)}
        return {**columns, **self._time(3, 2, self.t3), **self._immediate()}

    def address_carries(self, offset: Array | int = 0) -> Trace:
        """k0, k1 of the address gadget."""
        del offset  # subtracting the offset never borrows: it is the low bits of the same sum
        k0 = (lo(self.b) + self.x) >> 16
        return {"k0": k0, "k1": (hi(self.b) + self.y + k0) >> 16}

    def _immediate(self) -> Trace:
        return {"i0": self.x, "i1": self.y}

    def _first(self) -> Trace:
        columns = {"pc": self.pc, "clk": self.clk, "rs1": self.rs1, "b0": lo(self.b), "b1": hi(self.b)}
        return {**columns, **self._time(1, 0, self.t1)}

    def _second(self, register: Array) -> Trace:
        return {"rs2": register, "c0": lo(self.c), "c1": hi(self.c), **self._time(2, 1, self.t2)}

    def _time(self, number: int, slot: int, t: Array) -> Trace:
        return {f"t{number}": t, f"d{number}": lo(4 * self.clk + slot - t - 1)}


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
def limb_inverses() -> Array:
    """Inverses mod p of 0 .. 65535; 0 for 0."""
    base = np.arange(65536, dtype=np.uint64)
    result = np.ones_like(base)
    for bit in f"{P - 2:b}":
        result = result * result % np.uint64(P)
        if bit == "1":
            result = result * base % np.uint64(P)
    return result.astype(np.int64)
