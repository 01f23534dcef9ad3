"""The settlement worker over doubles of prover and contract: order, retries, restarts, and what it refuses.

The batch inputs are real: built by the core from the sequencer's batches.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import SettlementFault
from exchange.sequencer.batch import ClosedBatch
from exchange.settlement.batcher import BatchInconsistent, RequestUnreadable, check_input, make_builder, read_request
from exchange.settlement.header import BatchHeader, keccak256
from exchange.settlement.requests import Request
from exchange.settlement.store import BatchStore
from exchange.settlement.worker import LedgerUnavailable, SettlementWorker
from matching.codec import CreateMarket, Deposit, FundInsurance, Withdraw
from tests.unit.exchange.kit import (
    BUY,
    PRICE_TICKS,
    T0,
    VENUE,
    make_policy,
    make_sequencer,
    make_traders,
    market_config,
    open_market,
    order,
    submit,
)

pytest.importorskip("matching._core", reason="the native core is not built")
DIGEST = "0x" + "ab" * 32


@pytest.fixture(scope="module")
def batches() -> list[ClosedBatch]:
    """Genesis requests, then two batches of orders, the second with a withdrawal."""
    sequencer, traders = make_sequencer(make_policy()), make_traders(2)
    open_market(sequencer, traders)
    now_ms = T0 + 1_000
    for number in range(3):
        submit(sequencer, traders[0], order(BUY, PRICE_TICKS - number, 1_000), now_ms)
    sequencer.close_batch(now_ms)
    submit(sequencer, traders[1], Withdraw(5_000_000), now_ms + 100)
    sequencer.close_batch(now_ms + 100)
    group = sequencer.take_group()
    assert group is not None
    return group.closed


class ProverDouble:
    """Writes the public-input hash as a 'proof'; can fail first."""

    def __init__(self, failures: int = 0, is_lying: bool = False) -> None:
        self.failures, self.is_lying, self.calls = failures, is_lying, 0

    async def prove(self, hints: Path, proof: Path, on_progress: Callable[[str, float], None]) -> dict[str, Any]:
        self.calls += 1
        on_progress("execute", 1.0)
        if self.failures:
            self.failures -= 1
            raise SettlementFault("the prover died")
        assert hints.stat().st_size > 0
        assert hints.stat().st_mode & 0o077 == 0
        public = (hints.parent / "public_inputs.bin").read_bytes()
        proof.write_bytes(b"lie" if self.is_lying else keccak256(public))
        return {"cycles": 5, "vk_digest": DIGEST, "proof_bytes": 32}

    async def check(self, proof: Path, public_inputs_hash: bytes) -> None:
        if proof.read_bytes() != public_inputs_hash:
            raise SettlementFault("the proof does not verify")


class LedgerDouble:
    """A contract that checks what the real one checks first: number, root, queue prefix."""

    def __init__(self) -> None:
        self.headers: list[BatchHeader] = []
        self.outages = 0
        self.loses_answer = False
        self.submissions = 0
        self.final = 0

    async def submit(self, header: BatchHeader, vk_digest: bytes, proof: bytes) -> dict[str, Any]:
        self._check_outage()
        self.submissions += 1
        assert vk_digest == bytes.fromhex(DIGEST[2:])
        if header.batch_number != len(self.headers) + 1:
            raise SettlementFault("BatchNumberMismatch")
        if self.headers and header.prev_state_hash != self.headers[-1].new_state_hash:
            raise SettlementFault("StateHashMismatch")
        assert proof == header.public_inputs_hash(VENUE.chain_id, VENUE.exchange)
        self.headers.append(header)
        if self.loses_answer:
            self.loses_answer = False
            raise LedgerUnavailable("the answer was lost")
        return {"transaction": "0x01", "gas": 7, "block": 9}

    async def executed(self, number: int) -> dict[str, Any] | None:
        self._check_outage()
        if number > len(self.headers):
            return None
        return {"block": 9, "claim": {"state_hash": "0x" + self.headers[number - 1].new_state_hash.hex()}}

    async def is_final(self, number: int) -> bool:
        return number <= self.final

    def _check_outage(self) -> None:
        if self.outages:
            self.outages -= 1
            raise LedgerUnavailable("no answer")


class Harness:
    """A worker, its store, and what it published."""

    def __init__(self, folder: Path, prover: ProverDouble, ledger: LedgerDouble) -> None:
        self.store = BatchStore(folder)
        self.store.reset_failed()
        self.published: list[tuple[str, int]] = []
        self.worker = SettlementWorker(
            VENUE,
            self.store,
            lambda event, record, **_: self.published.append((event, record["number"])),
            builder=make_builder(VENUE),
            prover=prover,
            ledger=ledger,
            attempts_max=2,
            poll_seconds=0.01,
        )

    async def run_until(self, condition: Callable[[], bool]) -> None:
        task = asyncio.create_task(self.worker.run())
        try:
            async with asyncio.timeout(20):
                while not condition():
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def statuses(self) -> list[str]:
        return [record["status"] for record in self.store.all()]


async def test_batches_are_proven_submitted_in_order_and_followed_to_finality(
    tmp_path: Path, batches: list[ClosedBatch]
) -> None:
    prover, ledger = ProverDouble(), LedgerDouble()
    harness = Harness(tmp_path, prover, ledger)
    for batch in batches:
        harness.worker.add(batch)
    assert harness.worker.pending == len(batches)
    ledger.final = 1
    await harness.run_until(lambda: harness.statuses() == ["final", "accepted", "accepted"])
    assert [header.batch_number for header in ledger.headers] == [1, 2, 3]
    assert [header.new_state_hash for header in ledger.headers] == [batch.new_root for batch in batches]
    assert harness.worker.pending == 0
    first = [event for event, number in harness.published if number == 1]
    assert first == ["closed", "witnessed", "proving", "progress", "proved", "submitted", "accepted", "final"]
    record = harness.store.get(1)
    assert record is not None
    assert (record["gas"], record["cycles"]) == (7, 5)


async def test_hints_are_removed_once_the_proof_exists(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    harness = Harness(tmp_path, ProverDouble(), LedgerDouble())
    harness.worker.add(batches[0])
    await harness.run_until(lambda: harness.statuses() == ["accepted"])
    assert sorted(path.name for path in (tmp_path / "00000001").iterdir()) == ["proof.bin", "public_inputs.bin"]


async def test_failed_proof_is_tried_again_and_then_gives_up_by_name(
    tmp_path: Path, batches: list[ClosedBatch]
) -> None:
    prover = ProverDouble(failures=1)
    harness = Harness(tmp_path / "a", prover, LedgerDouble())
    harness.worker.add(batches[0])
    await harness.run_until(lambda: harness.statuses() == ["accepted"])
    assert prover.calls == 2
    hopeless = Harness(tmp_path / "b", ProverDouble(failures=9), LedgerDouble())
    hopeless.worker.add(batches[0])
    await hopeless.run_until(lambda: hopeless.statuses() == ["failed"])
    with pytest.raises(SettlementFault, match="batch 1 failed"):
        await hopeless.worker.settled()


async def test_proof_that_does_not_verify_here_is_never_submitted(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    ledger = LedgerDouble()
    harness = Harness(tmp_path, ProverDouble(is_lying=True), ledger)
    harness.worker.add(batches[0])
    await harness.run_until(lambda: harness.statuses() == ["failed"])
    assert ledger.submissions == 0


async def test_failed_batch_holds_back_the_later_ones(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    prover, ledger = ProverDouble(failures=2), LedgerDouble()
    harness = Harness(tmp_path, prover, ledger)
    for batch in batches[:2]:
        harness.worker.add(batch)
    await harness.run_until(lambda: harness.statuses()[0] == "failed")
    await asyncio.sleep(0.1)
    assert ledger.submissions == 0
    assert harness.statuses() == ["failed", "witnessed"]


async def test_outage_of_the_chain_is_waited_out(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    ledger = LedgerDouble()
    ledger.outages = 2
    harness = Harness(tmp_path, ProverDouble(), ledger)
    harness.worker.add(batches[0])
    await harness.run_until(lambda: harness.statuses() == ["accepted"])


async def test_lost_answer_to_a_submission_is_not_submitted_again(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    ledger = LedgerDouble()
    ledger.loses_answer = True
    harness = Harness(tmp_path, ProverDouble(), ledger)
    harness.worker.add(batches[0])
    await harness.run_until(lambda: harness.statuses() == ["accepted"])
    assert ledger.submissions == 1


async def test_unexpected_error_in_settlement_is_survived(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    class Surprising(LedgerDouble):
        is_first = True

        async def executed(self, number: int) -> dict[str, Any] | None:
            if self.is_first:
                self.is_first = False
                raise KeyError("surprise")
            return await super().executed(number)

    harness = Harness(tmp_path, ProverDouble(), Surprising())
    harness.worker.add(batches[0])
    await harness.run_until(lambda: harness.statuses() == ["accepted"])


async def test_restart_continues_from_the_proof_on_disk(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    class Down(LedgerDouble):
        async def executed(self, number: int) -> dict[str, Any] | None:
            raise LedgerUnavailable("down")

    first = Harness(tmp_path, ProverDouble(), Down())
    first.worker.add(batches[0])
    await first.run_until(lambda: first.statuses() == ["proved"])
    first.store.close()
    prover = ProverDouble()
    second = Harness(tmp_path, prover, LedgerDouble())
    assert second.store.first_unwitnessed() == 2
    second.worker.add(replace(batches[0], witness=None))
    await second.run_until(lambda: second.statuses() == ["accepted"])
    assert prover.calls == 0


async def test_closed_batch_without_witness_is_recorded_again_by_replay(
    tmp_path: Path, batches: list[ClosedBatch]
) -> None:
    first = Harness(tmp_path, ProverDouble(), LedgerDouble())
    first.worker.add(batches[0])
    assert first.store.first_unwitnessed() == 1
    first.store.close()
    second = Harness(tmp_path, ProverDouble(), LedgerDouble())
    second.worker.add(batches[0])
    await second.run_until(lambda: second.statuses() == ["accepted"])


def test_batch_that_replays_to_another_root_is_refused(tmp_path: Path, batches: list[ClosedBatch]) -> None:
    harness = Harness(tmp_path, ProverDouble(), LedgerDouble())
    harness.worker.add(batches[0])
    with pytest.raises(SettlementFault, match="another root"):
        harness.worker.add(replace(batches[0], new_root=bytes(32)))


async def test_withdrawal_becomes_claimable_with_a_path_to_the_root_on_chain(
    tmp_path: Path, batches: list[ClosedBatch]
) -> None:
    ledger = LedgerDouble()
    harness = Harness(tmp_path, ProverDouble(), ledger)
    for batch in batches:
        harness.worker.add(batch)
    owner = batches[2].withdrawals[0].recipient
    assert [view["status"] for view in harness.worker.view_withdrawals(owner)] == ["pending"]
    await harness.run_until(lambda: harness.statuses() == ["accepted"] * 3)
    (view,) = harness.worker.view_withdrawals(owner)
    assert (view["status"], view["amount_e6"], view["path"]) == ("claimable", 5_000_000, [])
    assert ledger.headers[2].withdrawals_root == batches[2].withdrawals[0].leaf(3)
    assert harness.worker.view_withdrawals(b"\0" * 20) == []


def test_public_inputs_must_be_those_of_the_batch(batches: list[ClosedBatch]) -> None:
    build = make_builder(VENUE)
    built = build(batches[0], bytes(32))
    header = check_input(batches[0], built, VENUE)
    assert header.priority_count == 4
    for changed in (
        replace(batches[0], new_root=bytes(32)),
        replace(batches[0], seq_last=5),
        replace(batches[0], time_ms=1),
        replace(batches[0], withdrawals=batches[2].withdrawals),
    ):
        with pytest.raises(BatchInconsistent):
            check_input(changed, built, VENUE)


def test_batch_with_a_dropped_command_cannot_be_built(batches: list[ClosedBatch]) -> None:
    build = make_builder(VENUE)
    prefix = check_input(batches[0], build(batches[0], bytes(32)), VENUE).priority_hash
    build(batches[1], prefix)
    commands = batches[1].commands
    with pytest.raises(BatchInconsistent):
        build(replace(batches[1], commands=commands[:3] + commands[4:]), prefix)


def request(kind: int, body: bytes) -> Request:
    return Request(7, kind, bytes(20), b"\x22" * 20, 99, body, bytes(32), 1)


def test_queue_requests_become_commands_with_their_index() -> None:
    deposit = struct.pack(">20sIH", b"\x44" * 20, 5, 0) + (10**7).to_bytes(16, "big")
    assert read_request(request(20, deposit))[0] == Deposit(7, b"\x44" * 20, 5, 10**7)
    assert read_request(request(55, (10**7).to_bytes(16, "big")))[0] == FundInsurance(7, 10**7)
    market = CreateMarket(7, 0, market_config().encode())
    assert read_request(request(50, market.encode()[8:]))[0] == market
    assert read_request(request(50, market.encode()[8:]))[1].timestamp == 99


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (20, b""),
        (20, struct.pack(">20sIH", b"\x44" * 20, 5, 1) + bytes(16)),
        (20, struct.pack(">20sIH", b"\x44" * 20, 5, 0) + b"\xff" * 16),
        (55, bytes(15)),
        (50, bytes(10)),
        (99, b""),
    ],
)
def test_unreadable_queue_requests_are_named(kind: int, body: bytes) -> None:
    with pytest.raises(RequestUnreadable, match="request 7"):
        read_request(request(kind, body))
