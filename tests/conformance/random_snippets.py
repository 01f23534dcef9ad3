"""Random programs: every RV32IM instruction, data-dependent addresses, loops, calls, jumps in both directions."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.conformance.snippets import Layout, Snippet
from tests.unit.vm.assembler import (
    BRANCHES,
    EDGES,
    FENCE,
    IMMEDIATE_FORMS,
    LOADS,
    REGISTER_FORMS,
    SHIFTS,
    STORES,
    auipc,
    branch,
    constant,
    immediate_form,
    jal,
    jalr,
    load,
    lui,
    register_form,
    shift,
    store,
)

IMAGE_WORDS, ZERO_WORDS = 48, 48
MEMORY_BYTES = 4 * (IMAGE_WORDS + ZERO_WORDS)
BLOCK_DEPTH_MAX = 2


def random_snippets(seed: str, count: int) -> list[Snippet]:
    """This many programs in one layout; program `number` of a seed is always the same."""
    layout = Layout()
    return [random_snippet(random.Random(f"{seed}/{number}"), layout, f"{seed}/{number}") for number in range(count)]


def random_snippet(rng: random.Random, layout: Layout, name: str) -> Snippet:
    """A program at the next addresses of the layout."""
    pointer = rng.randrange(1, 32)
    builder = _Builder(rng, pointer)
    words: list[int] = []
    for register in rng.sample(range(1, 32), 31):
        words += constant(register, layout.memory if register == pointer else operand(rng))
    words += builder.block(rng.randrange(20, 90))
    return layout.place(name, words, [operand(rng) for _ in range(IMAGE_WORDS)], ZERO_WORDS, pointer)


def operand(rng: random.Random) -> int:
    """An edge value, one bit set or cleared, a small signed value, or any word."""
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(EDGES)
    if kind == 3:
        return 1 << rng.randrange(32)
    if kind == 4:
        return 0xFFFFFFFF ^ 1 << rng.randrange(32)
    return rng.randrange(-64, 64) & 0xFFFFFFFF if kind == 5 else rng.getrandbits(32)


class _Builder:
    """Writes blocks of instructions; registers in `kept` are read but never written."""

    def __init__(self, rng: random.Random, pointer: int) -> None:
        self.rng = rng
        self.pointer = pointer
        self.kept = {pointer}
        self.depth = 0
        simple: list[tuple[int, Callable[[], list[int]]]] = [
            (8, self._register_form),
            (4, self._immediate_form),
            (2, self._shift),
            (3, self._load),
            (3, self._store),
            (2, self._indexed),
            (2, self._constant),
            (1, self._upper),
            (3, self._branch),
            (1, self._jump),
            (2, self._computed_jump),
        ]
        nested = [(2, self._alternative), (2, self._loop), (1, self._call)]
        self._simple = [kind for weight, kind in simple for _ in range(weight)]
        self._all = self._simple + [kind for weight, kind in nested for _ in range(weight)]

    def block(self, items: int) -> list[int]:
        """This many items in a row."""
        kinds = self._all if self.depth < BLOCK_DEPTH_MAX else self._simple
        return [word for _ in range(items) for word in self.rng.choice(kinds)()]

    def _inner(self, items_max: int, *kept: int) -> list[int]:
        added = set(kept) - self.kept
        self.kept |= added
        self.depth += 1
        words = self.block(self.rng.randrange(1, items_max + 1))
        self.depth -= 1
        self.kept -= added
        return words

    def _source(self) -> int:
        return self.rng.randrange(32)

    def _target(self) -> int:
        """A register to write, x0 included."""
        return self.rng.choice([register for register in range(32) if register not in self.kept])

    def _free(self) -> int:
        """A register to write that keeps what is written."""
        return self.rng.choice([register for register in range(1, 32) if register not in self.kept])

    def _register_form(self) -> list[int]:
        rd, rs1, rs2 = self._target(), self._source(), self._source()
        if self.rng.random() < 0.1:
            rs1 = rs2 = rd
        return [register_form(self.rng.choice(list(REGISTER_FORMS)), rd, rs1, rs2)]

    def _immediate_form(self) -> list[int]:
        immediate = self.rng.choice((0, 1, -1, 2047, -2048, self.rng.randrange(-2048, 2048)))
        return [immediate_form(self.rng.choice(list(IMMEDIATE_FORMS)), self._target(), self._source(), immediate)]

    def _shift(self) -> list[int]:
        return [shift(self.rng.choice(list(SHIFTS)), self._target(), self._source(), self.rng.randrange(32))]

    def _upper(self) -> list[int]:
        return [self.rng.choice((lui, auipc))(self._target(), self.rng.getrandbits(32)), FENCE]

    def _constant(self) -> list[int]:
        return constant(self._free(), operand(self.rng))

    def _load(self) -> list[int]:
        name = self.rng.choice(list(LOADS))
        base, offset, words = self._address(1 << (LOADS[name] & 3))
        return [*words, load(name, self._target(), base, offset)]

    def _store(self) -> list[int]:
        name = self.rng.choice(list(STORES))
        base, offset, words = self._address(1 << STORES[name])
        return [*words, store(name, self._source(), base, offset)]

    def _address(self, size: int) -> tuple[int, int, list[int]]:
        """Base register, offset and the instructions before: an aligned address of the memory."""
        position = self.rng.randrange(MEMORY_BYTES // size) * size
        if self.rng.random() < 0.5:
            return self.pointer, position, []
        base, offset = self._free(), self.rng.choice((-1600, -1, 1, 1600, self.rng.randrange(-1024, 1024)))
        return base, offset, [immediate_form("addi", base, self.pointer, position - offset)]

    def _indexed(self) -> list[int]:
        """Load or store at an address that depends on data."""
        name = self.rng.choice([*LOADS, *STORES])
        size = 1 << ({**LOADS, **STORES}[name] & 3)
        base = self._free()
        words = [
            immediate_form("andi", base, self._source(), 128 - size),
            register_form("add", base, base, self.pointer),
        ]
        offset = self.rng.randrange((MEMORY_BYTES - 128) // size) * size
        last = load(name, self._target(), base, offset) if name in LOADS else store(name, self._source(), base, offset)
        return [*words, last]

    def _branch(self) -> list[int]:
        """Skips or not, as the data decides."""
        filler = self._filler()
        return [branch(self.rng.choice(list(BRANCHES)), self._source(), self._source(), 4 + 4 * len(filler)), *filler]

    def _jump(self) -> list[int]:
        """Forward over a filler, or to and fro."""
        filler = self._filler()
        if self.rng.random() < 0.5:
            return [jal(self._target(), 4 + 4 * len(filler)), *filler]
        back = jal(self._target(), -4 - 4 * len(filler))
        return [jal(0, 8 + 4 * len(filler)), *filler, jal(0, 8), back]

    def _computed_jump(self) -> list[int]:
        """JALR forward by an address from AUIPC; bit 0 of the sum is cleared by the jump."""
        base, filler = self._free(), self._filler()
        offset = self.rng.choice((-2000, -63, 0, 1, 64, 2000))
        distance = 12 + 4 * len(filler) - (offset & ~1)
        return [
            auipc(base, 0),
            immediate_form("addi", base, base, distance),
            jalr(self._target(), base, offset),
            *filler,
        ]

    def _filler(self) -> list[int]:
        return [immediate_form("addi", self._target(), self._source(), 1) for _ in range(self.rng.randrange(3))]

    def _alternative(self) -> list[int]:
        """One of two blocks."""
        name, first, second = self.rng.choice(list(BRANCHES)), self._inner(4), self._inner(4)
        head = branch(name, self._source(), self._source(), 8 + 4 * len(first))
        return [head, *first, jal(0, 4 + 4 * len(second)), *second]

    def _loop(self) -> list[int]:
        """A block one to four times, with the branch back in one of six forms."""
        counter, times = self._free(), self.rng.randrange(1, 5)
        body = self._inner(5, counter)
        back = -4 * len(body) - 4
        down, up = immediate_form("addi", counter, counter, -1), immediate_form("addi", counter, counter, 1)
        forms = (
            (times, [down, branch("bne", counter, 0, back)]),
            (times, [down, branch("blt", 0, counter, back)]),
            (times, [down, branch("bltu", 0, counter, back)]),
            (1 - times, [up, branch("bge", 0, counter, back)]),
            (-times, [up, branch("bgeu", counter, self.pointer, back)]),
            (times, [down, branch("beq", counter, 0, 8), jal(0, back - 4)]),
        )
        start, tail = self.rng.choice(forms)
        return [immediate_form("addi", counter, 0, start), *body, *tail]

    def _call(self) -> list[int]:
        """A function before its call: the jump to it goes back, JALR returns."""
        link = self._free()
        body = self._inner(4, link)
        return [jal(0, 8 + 4 * len(body)), *body, jalr(0, link, 0), jal(link, -4 - 4 * len(body))]
