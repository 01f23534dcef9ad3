"""Verifies the proof of a run of several shards as one (proof system, section 15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zk.errors import GlobalSumError, ShapeError, ShardChainError, VerificationError
from zk.field import one, zero
from zk.machine.boundary import GLOBAL_LEAVES_MAX, BoundaryContext, BoundaryRecord, global_challenges
from zk.machine.shape import derive_shape
from zk.machine.verifier import ShardStatement, check_shape, verify_shard
from zk.shards.bundle import read_bundle
from zk.shards.keys import RunKey
from zk.shards.machine import ShardEnds
from zk.vm.machine import OUTPUT_COUNT


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a verified proof says: the program ran from its start to HALT with this result."""

    exit_code: int
    outputs: list[int]
    cycles: int
    shards: int


def verify_run(
    key: RunKey, data: bytes, *, allow_failure: bool = False, progress: Callable[[float], None] | None = None
) -> RunResult:
    """Checks the proof of a run. Raises VerificationError, also for an exit code other than 0 unless `allow_failure`.

    `progress` receives the part of the proofs that are checked.
    """
    bundle = read_bundle(key, data)
    check_global_leaves(key, bundle.records)
    buses = global_challenges((key.memory, key.shard), bundle.records)
    statements = []
    for record, proof in zip(bundle.records, bundle.proofs, strict=True):
        statements.append(verify_shard(key.of(record.shard), proof, BoundaryContext(record, buses)))
        if progress is not None:
            progress(len(statements) / len(bundle.proofs))
    check_global_sum(statements)
    ends = [ShardEnds.decode(statement.public_values) for statement in statements[1:]]
    check_chain(key.entry, ends)
    outputs = collect_outputs(ends)
    code = ends[-1].exit_code
    if code and not allow_failure:
        raise VerificationError(f"exit code: expected 0, found {code}")
    return RunResult(code, outputs, sum(end.cycles for end in ends), len(ends))


def check_global_leaves(key: RunKey, records: Sequence[BoundaryRecord]) -> None:
    """Counts of one tuple over all shards must not wrap mod p. Shapes that no proof can have are refused before anything is hashed."""
    leaves = 0
    for record in records:
        mine = key.of(record.shard)
        shape = derive_shape(mine.chips, record.heights, mine.log_rows_min)
        check_shape(mine, shape)
        leaves += sum(1 << segment.log_height for segment in shape.global_segments)
    if leaves > GLOBAL_LEAVES_MAX:
        raise ShapeError(f"global leaves: expected at most {GLOBAL_LEAVES_MAX}, found {leaves}")


def check_global_sum(statements: Sequence[ShardStatement]) -> None:
    """The global fractions of memory and shards sum to 0: every word has one history. No denominator is 0: each proof was checked."""
    numerator, denominator = zero(), one()
    for statement in statements:
        numerator = numerator * statement.denominator + denominator * statement.numerator
        denominator = denominator * statement.denominator
    if not numerator.is_zero:
        raise GlobalSumError(f"global sum: expected 0, found numerator {numerator}")


def check_chain(entry: int, ends: Sequence[ShardEnds]) -> None:
    """The first shard starts the program, each other one where the one before stopped, and the last one alone halts."""
    expected = entry
    for number, end in enumerate(ends, 1):
        if end.pc_start != expected:
            raise ShardChainError(f"shard {number}: expected to start at {expected:#x}, found {end.pc_start:#x}")
        if end.halted != (number == len(ends)):
            raise ShardChainError(f"shard {number} of {len(ends)}: expected the last shard alone to halt")
        expected = end.pc_end


def collect_outputs(ends: Sequence[ShardEnds]) -> list[int]:
    """The sixteen output words; each is committed in exactly one shard."""
    words: dict[int, int] = {}
    for number, end in enumerate(ends, 1):
        for index, word in end.outputs.items():
            if index in words:
                raise ShardChainError(f"output word {index}: expected one commitment, found another in shard {number}")
            words[index] = word
    missing = [index for index in range(OUTPUT_COUNT) if index not in words]
    if missing:
        raise ShardChainError(f"output words {missing}: expected one commitment, found none")
    return [words[index] for index in range(OUTPUT_COUNT)]
