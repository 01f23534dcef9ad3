"""Each check of the verifier of runs is needed: without it a run is accepted that must not be (proof system, section 19, case 47)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gpu.device import FractionTree
from tests.soundness.forgers import ForgedTree
from tests.soundness.shards.test_cross_shard_lies import stale_value
from tests.soundness.shards.world import BLOCK, World, changed_ends, keys_of, propagated, sample_keys
from tests.unit.vm.assembler import finish, immediate_form, jal, program
from zk.chips.buses import GLOBAL
from zk.errors import (
    BoundaryError,
    GlobalSumError,
    HeaderError,
    ShapeError,
    ShardChainError,
    TraceError,
    VerificationError,
    VerifyingKeyMismatchError,
    ZeroDenominatorError,
)
from zk.field import Ext, one, zero
from zk.machine import boundary, verifier
from zk.machine.boundary import BoundaryRecord
from zk.machine.prover import Prover
from zk.machine.verifier import ShardStatement, verify, verify_shard
from zk.multilinear.zerocheck import BusChallenges
from zk.shards import bundle
from zk.shards import verifier as run_verifier
from zk.shards.machine import ShardEnds
from zk.shards.plan import Plan
from zk.shards.verifier import check_chain, check_global_leaves, check_global_sum, collect_outputs, verify_run

Records = list[BoundaryRecord]


@pytest.fixture(scope="module")
def honest() -> World:
    return World.honest(sample_keys())


def _refused_only_by(
    world: World, proof: bytes, error: type[VerificationError], patch: pytest.MonkeyPatch, module: Any, check: str
) -> None:
    with pytest.raises(error):
        world.verify(proof)
    patch.setattr(module, check, lambda *_: None)
    world.verify(proof)


def test_global_sum_check_is_needed(honest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = stale_value(honest)
    _refused_only_by(world, world.prove(), GlobalSumError, monkeypatch, run_verifier, "check_global_sum")


def test_value_of_the_record_is_needed(honest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that names another value than its columns have leaves the choice among the list open."""

    def lie(records: Records) -> Records:
        return [replace(r, value=r.value + 1) if r.shard == 2 else r for r in records]

    proof = honest.prove(lie)
    _refused_only_by(honest, proof, BoundaryError, monkeypatch, boundary, "check_boundary_end")


class _ForgedGlobalProver(Prover):
    """Says another global sum, and continues the lie down to the leaves."""

    demanded: Callable[[Ext, Ext], Ext]  # numerator to claim, from the true numerator and denominator

    def global_fraction_tree(self, buses: BusChallenges) -> FractionTree:
        tree = super().global_fraction_tree(buses)
        numerator, denominator = (Ext(value) for value in tree.root())
        return ForgedTree(tree, type(self).demanded(numerator, denominator), layers=True)


