"""Lies that reach over shards (proof system, sections 15 and 19, case 43).

The cheater does his best: a shard that is told a false value really runs from it, so each proof is in order by itself. `REFUSED_BY` says
which rule of the checker finds the lie; some lies are proven, and the verifier refuses the proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.soundness.shards.world import FRESH, LATE, SHARED, World, renumbered, rerun, sample_keys, with_first
from zk.air.expression import P


@pytest.fixture(scope="module")
def honest() -> World:
    return World.honest(sample_keys())


def _world(honest: World) -> World:
    """A copy whose traces may be changed."""
    traces = {n: {name: trace.copy() for name, trace in mine.items()} for n, mine in honest.traces.items()}
    return World(honest.keys, honest.plan, traces, {n: list(values) for n, values in honest.values.items()})


def _with_shard(honest: World, number: int, address: int, value: int, previous: int | None = None) -> World:
    """Shard `number` runs from a false value of one word, and all that follows from this within the shard is true."""
    world = _world(honest)
    world.set_shard(rerun(honest.keys, with_first(honest.plan.shards[number - 1], address, value, previous)))
    return world


def stale_value(honest: World) -> World:
    """Shard 3 reads what shard 1 left, although shard 2 changed it."""
    return _with_shard(honest, 3, SHARED, 1000, 1)


def invented_value(honest: World) -> World:
    """Shard 3 reads a value that nobody wrote, from the shard that wrote last."""
    return _with_shard(honest, 3, SHARED, 4711)


def initial_value_again(honest: World) -> World:
    """Shard 2 reads the image again, although shard 1 changed it."""
    return _with_shard(honest, 2, SHARED, 11, 0)


def register_changed_between_shards(honest: World) -> World:
    """A register has another value at the start of shard 2."""
    address = P - 1 - 30
    world = _world(honest)
    shard = honest.plan.shards[1]
    registers = shard.registers.copy()
    registers[30] += 4
    lied = with_first(shard, address, int(registers[30]))
    touched = lied.touched
    addresses = touched.addresses.copy()
    addresses[addresses == SHARED] = SHARED + 4
    at = int(np.flatnonzero(addresses == SHARED + 4)[0])
    first, previous = touched.first.copy(), touched.previous.copy()
    first[at], previous[at] = 1000, 1
    touched = replace(touched, addresses=addresses, first=first, previous=previous)
    world.set_shard(rerun(honest.keys, replace(lied, registers=registers, touched=touched)))
    return world


def dropped_write(honest: World) -> World:
    """Shard 2 leaves a word as it was."""
    world = _world(honest)
    row = world.row_of(2, SHARED)
    world.column(2, "BOUNDARY", "f0")[row] = world.column(2, "BOUNDARY", "i0")[row]
    return world


def hidden_access(honest: World) -> World:
    """Shard 2 does not mention a word that it changes."""
    world = _world(honest)
    world.column(2, "BOUNDARY", "sel")[world.row_of(2, SHARED)] = 0
    return world


def word_taken_twice(honest: World) -> World:
    """Shard 3 takes a word in two rows, one as it comes and one as if it came from shard 1."""
    world = _world(honest)
    row, spare = world.row_of(3, SHARED), int(np.flatnonzero(world.column(3, "BOUNDARY", "sel") == 0)[0])
    trace = world.traces[3]["BOUNDARY"]
    trace[:, spare] = trace[:, row]
    world.column(3, "BOUNDARY", "s_prev")[spare] = 1
    return world


def own_token(honest: World) -> World:
    """A shard takes the token that it leaves itself: a word out of nothing."""
    world = _world(honest)
    spare = int(np.flatnonzero(world.column(2, "BOUNDARY", "sel") == 0)[0])
    values = {"sel": 1, "addr": FRESH + 4, "i0": 7, "f0": 7, "s_prev": 2}
    for name, value in values.items():
        world.column(2, "BOUNDARY", name)[spare] = value
    return world


def token_of_the_future(honest: World) -> World:
    """Shards 1 and 2 hand a word to each other in a circle."""
    world = _world(honest)
    for number, other in ((1, 2), (2, 1)):
        spare = int(np.flatnonzero(world.column(number, "BOUNDARY", "sel") == 0)[0])
        for name, value in {"sel": 1, "addr": FRESH + 4, "i0": 7, "f0": 7, "s_prev": other}.items():
            world.column(number, "BOUNDARY", name)[spare] = value
    return world


def wrong_final_value(honest: World) -> World:
    """The memory proof ends with another value."""
    world = _world(honest)
    world.column(0, "GIMG", "f0")[0] += 1
    return world


def wrong_final_shard(honest: World) -> World:
    """The memory proof says that another shard left the last value."""
    world = _world(honest)
    world.column(0, "GIMG", "s_last")[0] -= 1
    world.recount(0)
    return world


def word_started_twice(honest: World) -> World:
    """The memory proof starts a word that is zero at first a second time."""
    world = _world(honest)
    trace = world.traces[0]["GZERO"]
    spare = int(np.flatnonzero(world.column(0, "GZERO", "sel") == 0)[0])
    trace[:, spare] = trace[:, 0]
    return world


def image_word_as_zero(honest: World) -> World:
    """The memory proof starts an image word as zero, in the place of a word above the image."""
    world = _world(honest)
    world.column(0, "GZERO", "w")[0] = (LATE & 16383) >> 2
    world.column(0, "GZERO", "x")[0] = LATE >> 14
    return world


def shard_left_out(honest: World) -> World:
    """Shard 2 is missing; 3 continues where 1 stopped, from the words that 1 left."""
    return World.of(honest.keys, renumbered(honest.keys, honest.plan, [1, 3]))


def shard_twice(honest: World) -> World:
    """Shard 2 runs twice."""
    return World.of(honest.keys, renumbered(honest.keys, honest.plan, [1, 2, 2, 3]))


def shards_swapped(honest: World) -> World:
    """Shard 2 before shard 1."""
    return World.of(honest.keys, renumbered(honest.keys, honest.plan, [2, 1, 3]))


def local_imbalance_in_the_global_bus(honest: World) -> World:
    """A step of shard 2 begins with a value that no memory tuple of the shard has; the boundary says so to the other shards."""
    world = _world(honest)
    row = world.row_of(2, SHARED)
    world.column(2, "BOUNDARY", "i0")[row] += 1
    world.column(1, "BOUNDARY", "f0")[world.row_of(1, SHARED)] += 1
    return world


REFUSED_BY: list[tuple[Callable[[World], World], str]] = [
    (stale_value, "global: bus GLOBAL"),
    (invented_value, "global: bus GLOBAL"),
    (initial_value_again, "global: bus GLOBAL"),
    (register_changed_between_shards, "global: bus GLOBAL"),
    (dropped_write, "2: bus MEM"),
    (hidden_access, "2: bus MEM"),
    (word_taken_twice, "3: bus MEM"),
    (own_token, "2: bus R16"),
    (token_of_the_future, "1: bus R16"),
    (wrong_final_value, "global: bus GLOBAL"),
    (wrong_final_shard, "global: bus GLOBAL"),
    (word_started_twice, "0: bus ORD"),
    (image_word_as_zero, "0: bus R16"),
    (shard_left_out, "global: bus GLOBAL"),
    (shard_twice, "global: bus GLOBAL"),
    (shards_swapped, "global: bus GLOBAL"),
    (local_imbalance_in_the_global_bus, "1: bus MEM"),
]


def test_honest_run_has_no_violation(honest: World) -> None:
    assert len(honest.plan.shards) == 3
    assert honest.violations() == []


@pytest.mark.parametrize(("lie", "rule"), REFUSED_BY, ids=[lie.__name__ for lie, _ in REFUSED_BY])
def test_checker_refuses(honest: World, lie: Callable[[World], World], rule: str) -> None:
    violations = lie(honest).violations()
    assert any(violation.startswith(rule) for violation in violations), violations


@pytest.mark.parametrize(
    ("lie", "rules"),
    [
        (stale_value, {"global"}),
        (invented_value, {"global"}),
        (register_changed_between_shards, {"global"}),
        (wrong_final_value, {"global"}),
        (own_token, {"2"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_lie_breaks_nothing_else(honest: World, lie: Callable[[World], World], rules: set[str]) -> None:
    """These lies have one obstacle: without the global bus, or the lookup of the shard numbers, they would pass."""
    violations = lie(honest).violations()
    assert {violation.split(":")[0] for violation in violations} == rules, violations
    if lie is own_token:
        assert all("bus R16" in violation or "bus MEM" in violation for violation in violations)


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (stale_value, "GlobalSumError"),
        (wrong_final_shard, "GlobalSumError"),
        (dropped_write, "RootSumError"),
        (local_imbalance_in_the_global_bus, "RootSumError"),
        (shard_left_out, "GlobalSumError"),
        (shard_twice, "GlobalSumError"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_verifier_refuses_the_proof(honest: World, lie: Callable[[World], World], error: str) -> None:
    world = lie(honest)
    assert world.refusal(world.prove()) == error
