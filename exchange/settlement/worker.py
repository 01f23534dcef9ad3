"""The settlement worker: witness, prove, check, submit, follow to finality; every step is stored before the next begins.

Four tasks walk the same table: one writes witnesses to disk, one proves, one submits in order, one watches for finality. A
restart continues from the stored status; a proof is never made twice and a batch never submitted blindly (the contract's
progress is read first).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from exchange.errors import SettlementFault
from exchange.logs import get_logger
from exchange.sequencer.batch import ClosedBatch
from exchange.settlement.batcher import InputBuilder, check_input
from exchange.settlement.header import BatchHeader
from exchange.settlement.store import BatchStatus, BatchStore, Record
from exchange.settlement.withdrawal_tree import WithdrawalTree
from exchange.venue import VenueId

HINTS, PUBLIC, PROOF = "hints.u32", "public_inputs.bin", "proof.bin"
RETRY_SECONDS = 1.0
Progress = Callable[[str, float], None]


class Prover(Protocol):
    """Makes a proof file from a hints file. `prove` returns the figures of PROTOCOL.md 5.5 and raises SettlementFault."""

    async def prove(self, hints: Path, proof: Path, on_progress: Progress) -> dict[str, Any]: ...

    async def check(self, proof: Path, public_inputs_hash: bytes) -> None: ...


class Ledger(Protocol):
    """The contract, as far as the worker needs it. Raises SettlementFault; `Unavailable` ones are retried."""

    async def submit(self, header: BatchHeader, vk_digest: bytes, proof: bytes) -> dict[str, Any]: ...
    async def executed(self, number: int) -> dict[str, Any] | None: ...
    async def is_final(self, number: int) -> bool: ...


class LedgerUnavailable(SettlementFault):
    """The node cannot be asked now; nothing is known to have failed."""


def make_record(batch: ClosedBatch) -> Record:
    """The public record of a closed batch (PROTOCOL.md 5.5)."""
    return {
        "number": batch.number,
        "status": str(BatchStatus.CLOSED),
        "commands": len(batch.commands),
        "seq_first": batch.seq_first,
        "seq_last": batch.seq_last,
        "time_ms": batch.time_ms,
        "l1_requests": len(batch.origins),
        "withdrawals": len(batch.withdrawals),
        "old_root": "0x" + batch.old_root.hex(),
        "new_root": "0x" + batch.new_root.hex(),
    }


class SettlementWorker:
    """Takes closed batches from the writer and brings them to the chain; without prover and ledger it only keeps records."""

    def __init__(
        self,
        venue: VenueId,
        store: BatchStore,
        publish: Callable[..., None],
        *,
        builder: InputBuilder | None = None,
        prover: Prover | None = None,
        ledger: Ledger | None = None,
        attempts_max: int = 3,
        poll_seconds: float = 0.5,
    ) -> None:
        self._venue = venue
        self._store = store
        self._publish = publish
        self._builder = builder
        self._prover = prover
        self._ledger = ledger
        self._attempts_max = attempts_max
        self._poll_seconds = poll_seconds
        self._waiting: dict[int, ClosedBatch] = {}  # closed, witness in memory
        self._trees: dict[int, tuple[ClosedBatch, WithdrawalTree]] = {}
        self._changed = asyncio.Event()
        self._closed_at: dict[int, float] = {}
        self._log = get_logger()
        for record in store.all():
            publish(record["status"], record)

    @property
    def is_settling(self) -> bool:
        """True when batches are proven and submitted."""
        return self._prover is not None and self._ledger is not None and self._builder is not None

    @property
    def pending(self) -> int:
        """Batches not yet accepted on chain."""
        done = (BatchStatus.ACCEPTED, BatchStatus.FINAL)
        return sum(record["status"] not in done for record in self._store.all())

    def add(self, batch: ClosedBatch) -> None:
        """A batch closed and is durable (called again for known batches in replay)."""
        if batch.withdrawals:
            self._trees[batch.number] = (batch, WithdrawalTree(batch.number, batch.withdrawals))
        known = self._store.get(batch.number)
        if known is None:
            record = make_record(batch)
            self._store.put(record)
            self._publish("closed", record)
            self._log.info("batch closed", batch=batch.number, commands=len(batch.commands))
        elif known["new_root"] != "0x" + batch.new_root.hex():
            raise SettlementFault(f"batch {batch.number} replays to another root than its record")
        if known is None or known["status"] == BatchStatus.CLOSED:
            if self.is_settling:
                self._waiting[batch.number] = batch
            self._closed_at[batch.number] = time.monotonic()
            self._changed.set()

    def view_withdrawals(self, owner: bytes) -> list[Record]:
        """Withdrawals to `owner` with what a claim needs once their batch is accepted."""
        views = []
        for number, (batch, tree) in sorted(self._trees.items()):
            record = self._store.get(number) or {}
            claim = record.get("claim")
            for withdrawal in batch.withdrawals:
                if withdrawal.recipient == owner:
                    view: Record = {
                        "batch": number,
                        "index": withdrawal.index,
                        "amount_e6": withdrawal.amount_e6,
                        "recipient": "0x" + withdrawal.recipient.hex(),
                        "status": "pending" if claim is None else "claimable",
                    }
                    if claim is not None:
                        view["path"] = ["0x" + sibling.hex() for sibling in tree.path(withdrawal.index)]
                        view["record"] = claim
                    views.append(view)
        return views

    async def run(self) -> None:
        """Until cancelled. Faults of a batch stop that batch, not the exchange."""
        if not self.is_settling:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self._witness_next))
            tasks.create_task(self._repeat(self._prove_next))
            tasks.create_task(self._repeat(self._submit_next))
            tasks.create_task(self._repeat(self._finalise_next))

    async def settled(self) -> None:
        """Wait until every batch is accepted; raises SettlementFault when one has failed."""
        while self.pending and self.is_settling:
            failed = self._store.first_with(BatchStatus.FAILED)
            if failed is not None:
                raise SettlementFault(f"batch {failed['number']} failed: {failed.get('error')}")
            await asyncio.sleep(self._poll_seconds)

    # ---- the four tasks

    async def _repeat(self, step: Callable[[], Awaitable[bool]]) -> None:
        while True:
            try:
                did_work = await step()
            except LedgerUnavailable as error:
                self._log.warning("chain unavailable", error_type=type(error).__name__)
                did_work = False
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                # Trading must not end because settlement has a bug: say what it was, try again.
                self._log.error("settlement step failed", kind=step.__name__, error_type=type(error).__name__)
                did_work = False
                await asyncio.sleep(RETRY_SECONDS)
            if not did_work:
                self._changed.clear()
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._changed.wait()

    async def _witness_next(self) -> bool:
        """Witnesses go to disk as soon as a batch closes, however far the prover lags."""
        record = self._store.first_with(BatchStatus.CLOSED)
        if record is None or record["number"] not in self._waiting:
            return False
        try:
            await self._witness(record)
        except SettlementFault as error:
            self._fail(record, error)
        return True

    async def _prove_next(self) -> bool:
        unproved = (BatchStatus.CLOSED, BatchStatus.WITNESSED, BatchStatus.PROVING, BatchStatus.FAILED)
        record = self._store.first_with(*unproved)
        if record is None or record["status"] in (BatchStatus.CLOSED, BatchStatus.FAILED):
            return False
        try:
            await self._prove(record)
        except SettlementFault as error:
            self._fail(record, error)
        return True

    async def _witness(self, record: Record) -> None:
        batch = self._waiting[record["number"]]
        assert self._builder is not None
        built = await asyncio.to_thread(self._builder, batch, self._prefix_before(batch.number))
        header = check_input(batch, built, self._venue)
        record["priority_hash"] = "0x" + header.priority_hash.hex()
        self._store.write(batch.number, HINTS, built.hints.astype("<u4").tobytes())
        self._store.write(batch.number, PUBLIC, built.public_inputs)
        self._advance(record, BatchStatus.WITNESSED)
        del self._waiting[batch.number]

    def _prefix_before(self, number: int) -> bytes:
        """Queue prefix after the batch before this one; the empty queue's is zero."""
        if number == 1:
            return bytes(32)
        before = self._store.get(number - 1) or {}
        if "priority_hash" not in before:
            raise SettlementFault(f"batch {number - 1} was never prepared: its queue prefix is not known")
        return bytes.fromhex(before["priority_hash"][2:])

    async def _prove(self, record: Record) -> None:
        assert self._prover is not None
        number = record["number"]
        header = self._header(number)
        hints, proof = self._store.path(number, HINTS), self._store.path(number, PROOF)
        self._advance(record, BatchStatus.PROVING)
        for attempt in range(1, self._attempts_max + 1):
            try:
                figures = await self._prover.prove(hints, proof, self._reporter(record))
                await self._prover.check(proof, header.public_inputs_hash(self._venue.chain_id, self._venue.exchange))
                break
            except SettlementFault as error:
                self._log.warning("proof failed", batch=number, count=attempt, error_type=type(error).__name__)
                if attempt == self._attempts_max:
                    raise
        record.update(figures)
        self._advance(record, BatchStatus.PROVED)
        self._store.remove(number, HINTS)

    def _reporter(self, record: Record) -> Progress:
        def report(stage: str, done: float) -> None:
            self._publish("progress", record, stage=stage, done=done)

        return report

    async def _submit_next(self) -> bool:
        assert self._ledger is not None
        done = (BatchStatus.ACCEPTED, BatchStatus.FINAL)
        record = next((r for r in self._store.all() if r["status"] not in done), None)
        if record is None or record["status"] not in (BatchStatus.PROVED, BatchStatus.SUBMITTED):
            return False
        number = record["number"]
        try:
            if await self._accept(record):
                return True
            self._advance(record, BatchStatus.SUBMITTED)
            proof = self._store.read(number, PROOF)
            vk_digest = bytes.fromhex(record["vk_digest"].removeprefix("0x"))
            record.update(await self._ledger.submit(self._header(number), vk_digest, proof))
            if not await self._accept(record):
                raise SettlementFault(f"batch {number}: the transaction was mined and the batch is not executed")
        except LedgerUnavailable:
            raise
        except SettlementFault as error:
            self._fail(record, error)
        return True

    async def _accept(self, record: Record) -> bool:
        """True when the contract has executed this batch with our root."""
        assert self._ledger is not None
        executed = await self._ledger.executed(record["number"])
        if executed is None:
            return False
        if executed["claim"]["state_hash"] != record["new_root"]:
            raise SettlementFault(f"batch {record['number']}: the contract executed another root")
        record.update(executed)
        if (closed := self._closed_at.pop(record["number"], None)) is not None:
            record["settle_seconds"] = round(time.monotonic() - closed, 3)
        self._advance(record, BatchStatus.ACCEPTED)
        return True

    async def _finalise_next(self) -> bool:
        assert self._ledger is not None
        record = self._store.first_with(BatchStatus.ACCEPTED)
        if record is None or not await self._ledger.is_final(record["number"]):
            return False
        self._advance(record, BatchStatus.FINAL)
        return True

    # ---- parts

    def _header(self, number: int) -> BatchHeader:
        data = self._store.read(number, PUBLIC)
        return BatchHeader.from_public_inputs(data, self._venue.chain_id, self._venue.exchange)

    def _advance(self, record: Record, status: BatchStatus) -> None:
        record["status"] = str(status)
        self._store.put(record)
        self._publish(str(status), record)
        self._log.info("batch", batch=record["number"], status=str(status))
        self._changed.set()

    def _fail(self, record: Record, error: SettlementFault) -> None:
        record["error"] = f"{type(error).__name__}: {error}"[:300]
        self._log.error("batch failed", batch=record["number"], error_type=type(error).__name__)
        self._advance(record, BatchStatus.FAILED)
