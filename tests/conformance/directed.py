"""Directed programs: every instruction on edge operands, with every aliasing of registers, in every direction.

Operands: 0, 1, -1, the smallest and largest signed word, and every word with one bit set or one bit cleared.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

from tests.conformance.snippets import Layout, Snippet
from tests.unit.vm.assembler import (
    BRANCHES,
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

CORE = (0, 1, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF)
WALKING = tuple(word for k in range(32) for word in (1 << k, 0xFFFFFFFF ^ 1 << k))
VALUES = tuple(dict.fromkeys((*CORE, *WALKING)))
PAIRS = tuple(
    dict.fromkeys(
        (*itertools.product(CORE, VALUES), *itertools.product(VALUES, CORE), *zip(VALUES, VALUES, strict=True))
    )
)
CORE_PAIRS = tuple(itertools.product(CORE, CORE))
IMMEDIATES = (0, -1, 2047, -2048, *(1 << k for k in range(11)), *(~(1 << k) for k in range(11)))
MEMORY_OFFSETS = (0, -1, 2047, -2048, *(1 << k for k in range(11)), *(-(1 << k) for k in range(11)))
PATTERNS = (0x807F00FF, 0xFF7F8001, 0x7FFF8000, 0x0180FE7F)

A, B, RESULT = 5, 6, 7  # operands and result
OUT, NEXT, LAST, POINTER = 28, 30, 29, 31  # where results go, the table of operands and its end, the memory

Emit = Callable[[], list[int]]


def nop() -> int:
    return immediate_form("addi", 0, 0, 0)


def move(rd: int, rs: int) -> int:
    return immediate_form("addi", rd, rs, 0)


def put(register: int, position: int = 0) -> int:
    """Stores a result at this word behind OUT."""
    return store("sw", register, OUT, 4 * position)


def start(memory: int) -> list[int]:
    """All registers 0 but the pointer."""
    return [*(immediate_form("addi", r, 0, 0) for r in range(1, 32) if r != POINTER), *constant(POINTER, memory)]


def over_table(
    layout: Layout, tables: Sequence[tuple[Sequence[tuple[int, ...]], list[int], int]], name: str
) -> Snippet:
    """For each (rows, body, results): the body with a row's values in A, B, ... and room for so many results behind OUT."""
    image = [word for rows, _, _ in tables for row in rows for word in row]
    words = [*start(layout.memory), *constant(OUT, layout.memory + 4 * len(image)), *constant(NEXT, layout.memory)]
    results = 0
    for rows, body, count in tables:
        size = len(rows[0])
        words += [move(LAST, NEXT), *constant(RESULT, 4 * size * len(rows)), register_form("add", LAST, LAST, RESULT)]
        loop = [*(load("lw", A + i, NEXT, 4 * i) for i in range(size)), *body]
        loop += [immediate_form("addi", NEXT, NEXT, 4 * size), immediate_form("addi", OUT, OUT, 4 * count)]
        words += [*loop, branch("bltu", NEXT, LAST, -4 * len(loop))]
        results += len(rows) * count
    return layout.place(name, words, image, results, POINTER)


def register_form_program(name: str, layout: Layout) -> Snippet:
    """All pairs; then rd = rs1, rd = rs2, rs1 = rs2, all three the same, and x0 in each place."""
    op = partial(register_form, name)
    aliases = [
        [move(8, A), op(8, 8, B), put(8)],
        [move(8, B), op(8, A, 8), put(8, 1)],
        [op(8, A, A), put(8, 2)],
        [move(8, A), op(8, 8, 8), put(8, 3)],
        [op(8, A, 0), put(8, 4)],
        [op(8, 0, B), put(8, 5)],
        [op(8, 0, 0), put(8, 6)],
        [op(0, A, B), put(0, 7), op(0, 0, 0), move(8, 0), put(8, 8)],
    ]
    flat = [word for alias in aliases for word in alias]
    return over_table(layout, [(PAIRS, [op(RESULT, A, B), put(RESULT)], 1), (CORE_PAIRS, flat, 9)], name)


