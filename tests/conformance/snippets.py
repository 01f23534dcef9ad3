"""Programs that leave all they computed in memory, so that any emulator can be compared with word for word.

A snippet gives every register a value, does its work and stores all registers behind its memory. Its end is not its own: here
it commits the checksum of its memory and halts, in another emulator it jumps to the next snippet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.unit.vm.assembler import ECALL, branch, constant, immediate_form, jal, load, register_form, shift, store
from zk.vm.elf import GuestProgram

REGISTERS = 32
TEXT = 0x10000
MEMORY = 0x2000000


@dataclass(frozen=True, slots=True)
class Snippet:
    """`words` at `base`; memory at `memory`: the words `image`, then `zero_words` that start as 0, then the 32 registers.

    `words` end before the registers are stored; the register `pointer` holds `memory` there.
    """

    name: str
    base: int
    memory: int
    pointer: int
    words: tuple[int, ...]
    image: tuple[int, ...]
    zero_words: int

    @property
    def memory_words(self) -> int:
        """Words of memory, the stored registers included."""
        return len(self.image) + self.zero_words + REGISTERS

    @property
    def stored(self) -> tuple[int, ...]:
        """The words, then the instructions that store x0 .. x31."""
        offset = 4 * (len(self.image) + self.zero_words)
        moved = [] if offset + 4 * REGISTERS <= 2048 else _moved(self.pointer, offset)
        start = 0 if moved else offset
        return (*self.words, *moved, *(store("sw", r, self.pointer, start + 4 * r) for r in range(REGISTERS)))

    @property
    def end(self) -> int:
        """Address behind the last stored register."""
        return self.base + 4 * len(self.stored)

    def guest(self) -> GuestProgram:
        """The snippet as a program of this machine: image words, zero memory behind them, checksum and HALT at the end."""
        words = [*self.stored, *checksum_and_halt(self.memory, self.memory_words)]
        addresses = np.arange(self.memory, self.memory + 4 * max(1, len(self.image)), 4, dtype=np.uint32)
        return GuestProgram(
            entry=self.base,
            instruction_addresses=np.arange(self.base, self.base + 4 * len(words), 4, dtype=np.uint32),
            instruction_words=np.array(words, np.uint32),
            image_addresses=addresses,
            image_values=np.array(self.image or (0,), np.uint32),
            zero_base=int(addresses[-1]) + 4,
            labels={"begin_signature": self.memory, "end_signature": self.memory + 4 * self.memory_words},
        )


def _moved(pointer: int, distance: int) -> list[int]:
    """pointer := pointer + distance in steps, as no other register is free; its stored value is known all the same."""
    steps = [2047] * (distance // 2047) + [distance % 2047]
    return [immediate_form("addi", pointer, pointer, step) for step in steps]


def checksum_and_halt(memory: int, words: int) -> list[int]:
    """The end of a program: `zk.vm.signature.checksum` of the words as outputs, exit code 0."""
    inner = [
        load("lw", 4, 2, 0),
        shift("slli", 5, 11, 5),
        register_form("sub", 11, 5, 11),
        register_form("add", 11, 11, 4),
        immediate_form("addi", 2, 2, 64),
    ]
    start = [
        shift("slli", 4, 1, 2),
        *constant(2, memory),
        register_form("add", 2, 2, 4),
        immediate_form("addi", 11, 0, 0),
    ]
    body = [*start, branch("bgeu", 2, 3, 4 * len(inner) + 8), *inner, jal(0, -4 * len(inner) - 4)]
    commit = [immediate_form("addi", 10, 1, 0), ECALL, immediate_form("addi", 1, 1, 1)]
    again = branch("bltu", 1, 6, -4 * (len(body) + len(commit)))
    head = [*constant(3, memory + 4 * words), immediate_form("addi", 6, 0, 16), immediate_form("addi", 1, 0, 0)]
    halt = [immediate_form("addi", 10, 0, 0), immediate_form("addi", 17, 0, 0), ECALL]
    return [*head, immediate_form("addi", 17, 0, 2), *body, *commit, again, *halt]


@dataclass(slots=True)
class Layout:
    """Places snippets one behind the other, so that each has addresses of its own."""

    base: int = TEXT
    memory: int = MEMORY

    def place(self, name: str, words: Sequence[int], image: Sequence[int], zero_words: int, pointer: int) -> Snippet:
        """A snippet with these words at the next free addresses."""
        snippet = Snippet(name, self.base, self.memory, pointer, tuple(words), tuple(image), zero_words)
        self.base = snippet.end + 4 * 64
        self.memory += 4 * snippet.memory_words
        return snippet
