"""Small programs for the machine's tests: instruction words, whole programs, random programs."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from zk.vm.elf import GuestProgram
from zk.vm.model import Model

TEXT = 0x1000
DATA = 0x8000
DATA_WORDS = 16
ZERO_BASE = DATA + 4 * DATA_WORDS
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF)

REGISTER_FORMS = {
    "add": (0, 0), "sub": (0, 32), "sll": (1, 0), "slt": (2, 0), "sltu": (3, 0), "xor": (4, 0), "srl": (5, 0),
    "sra": (5, 32), "or": (6, 0), "and": (7, 0), "mul": (0, 1), "mulh": (1, 1), "mulhsu": (2, 1), "mulhu": (3, 1),
    "div": (4, 1), "divu": (5, 1), "rem": (6, 1), "remu": (7, 1),
}  # fmt: skip
IMMEDIATE_FORMS = {"addi": 0, "slti": 2, "sltiu": 3, "xori": 4, "ori": 6, "andi": 7}
SHIFTS = {"slli": (1, 0), "srli": (5, 0), "srai": (5, 32)}
BRANCHES = {"beq": 0, "bne": 1, "blt": 4, "bge": 5, "bltu": 6, "bgeu": 7}
LOADS = {"lb": 0, "lh": 1, "lw": 2, "lbu": 4, "lhu": 5}
STORES = {"sb": 0, "sh": 1, "sw": 2}
ECALL, EBREAK, FENCE = 0x73, 0x100073, 0x0FF0000F


def register_form(name: str, rd: int, rs1: int, rs2: int) -> int:
    funct3, funct7 = REGISTER_FORMS[name]
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33


def immediate_form(name: str, rd: int, rs1: int, immediate: int) -> int:
    return (immediate & 0xFFF) << 20 | rs1 << 15 | IMMEDIATE_FORMS[name] << 12 | rd << 7 | 0x13


def shift(name: str, rd: int, rs1: int, amount: int) -> int:
    funct3, funct7 = SHIFTS[name]
    return funct7 << 25 | amount << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x13


def load(name: str, rd: int, rs1: int, offset: int) -> int:
    return (offset & 0xFFF) << 20 | rs1 << 15 | LOADS[name] << 12 | rd << 7 | 0x03


def store(name: str, rs2: int, rs1: int, offset: int) -> int:
    return (offset >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | STORES[name] << 12 | (offset & 31) << 7 | 0x23


def branch(name: str, rs1: int, rs2: int, offset: int) -> int:
    bits = (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25 | (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7
    return bits | rs2 << 20 | rs1 << 15 | BRANCHES[name] << 12 | 0x63


def jal(rd: int, offset: int) -> int:
    bits = (offset >> 20 & 1) << 31 | (offset >> 1 & 1023) << 21 | (offset >> 11 & 1) << 20 | (offset >> 12 & 255) << 12
    return bits | rd << 7 | 0x6F


def jalr(rd: int, rs1: int, offset: int) -> int:
    return (offset & 0xFFF) << 20 | rs1 << 15 | rd << 7 | 0x67


def lui(rd: int, value: int) -> int:
    return value & 0xFFFFF000 | rd << 7 | 0x37


def auipc(rd: int, value: int) -> int:
    return value & 0xFFFFF000 | rd << 7 | 0x17


def constant(rd: int, value: int) -> list[int]:
    """rd := value."""
    low = (value & 0xFFF) - (0x1000 if value & 0x800 else 0)
    return [lui(rd, value - low), immediate_form("addi", rd, rd, low)]


def call(number: int, a0: int | None = None, a1: int | None = None, a2: int | None = None) -> list[int]:
    """ECALL with these arguments; None leaves the register."""
    words = constant(17, number)
    for register, value in ((10, a0), (11, a1), (12, a2)):
        if value is not None:
            words += constant(register, value)
    return [*words, ECALL]


def finish(exit_code: int = 0, first: int = 0) -> list[int]:
    """Commits the output words from `first` on as 100 + index and halts."""
    words: list[int] = []
    for index in range(first, 16):
        words += call(2, index, 100 + index)
    return words + call(0, exit_code)


def program(words: Sequence[int], data: Sequence[int] = (), *, base: int = TEXT) -> GuestProgram:
    """A program of these instruction words with data words at DATA."""
    padded = [*data, *[0] * (DATA_WORDS - len(data))]
    return GuestProgram(
        entry=base,
        instruction_addresses=np.arange(base, base + 4 * len(words), 4, dtype=np.uint32),
        instruction_words=np.array(words, np.uint32),
        image_addresses=np.arange(DATA, ZERO_BASE, 4, dtype=np.uint32),
        image_values=np.array(padded, np.uint32),
        zero_base=ZERO_BASE,
    )


def model_of(guest: GuestProgram, hints: Sequence[int] = ()) -> Model:
    """The readable model loaded with the same program."""
    code = zip(guest.instruction_addresses.tolist(), guest.instruction_words.tolist(), strict=True)
    data = zip(guest.image_addresses.tolist(), guest.image_values.tolist(), strict=True)
    return Model.from_words(code, data, guest.entry, hints)


def random_program(rng: random.Random, length: int) -> GuestProgram:
    """The instructions of `random_words`, then the end of a program."""
    words = random_words(rng, length)
    return program(words + finish(rng.choice(EDGES)), random_data(rng))


def random_data(rng: random.Random) -> list[int]:
    """Data words for a random program."""
    return [_operand(rng) for _ in range(DATA_WORDS)]


def random_words(rng: random.Random, length: int) -> list[int]:
    """All instructions on edge and random operands in shared registers; jumps go forward. Base registers: x30 data, x31 zero."""
    words: list[int] = []
    for register in range(1, 16):
        words += constant(register, _operand(rng))
    words += constant(30, DATA) + constant(31, ZERO_BASE + 4 * rng.randrange(4096))
    for _ in range(length):
        words += _random_instruction(rng)
    return words


def _operand(rng: random.Random) -> int:
    return rng.choice(EDGES) if rng.random() < 0.6 else rng.getrandbits(32)


def _random_instruction(rng: random.Random) -> list[int]:
    rd, rs1, rs2 = (rng.randrange(16) for _ in range(3))
    kind = rng.randrange(16)
    if kind > 12:
        return _narrow_instruction(rng, rd, rs1, rs2)
    if kind < 4:
        return [register_form(rng.choice(list(REGISTER_FORMS)), rd, rs1, rs2)]
    if kind < 6:
        immediate = rng.choice((0, 1, -1, 2047, -2048, rng.randrange(-2048, 2048)))
        return [immediate_form(rng.choice(list(IMMEDIATE_FORMS)), rd, rs1, immediate)]
    if kind == 6:
        return [shift(rng.choice(list(SHIFTS)), rd, rs1, rng.choice((0, 1, 15, 16, 17, 31, rng.randrange(32))))]
    if kind == 7:
        name = rng.choice(list(LOADS))
        return [load(name, rd, rng.choice((30, 31)), _offset(rng, name))]
    if kind == 8:
        name = rng.choice(list(STORES))
        return [store(name, rs2, rng.choice((30, 31)), _offset(rng, name))]
    filler = [immediate_form("addi", rng.randrange(16), rs2, 1) for _ in range(rng.randrange(3))]
    skip = 4 + 4 * len(filler)
    if kind in (9, 10):
        return [branch(rng.choice(list(BRANCHES)), rs1, rs2, skip), *filler]
    if kind == 11:
        return [rng.choice((lui, auipc))(rd, rng.getrandbits(32)), FENCE, jal(rd, skip), *filler]
    adjust = rng.choice((-2000, -63, 0, 1, 64, 2000))  # bit 0 is cleared by the jump
    distance = 12 + 4 * len(filler) - (adjust & ~1)
    return [auipc(29, 0), immediate_form("addi", 29, 29, distance), jalr(rd, 29, adjust), *filler]


def _narrow_instruction(rng: random.Random, rd: int, rs1: int, rs2: int) -> list[int]:
    """An instruction whose shape has an op code of its own."""
    name = rng.choice(("add", "and", "or", "xor"))
    match rng.randrange(8):
        case 0 | 1:
            return [register_form(name, rd, rd, rs2)]
        case 2:
            return [register_form(name, rd, rs1, rd)]
        case 3:
            return [register_form("sltu", rd, rs1, rd)]
        case 4:
            return [immediate_form("addi", rd, rs1, 0)]
        case 5:
            zero_first = rng.random() < 0.2
            operands = (0, rs1) if zero_first else (rs1, 0)
            return [
                branch(rng.choice(("beq", "bne")), *operands, rng.choice((4, 8))),
                immediate_form("addi", rd, rd, 1),
            ]
        case _:
            return [shift(rng.choice(("slli", "srli")), rd, rng.choice((rd, rs1)), rng.randrange(32))]


def _offset(rng: random.Random, name: str) -> int:
    size = 1 << ({**LOADS, **STORES}[name] & 3)
    return rng.randrange(4 * DATA_WORDS) // size * size