def immediate_program(name: str, layout: Layout) -> Snippet:
    """All values with all edge immediates or shift amounts, rd = rs1 and x0 in each place."""
    form = partial(shift if name in SHIFTS else immediate_form, name)
    body: list[int] = []
    immediates = tuple(range(32)) if name in SHIFTS else IMMEDIATES
    for position, immediate in enumerate(immediates):
        body += [form(RESULT, A, immediate), put(RESULT, position)]
        body += [move(8, A), form(8, 8, immediate), put(8, len(immediates) + position)]
    rest = [form(8, 0, immediates[-1]), put(8), form(0, A, immediates[-1]), put(0, 1)]
    rows = [(value,) for value in VALUES]
    return over_table(layout, [(rows, body, 2 * len(immediates)), ([(1,)], rest, 2)], name)


def upper_program(name: str, layout: Layout) -> Snippet:
    """LUI or AUIPC with every bit of the immediate, and into x0; FENCE between them."""
    form = {"lui": lui, "auipc": auipc}[name]
    values = [value for value in VALUES if value & 0xFFF in (0, 0xFFF)]
    words = [*start(layout.memory), *constant(OUT, layout.memory)]
    for position, value in enumerate(values):
        words += [form(RESULT, value), FENCE, put(RESULT, position)]
    return layout.place(name, [*words, form(0, 0xFFFFF000), put(0, len(values))], [], len(values) + 1, POINTER)


def branch_program(name: str, layout: Layout) -> Snippet:
    """All pairs forward and backward: 2 where the branch is taken, 5 where not; then aliases of registers and x0."""
    op = partial(branch, name)
    both = [
        move(RESULT, 0),
        op(A, B, 8),
        immediate_form("addi", RESULT, RESULT, 1),
        jal(0, 12),
        immediate_form("addi", RESULT, RESULT, 2),
        jal(0, 12),
        op(A, B, -8),
        immediate_form("addi", RESULT, RESULT, 4),
        put(RESULT),
    ]
    aliases: list[int] = [move(RESULT, 0)]
    for bit, (rs1, rs2) in enumerate(((A, A), (A, 0), (0, B), (0, 0))):
        aliases += [op(rs1, rs2, 8), immediate_form("addi", RESULT, RESULT, 1 << bit)]
    return over_table(layout, [(PAIRS, both, 1), (CORE_PAIRS, [*aliases, put(RESULT)], 1)], name)


TAKEN = {"beq": (3, 3), "bne": (3, 4), "blt": (0xFFFFFFFF, 1), "bge": (1, 0xFFFFFFFF), "bltu": (1, 2), "bgeu": (2, 1)}


