"""The honest run whose rows are perturbed: every instruction on edge operands, memory in all corners, every coprocessor mode."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from gpu.program import ChipProgram
from tests.soundness.columns.preimage import preimage
from tests.soundness.columns.tables import whole
from tests.soundness.shards.world import World, keys_of
from tests.soundness.vm.witness import Witness, build_witness
from tests.unit.vm.assembler import (
    BRANCHES,
    DATA,
    EDGES,
    LOADS,
    REGISTER_FORMS,
    STORES,
    ZERO_BASE,
    branch,
    call,
    constant,
    finish,
    immediate_form,
    load,
    program,
    random_words,
    register_form,
    store,
)
from zk.air.expression import P
from zk.vm.elf import GuestProgram
from zk.vm.machine import COPROCESSORS, rv32im_machine

SEED = 20_261_130
TEXT = 0x1F000  # the text crosses a multiple of 2^16, so that links and jump targets have both limbs
LARGEST = P - 1  # the canonical word with the limbs (0, 0x7f00)
_BUFFER = ZERO_BASE + 0x30000
_FIRST = 5  # registers 5 .. 18 hold the edge operands
# Word addresses whose limbs carry and do not carry, below 2^30; no gap reaches 2^29.
_ADDRESSES = (DATA + 8, 0xFFFC, 0x10000, 0x123450, 0xFFFFFC, 0x01000000, 0x1ABCDEF0, 0x20000004, 0x3FFFFFFC)


def operations_on_edges() -> list[int]:
    """All register forms and branches on all pairs of edge operands."""
    words = [word for number, edge in enumerate(EDGES) for word in constant(_FIRST + number, edge)]
    last = _FIRST + len(EDGES)
    for b in range(_FIRST, last):
        for c in range(_FIRST, last):
            words += [register_form(name, last, b, c) for name in REGISTER_FORMS]
            words += [branch(name, b, c, 4) for name in BRANCHES]
    return words


def accesses_everywhere() -> list[int]:
    """Loads and stores of all sizes, at all their offsets inside a word, with immediates of both signs."""
    words = [*constant(7, 0x8081F2E3)]
    for address in _ADDRESSES:
        for immediate in (0, 2044, -2048):
            words += constant(6, (address - immediate) & 0xFFFFFFFF)
            for names, make in ((STORES, store), (LOADS, load)):
                for name, code in names.items():
                    size = 1 << (code & 3)
                    words += [make(name, 7 if make is store else 8, 6, immediate + at) for at in range(0, 4, size)]
    return words


def _fill(address: int, values: list[int]) -> list[int]:
    words = constant(5, address)
    for number, value in enumerate(values):
        words += [*constant(6, value), store("sw", 6, 5, 4 * number)]
    return words


def coprocessor_calls(rng: random.Random) -> tuple[list[int], list[int]]:
    """Instructions and hints: both forms of P2, paths of several depths, EXT_DOT in all modes; also on the largest canonical word."""
    words: list[int] = []
    edge = [LARGEST, 0, 1, LARGEST - 1, 0xFFFF, 0x10000, 0x7EFFFFFF, LARGEST]
    draw = [rng.randrange(P) for _ in range(64)]
    largest = [LARGEST] * 16
    for node in (0, 1):
        for state in ([*edge, *draw[:8]], draw[8:24], largest, preimage(largest)):
            words += _fill(_BUFFER, state) + call(3, _BUFFER, node, 0)
    hints: list[int] = []
    for depth, index, leaf in ((0, 0, largest[:8]), (0, 0, edge), (1, 1, edge), (3, 5, edge), (30, 0x2AAAAAAA, edge)):
        words += _fill(_BUFFER, [*leaf, *draw[24:32]]) + call(4, _BUFFER, depth, index)
        hints += [rng.randrange(P) for _ in range(8 * depth)]
    for values, result in ((draw[32:45], draw[45:50]), ([LARGEST] * 5 + [0] * 5 + [LARGEST] * 6, largest[:5])):
        # a at the buffer, b behind 16 words, then the result; a2 is 4 length + 2 init + base
        for length, init, base in ((1, 0, 0), (3, 1, 0), (4, 1, 1), (2, 0, 1), (0, 1, 0), (0, 0, 1)):
            width = 5 * length
            operands = (values * 8)[: 16 + width]
            words += _fill(_BUFFER, [*operands, *result])
            words += call(5, _BUFFER, _BUFFER + 64, length << 2 | init << 1 | base)
    return words, hints


@cache
def rich_witness() -> Witness:
    """The run with its traces. Copy it before changing it."""
    rng = random.Random(SEED)
    calls, hints = coprocessor_calls(rng)
    asked = [0xFFFFFFFF, 0, 0x10000, 7]
    words = calls + [word for _ in asked for word in call(1)]
    words += operations_on_edges() + accesses_everywhere() + random_words(rng, 1500)
    data = [rng.choice(EDGES) for _ in range(16)]
    return build_witness(program([*words, *finish(0xFFFF1234)], data, base=TEXT), hints + asked)


@dataclass(frozen=True, slots=True)
class Unit:
    """A chip to perturb, with a witness in which it has rows; `same`: other names under which some machine has its polynomials."""

    machine: str
    chip: str
    witness: Witness
    same: tuple[str, ...]


def patient_witness() -> Witness:
    """Registers and words that are accessed again after a loop of more than 2^14 cycles, far enough for the top byte of a distance."""
    wait = [*constant(5, 8300), immediate_form("addi", 5, 5, -1), branch("bne", 5, 0, -4)]
    after = [register_form("add", 8, 6, 7), register_form("add", 9, 9, 6), load("lw", 11, 10, 0), store("sw", 6, 10, 0)]
    return build_witness(program([*constant(6, 0x12345678), *constant(10, DATA), *wait, *after, *finish()]))


def shard_program() -> GuestProgram:
    """Several shards of 128 cycles that write and read image words and words that start as zero, far apart."""
    addresses = [DATA + 8, ZERO_BASE + 64, *_ADDRESSES[3:-1]]
    words = []
    for name, make in (("sw", store), ("lw", load)):
        for number, address in enumerate(addresses):
            words += [*constant(6, address), *constant(7, EDGES[number]), make(name, 7, 6, 0)]
    return program([*words, *finish()], [11, 22, 33])


@cache
def shard_world() -> World:
    """The run of `shard_program`."""
    return World.honest(keys_of(shard_program()))


def shard_witness(number: int) -> Witness:
    """One shard of the run, or with 0 the proof of its memory."""
    world = shard_world()
    machine = world.machine_keys(number).machine
    preprocessed = dict(world.preprocessed(number))
    return Witness(world.keys.program, machine, preprocessed, world.traces[number], world.values[number], number)


def shard_witnesses() -> Iterator[Witness]:
    """The shard of a run of several that touches most words, and the proof of the memory."""
    busiest = max(shard_world().plan.shards, key=lambda shard: len(shard.touched.addresses)).number
    yield from map(shard_witness, (busiest, 0))


@cache
def all_units() -> tuple[Unit, ...]:
    """Every chip of every machine once, by its polynomials. Raises LookupError for a chip that no witness has rows of."""
    rich = rich_witness()
    doubled, _ = rv32im_machine(rich.guest, tuple(COPROCESSORS), twins=True)
    with_rows = [(witness.machine, witness) for witness in (rich, patient_witness(), *shard_witnesses())]
    found: dict[ChipProgram, tuple[str, str, Witness]] = {}
    names: dict[ChipProgram, dict[str, None]] = {}
    for machine, witness in (*with_rows, (doubled, None)):
        for chip in machine.chips:
            form = replace(whole(chip).lower(), name="")
            names.setdefault(form, {})[chip.name] = None
            if form not in found and witness is not None and chip.name in witness.traces:
                found[form] = (machine.name, chip.name, witness)
    missing = [list(names[form]) for form in names if form not in found]
    if missing:
        raise LookupError(f"chips without rows in any witness: {missing}")
    return tuple(Unit(*where, tuple(n for n in names[form] if n != where[1])) for form, where in found.items())
