"""Cases of runs of several shards: proofs made once, before any mutant, and verified with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.soundness.mutation.cases import Case, Run
from tests.soundness.shards.test_cross_shard_lies import invented_value, shard_left_out, stale_value
from tests.soundness.shards.test_needed_run_checks import skipping
from tests.soundness.shards.world import World, sample_keys
from zk.errors import (
    BoundaryError,
    GlobalSumError,
    HeaderError,
    ShapeError,
    ShardChainError,
    TrailingBytesError,
    VerifyingKeyMismatchError,
)
from zk.machine.boundary import BoundaryRecord
from zk.shards import verifier

_RECORDS = 4 + 2 + 2 + 64 + 4  # bytes before the records of a bundle


@functools.cache
def _honest(config: str) -> World:
    return World.honest(sample_keys(config))


@functools.cache
def _proof(config: str) -> bytes:
    return _honest(config).prove()


def _verifying(world: Callable[[], World], make: Callable[[World], bytes]) -> Callable[[], Run]:
    """Proves while no mutant is in force."""

    def build() -> Run:
        made = world()
        proof = make(made)
        return lambda: made.verify(proof)

    return build


def _other_value(records: list[BoundaryRecord]) -> list[BoundaryRecord]:
    return [replace(record, value=record.value + 1) if record.shard == 2 else record for record in records]


def _with(position: int, value: int) -> Callable[[World], bytes]:
    """The honest proof with one byte replaced."""

    def make(world: World) -> bytes:
        proof = bytearray(_proof("P2"))
        proof[position] = value
        return bytes(proof)

    return make


def _with_last_height(world: World) -> bytes:
    """The record of the memory says a height of its last chip that is below the bounds of the key, in a shape that the key admits."""
    return _with(_RECORDS + len(world.keys.memory.verifying.chips) - 1, 2)(world)


def _with_few_leaves() -> Run:
    """The honest run where fewer leaves are admitted than it has."""
    world, proof = _honest("P2"), _proof("P2")

    def run() -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verifier, "GLOBAL_LEAVES_MAX", 10)
            return world.verify(proof)

    return run


def run_cases() -> list[Case]:
    """Honest runs in two configurations, lies that are proven, files that are no runs."""

    def lie(change: Callable[[World], World]) -> Callable[[], World]:
        return lambda: change(_honest("P2"))

    def plain() -> World:
        return _honest("P2")

    def proven(world: World) -> bytes:
        return world.prove()

    return [
        Case("run: honest, P2", None, _verifying(plain, lambda world: _proof("P2"))),
        Case("run: honest, KA", None, _verifying(lambda: _honest("KA"), lambda world: _proof("KA"))),
        Case("run: stale value", GlobalSumError, _verifying(lie(stale_value), proven)),
        Case("run: invented value", GlobalSumError, _verifying(lie(invented_value), proven)),
        Case("run: shard left out", GlobalSumError, _verifying(lie(shard_left_out), proven)),
        Case("run: instruction skipped between shards", ShardChainError, _verifying(lie(skipping), proven)),
        Case("run: other value of a record", BoundaryError, _verifying(plain, lambda w: w.prove(_other_value))),
        Case("run: magic", HeaderError, _verifying(plain, _with(0, 0))),
        Case("run: version", HeaderError, _verifying(plain, _with(4, 9))),
        Case("run: configuration", HeaderError, _verifying(plain, _with(6, 9))),
        Case("run: zk", HeaderError, _verifying(plain, _with(7, 1))),
        Case("run: memory key", VerifyingKeyMismatchError, _verifying(plain, _with(8, 0))),
        Case("run: shard key", VerifyingKeyMismatchError, _verifying(plain, _with(40, 0))),
        Case("run: too many global leaves", ShapeError, _with_few_leaves),
        Case("run: no shards", HeaderError, _verifying(plain, _with(_RECORDS - 4, 0))),
        Case("run: height in a record", ShapeError, _verifying(plain, _with_last_height)),
        Case("run: trailing byte", TrailingBytesError, _verifying(plain, lambda world: _proof("P2") + b"\0")),
    ]