def far_branch_program(name: str, layout: Layout) -> Snippet:
    """The longest branches: 4,092 bytes forward, 4,096 back."""
    left, right = TAKEN[name]
    words = [*start(layout.memory), *constant(A, left), *constant(B, right)]
    words += [branch(name, A, B, 4092), jal(0, 4100), *[0] * (4092 // 4 - 2)]
    words += [immediate_form("addi", RESULT, RESULT, 1), nop(), branch(name, A, B, -4096), move(8, RESULT)]
    return layout.place(f"far {name}", words, [], 0, POINTER)


def jal_program(layout: Layout) -> Snippet:
    """Forward, backward, without a link, with every link register but the pointer."""
    words = [*start(layout.memory), *constant(OUT, layout.memory)]
    position = 0
    for rd in range(32):
        if rd in (POINTER, OUT):
            continue
        words += [jal(rd, 8), nop(), put(rd, position)]
        words += [jal(0, 8), jal(0, 8), jal(rd, -4), put(rd, position + 1)]
        position += 2
    return layout.place("jal", words, [], position, POINTER)


def far_jal_program(layout: Layout) -> Snippet:
    """The longest jumps: 1,048,572 bytes forward, 1,048,576 back."""
    words = [*start(layout.memory), jal(1, 0xFFFFC), auipc(8, 0x100000), jalr(9, 8, 4), *[0] * (0xFFFFC // 4 - 3)]
    words += [immediate_form("addi", RESULT, RESULT, 1), nop(), jal(2, -0x100000), move(10, RESULT)]
    return layout.place("far jal", words, [], 0, POINTER)


def jalr_program(layout: Layout) -> Snippet:
    """Every edge offset, sums with bit 0 set, rd = rs1, rd = x0; each jump skips an instruction that would show."""
    words = [*start(layout.memory), *constant(OUT, layout.memory)]
    position = 0
    for offset in MEMORY_OFFSETS:
        for rd, base, odd in ((1, 8, 0), (8, 8, 0), (0, 8, 1), (8, 8, 1)):
            target = layout.base + 4 * (len(words) + 4) + odd
            words += constant(base, target - offset)
            words += [jalr(rd, base, offset), immediate_form("addi", RESULT, RESULT, 1), put(rd, position)]
            position += 1
    return layout.place("jalr", [*words, put(RESULT, position)], [], position + 1, POINTER)


def load_program(name: str, layout: Layout) -> Snippet:
    """Every position in a word, signs of every byte, edge offsets, rd = rs1, rd = x0."""
    size = 1 << (LOADS[name] & 3)
    image = [*PATTERNS, *WALKING]
    words = [*start(layout.memory), *constant(OUT, layout.memory + 4 * len(image))]
    results = 0
    for address in range(0, 4 * len(image), size):
        offset = MEMORY_OFFSETS[results % len(MEMORY_OFFSETS)]
        base = (8, RESULT)[results % 2]
        words += [*constant(base, layout.memory + address - offset), load(name, RESULT, base, offset), put(RESULT)]
        words += [immediate_form("addi", OUT, OUT, 4)]
        results += 1
    words += [load(name, 0, POINTER, 0), put(0)]
    return layout.place(name, words, image, results + 1, POINTER)


def store_program(name: str, layout: Layout) -> Snippet:
    """Every position in a word, edge values over set and cleared words, edge offsets, rs2 = rs1, rs2 = x0."""
    size = 1 << STORES[name]
    cases = list(itertools.product((*CORE, 0x81F0C3A5), range(0, 4, size), (0, 0xFFFFFFFF, 0x3C5AA5C3)))
    image = [old for _, _, old in cases]
    words = start(layout.memory)
    for number, (value, position, _) in enumerate(cases):
        offset = MEMORY_OFFSETS[number % len(MEMORY_OFFSETS)]
        words += [*constant(8, layout.memory + 4 * number + position - offset), *constant(9, value)]
        words += [store(name, 9, 8, offset)]
    end = layout.memory + 4 * len(image)
    words += [*constant(8, end), store(name, 8, 8, 0), store(name, 0, POINTER, 0), store(name, 8, 8, 4)]
    return layout.place(name, words, image, 2, POINTER)


PROGRAMS: dict[str, Callable[[Layout], Snippet]] = {
    **{name: partial(register_form_program, name) for name in REGISTER_FORMS},
    **{name: partial(immediate_program, name) for name in (*IMMEDIATE_FORMS, *SHIFTS)},
    **{name: partial(upper_program, name) for name in ("lui", "auipc")},
    **{name: partial(branch_program, name) for name in BRANCHES},
    **{f"far {name}": partial(far_branch_program, name) for name in BRANCHES},
    **{name: partial(load_program, name) for name in LOADS},
    **{name: partial(store_program, name) for name in STORES},
    "jal": jal_program,
    "far jal": far_jal_program,
    "jalr": jalr_program,
}


def directed_snippets() -> dict[str, Snippet]:
    """All directed programs in one layout."""
    layout = Layout()
    return {name: build(layout) for name, build in PROGRAMS.items()}
