"""A readable model of RV32IM with the calls HALT, HINT_WORD and COMMIT: the oracle of the executor's tests.

It shares no code with the executor or the decoder: instruction words go in, registers and memory come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MASK = 0xFFFFFFFF


class ModelError(Exception):
    """The program did something that the machine does not allow."""


@dataclass(slots=True)
class Model:
    """State of the machine: `code` maps addresses to instruction words, `memory` maps byte addresses to bytes."""

    code: Mapping[int, int]
    memory: dict[int, int]
    pc: int
    hints: list[int] = field(default_factory=list)
    registers: list[int] = field(default_factory=lambda: [0] * 32)
    outputs: dict[int, int] = field(default_factory=dict)
    exit_code: int | None = None
    cycles: int = 0

    @staticmethod
    def from_words(
        code: Iterable[tuple[int, int]], data: Iterable[tuple[int, int]], entry: int, hints: Iterable[int] = ()
    ) -> Model:
        """From (address, word) pairs of code and data."""
        memory = {address + i: word >> (8 * i) & 0xFF for address, word in data for i in range(4)}
        return Model(dict(code), memory, entry, list(hints))

    def run(self, max_cycles: int) -> None:
        """Runs to HALT."""
        while self.exit_code is None:
            if self.cycles == max_cycles:
                raise ModelError("cycle limit")
            self.step()

    def step(self) -> None:
        """Executes one instruction."""
        word = self.code.get(self.pc)
        if word is None:
            raise ModelError(f"no instruction at {self.pc:#x}")
        self.cycles += 1
        self.pc = self._execute(word)

    def word_at(self, address: int) -> int:
        """The little-endian word at an address."""
        return self._load(address, 4)

    def _execute(self, word: int) -> int:
        """Carries out one instruction word; returns the next pc."""
        opcode, rd, funct3 = word & 0x7F, word >> 7 & 0x1F, word >> 12 & 7
        rs1, rs2, funct7 = word >> 15 & 0x1F, word >> 20 & 0x1F, word >> 25
        b, c = self.registers[rs1], self.registers[rs2]
        i_immediate = sign_extend(word >> 20, 12)
        following = (self.pc + 4) & MASK
        if opcode == 0b0110111:
            self._write(rd, word & 0xFFFFF000)
        elif opcode == 0b0010111:
            self._write(rd, self.pc + (word & 0xFFFFF000))
        elif opcode == 0b1101111:
            bits = word >> 31 << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
            self._write(rd, following)
            return (self.pc + sign_extend(bits, 21)) & MASK
        elif opcode == 0b1100111 and funct3 == 0:
            self._write(rd, following)
            return (b + i_immediate) & MASK & ~1
        elif opcode == 0b1100011 and funct3 not in (2, 3):
            bits = word >> 31 << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3F) << 5 | (word >> 8 & 0xF) << 1
            return (self.pc + sign_extend(bits, 13)) & MASK if _branches(funct3, b, c) else following
        elif opcode == 0b0000011 and funct3 in (0, 1, 2, 4, 5):
            size = 1 << (funct3 & 3)
            value = self._load((b + i_immediate) & MASK, size)
            self._write(rd, value if funct3 & 4 else sign_extend(value, 8 * size))
        elif opcode == 0b0100011 and funct3 in (0, 1, 2):
            self._store((b + sign_extend(funct7 << 5 | rd, 12)) & MASK, c, 1 << funct3)
        elif opcode == 0b0010011:
            self._write(rd, _arithmetic_immediate(funct3, funct7, b, i_immediate))
        elif opcode == 0b0110011 and funct7 in (0, 1, 32):
            self._write(rd, _multiply_divide(funct3, b, c) if funct7 == 1 else _arithmetic(funct3, funct7 == 32, b, c))
        elif opcode == 0b0001111 and funct3 == 0:
            pass
        elif word == 0x00000073:
            return self._call(following)
        else:
            raise ModelError(f"illegal instruction {word:#010x} at {self.pc:#x}")
        return following

    def _write(self, register: int, value: int) -> None:
        if register:
            self.registers[register] = value & MASK

    def _load(self, address: int, size: int) -> int:
        if address % size or address >= 1 << 30:
            raise ModelError(f"load at {address:#x}")
        return sum(self.memory.get(address + i, 0) << (8 * i) for i in range(size))

    def _store(self, address: int, value: int, size: int) -> None:
        if address % size or address >= 1 << 30:
            raise ModelError(f"store at {address:#x}")
        for i in range(size):
            self.memory[address + i] = value >> (8 * i) & 0xFF

    def _call(self, following: int) -> int:
        number, a0, a1 = self.registers[17], self.registers[10], self.registers[11]
        if number == 0:
            self.exit_code = a0
            return 0
        if number == 1:
            if not self.hints:
                raise ModelError("no hint left")
            self.registers[10] = self.hints.pop(0)
        elif number == 2 and a0 < 16 and a0 not in self.outputs:
            self.outputs[a0] = a1
        else:
            raise ModelError(f"call {number} with {a0}")
        return following


def sign_extend(value: int, bits: int) -> int:
    """The low bits as a two's complement integer."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _arithmetic_immediate(funct3: int, funct7: int, b: int, immediate: int) -> int:
    if funct3 in (1, 5):
        if funct7 not in (0, 32) or (funct3 == 1 and funct7):
            raise ModelError("illegal shift")
        return _arithmetic(funct3, funct7 == 32, b, immediate & 31)
    return _arithmetic(funct3, False, b, immediate & MASK)


def _arithmetic(funct3: int, alternative: bool, b: int, c: int) -> int:
    if alternative and funct3 not in (0, 5):
        raise ModelError("illegal instruction")
    amount = c & 31
    operations = (
        lambda: b - c if alternative else b + c,
        lambda: b << amount,
        lambda: int(sign_extend(b, 32) < sign_extend(c, 32)),
        lambda: int(b < c),
        lambda: b ^ c,
        lambda: (sign_extend(b, 32) if alternative else b) >> amount,
        lambda: b | c,
        lambda: b & c,
    )
    return operations[funct3]()


def _multiply_divide(funct3: int, b: int, c: int) -> int:
    signed_b, signed_c = sign_extend(b, 32), sign_extend(c, 32)
    if funct3 == 0:
        return b * c
    if funct3 == 1:
        return signed_b * signed_c >> 32
    if funct3 == 2:
        return signed_b * c >> 32
    if funct3 == 3:
        return b * c >> 32
    if c == 0:
        return MASK if funct3 in (4, 5) else b
    if funct3 in (5, 7):
        return b // c if funct3 == 5 else b % c
    quotient = abs(signed_b) // abs(signed_c) * (1 if (signed_b < 0) == (signed_c < 0) else -1)
    return quotient if funct3 == 4 else signed_b - quotient * signed_c


def _branches(funct3: int, b: int, c: int) -> bool:
    signed_b, signed_c = sign_extend(b, 32), sign_extend(c, 32)
    return {0: b == c, 1: b != c, 4: signed_b < signed_c, 5: signed_b >= signed_c, 6: b < c, 7: b >= c}[funct3]