def test_leaves_of_the_global_tree_are_needed(honest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shard 3 reads a stale value and states the sum that would make up for it."""
    world = stale_value(honest)
    statements: list[ShardStatement] = []
    monkeypatch.setattr(run_verifier, "check_global_sum", statements.extend)
    world.verify(world.prove())
    monkeypatch.undo()
    numerator, denominator = zero(), one()
    for statement in statements[:3]:
        numerator = numerator * statement.denominator + denominator * statement.numerator
        denominator = denominator * statement.denominator
    ratio = numerator / denominator
    _ForgedGlobalProver.demanded = lambda _, own: -ratio * own
    proof = world.prove(provers={3: _ForgedGlobalProver})
    _refused_only_by(world, proof, BoundaryError, monkeypatch, boundary, "check_boundary_end")


def test_heights_of_the_record_are_needed(honest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record says other heights than the proof has."""
    names = [chip.program.name for chip in honest.keys.shard.verifying.chips]

    def lie(records: Records) -> Records:
        changed = []
        for record in records:
            heights = list(record.heights)
            if record.shard == 1:
                heights[names.index("SW")] = 5
                point = boundary.record_point(honest.keys.shard.verifying, 1, heights, record.root)
                shape = boundary.derive_shape(honest.keys.shard.verifying.chips, heights, 0)
                number = names.index("BOUNDARY")
                value = boundary.record_value(shape, point, {number: honest.traces[1]["BOUNDARY"]})
                record = replace(record, heights=tuple(heights), value=value)
            changed.append(record)
        return changed

    proof = honest.prove(lie)
    _refused_only_by(honest, proof, BoundaryError, monkeypatch, verifier, "check_record_heights")


def skipping(honest: World) -> World:
    """Shard 1 stops one instruction early, shard 2 starts where it should."""
    first, *rest = honest.plan.shards
    shorter = changed_ends(first, cycles=first.ends.cycles - 1, pc_end=first.ends.pc_end - 4)
    return World.of(honest.keys, propagated(honest.keys, [shorter, *rest]))


def test_chain_check_is_needed(honest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = skipping(honest)
    assert world.violations() == []
    _refused_only_by(world, world.prove(), ShardChainError, monkeypatch, run_verifier, "check_chain")


def test_run_that_does_not_halt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """All output words are committed in shard 1; the proof of shards 1 and 2 of an endless run is not one of the program."""
    early = finish()[:-3]
    words = [*early, *[immediate_form("addi", 5, 5, 1)] * 3, jal(0, -4)]
    keys = keys_of(program(words))
    plan = _endless_plan(keys, BLOCK + 16, 2, monkeypatch)
    world = World.of(keys, plan)
    assert world.violations() == []
    _refused_only_by(world, world.prove(), ShardChainError, monkeypatch, run_verifier, "check_chain")


def _endless_plan(keys: Any, cycles: int, shards: int, patch: pytest.MonkeyPatch) -> Plan:
    """The first shards of a run that never ends."""
    from zk.shards import plan as planning

    class Stopped(Exception):
        pass

    made: list[Any] = []
    original = planning.ShardInput

    def keep(*fields: Any) -> Any:
        made.append(original(*fields))
        if len(made) == shards:
            raise Stopped
        return made[-1]

    ledgers: list[Any] = []
    ledger_type = planning.MemoryLedger

    def ledger(*fields: Any) -> Any:
        ledgers.append(ledger_type(*fields))
        return ledgers[-1]

    with patch.context() as inner:
        inner.setattr(planning, "ShardInput", keep)
        inner.setattr(planning, "MemoryLedger", ledger)
        with pytest.raises(Stopped):
            from zk.shards.proving import plan_run

            plan_run(keys, [], shard_cycles=cycles)  # type: ignore[arg-type]
    left = ledgers[0]
    return Plan(made, planning.FinalMemory(left.addresses, left.values, left.shards))


def test_zero_denominator_of_the_global_tree_is_refused(honest: World) -> None:
    """Challenges under which the fingerprint of one tuple is 0: its fraction, and with it every sum, could be anything."""
    row = [int(honest.column(1, "BOUNDARY", name)[0]) for name in ("addr", "i0", "i1", "s_prev")]
    beta = Ext((5, 1, 2, 3, 4))
    fingerprint = BusChallenges(zero(), beta).fingerprint(GLOBAL.number, row)
    context = boundary.BoundaryContext(honest.records()[1], BusChallenges(-fingerprint, beta))
    mine = honest.keys.shard
    proof = Prover(mine.proving, honest.traces[1], honest.values[1], _device(), boundary=context).run()
    with pytest.raises(ZeroDenominatorError):
        verify_shard(mine.verifying, proof, context)


def _ends(**changes: Any) -> ShardEnds:
    return replace(ShardEnds(8, 12, 1, False, 0, {}), **changes)


def test_first_shard_starts_the_program() -> None:
    check_chain(8, [_ends(), _ends(pc_start=12, pc_end=0, halted=True)])
    with pytest.raises(ShardChainError, match="shard 1: expected to start at 0x4"):
        check_chain(4, [_ends(), _ends(pc_start=12, pc_end=0, halted=True)])


def test_only_the_last_shard_halts() -> None:
    halted = _ends(pc_end=0, halted=True)
    with pytest.raises(ShardChainError, match="shard 1 of 2"):
        check_chain(8, [halted, replace(halted, pc_start=0)])


@pytest.mark.parametrize(
    ("outputs", "message"),
    [([range(16), range(3, 4)], "word 3: expected one commitment"), ([range(8), range(9, 16)], r"words \[8\]")],
)
def test_output_words_are_committed_once(outputs: list[range], message: str) -> None:
    ends = [_ends(outputs={index: index for index in words}) for words in outputs]
    with pytest.raises(ShardChainError, match=message):
        collect_outputs(ends)


def test_output_words_come_from_all_shards() -> None:
    ends = [_ends(outputs={i: 100 + i for i in range(7)}), _ends(outputs={i: 100 + i for i in range(7, 16)})]
    assert collect_outputs(ends) == [100 + i for i in range(16)]


def test_global_leaves_are_bounded(honest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    records = honest.records()
    leaves = 2 * sum(1 << record.heights[number] for record in records for number in _boundary(honest, record))  # type: ignore[operator]
    monkeypatch.setattr(run_verifier, "GLOBAL_LEAVES_MAX", leaves)
    check_global_leaves(honest.keys.verifying, records)
    monkeypatch.setattr(run_verifier, "GLOBAL_LEAVES_MAX", leaves - 1)
    with pytest.raises(ShapeError, match=f"global leaves: expected at most {leaves - 1}, found {leaves}"):
        check_global_leaves(honest.keys.verifying, records)


def _boundary(world: World, record: BoundaryRecord) -> list[int]:
    """Numbers of the boundary chips of a proof; each has two global interactions."""
    chips = world.machine_keys(record.shard).verifying.chips
    return [number for number, chip in enumerate(chips) if chip.boundary]


def test_shapes_of_records_are_checked_first(honest: World) -> None:
    names = [chip.program.name for chip in honest.keys.shard.verifying.chips]
    records = honest.records()
    heights = list(records[1].heights)
    heights[names.index("BOUNDARY")] = 22
    records[1] = replace(records[1], heights=tuple(heights))
    with pytest.raises(ShapeError, match="log_rows"):
        check_global_leaves(honest.keys.verifying, records)


@pytest.mark.parametrize("count", [0, 1 << 16])
def test_shard_count_is_bounded(count: int) -> None:
    with pytest.raises(HeaderError, match=r"shard count: expected 1\.\.65535"):
        bundle.check_shard_count(count)


def test_shard_counts_at_their_bounds_are_admitted() -> None:
    bundle.check_shard_count(1)
    bundle.check_shard_count((1 << 16) - 1)


def test_sum_of_no_shard_is_zero() -> None:
    check_global_sum([ShardStatement((), one(), one()), ShardStatement((), -one(), one())])
    with pytest.raises(GlobalSumError):
        check_global_sum([ShardStatement((), one(), one())])


def test_keys_of_shards_and_of_runs_are_not_confused(honest: World) -> None:
    with pytest.raises(VerifyingKeyMismatchError):
        verify(honest.keys.shard.verifying, b"")
    plain = replace(honest.keys.shard.verifying, chips=())
    with pytest.raises(VerifyingKeyMismatchError, match="that of a whole run"):
        verify_shard(plain, b"", _context(honest, 1))
    with pytest.raises(TraceError, match="record"):
        Prover(honest.keys.shard.proving, honest.traces[1], honest.values[1], None)  # type: ignore[arg-type]


def test_proof_of_one_shard_is_bound_to_its_challenges(honest: World) -> None:
    """A proof under other global challenges is none."""
    context, records = _context(honest, 1), honest.records()
    buses, mine = context.buses, honest.keys.shard
    proof = Prover(mine.proving, honest.traces[1], honest.values[1], _device(), boundary=context).run()
    verify_shard(mine.verifying, proof, context)
    for other in (
        replace(context, buses=replace(buses, alpha=buses.alpha + 1)),
        replace(context, record=replace(records[1], shard=2)),
        replace(context, record=replace(records[1], value=records[1].value + 1)),
        replace(context, record=replace(records[1], root=records[2].root)),
    ):
        with pytest.raises(VerificationError):
            verify_shard(mine.verifying, proof, other)


def _context(world: World, number: int) -> boundary.BoundaryContext:
    records = world.records()
    buses = boundary.global_challenges((world.keys.memory.verifying, world.keys.shard.verifying), records)
    return boundary.BoundaryContext(records[number], buses)


def _device() -> Any:
    from gpu import default_device

    return default_device()


def test_exit_code_is_reported(honest: World) -> None:
    guest = program(finish(exit_code=3))
    keys = keys_of(guest)
    world = World.honest(keys)
    proof = world.prove()
    with pytest.raises(VerificationError, match="exit code: expected 0, found 3"):
        verify_run(keys.verifying, proof)
    assert verify_run(keys.verifying, proof, allow_failure=True).exit_code == 3
