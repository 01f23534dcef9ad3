"""The exchange as one object: everything built from settings, started and stopped in order.

start: lock, key, journal replay, new epoch, sockets, tasks.  stop: no new requests, last group, journal sealed.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from exchange.auth.buckets import RateLimits
from exchange.auth.directory import EnvelopeKeys
from exchange.control import ControlSocket, get_integer
from exchange.engines import create_engine
from exchange.errors import ExchangeError, FatalFault, Refusal, WrongKey
from exchange.logs import get_logger
from exchange.oracle.feeder import Feeder
from exchange.oracle.sources import PriceSource
from exchange.sequencer.admission import Admission
from exchange.sequencer.engine import Engine
from exchange.sequencer.machine import Sequencer
from exchange.sequencer.views import view_market
from exchange.sequencer.writer import Writer, wall_ms
from exchange.settings import Settings
from exchange.settlement.batcher import InputBuilder, read_request
from exchange.settlement.requests import Request
from exchange.settlement.store import BatchStore
from exchange.settlement.worker import Ledger, LedgerUnavailable, Prover, SettlementWorker
from exchange.storage.journal import FolderLock, Journal, create_master_key, read_master_key
from exchange.venue import VenueId
from exchange.ws.channels import Hub
from exchange.ws.endpoint import Session
from exchange.ws.protocol import CloseCode, Limits
from exchange.ws.reads import Reads

NEVER_RECORD = 1 << 63
KEY_REFRESH_SECONDS = 10.0
RequestPoll = Callable[[int], Any]


def read_identity_key(path: Path) -> PrivateKey:
    """The secp256k1 key that signs the key directory; same file form as the journal key. Raises WrongKey."""
    try:
        return PrivateKey(read_master_key(path))
    except ValueError as error:
        raise WrongKey("the identity key is not a valid private key") from error


def ensure_keys(*paths: Path) -> None:
    """Make missing key files (mode 0600)."""
    for path in paths:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            create_master_key(path)


class Exchange:
    """One exchange process. Parts that talk to prover, chain or feeds are given from outside, or left away."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine | None = None,
        builder: InputBuilder | None = None,
        prover: Prover | None = None,
        ledger: Ledger | None = None,
        request_feed: Callable[[int], Any] | None = None,
        source: PriceSource | None = None,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        self.settings = settings
        self.venue = VenueId(settings.chain_id, bytes.fromhex(settings.exchange[2:]))
        self.fault: FatalFault | None = None
        self.on_stop: Callable[[], None] = lambda: None
        self.sessions: set[Session] = set()
        self._clock = clock
        self._log = get_logger()
        self._builder, self._prover, self._ledger = builder, prover, ledger
        self._request_feed = request_feed
        self._source = source
        self._tasks: list[asyncio.Task[None]] = []
        self._control = ControlSocket(settings.control_path, self._operations())
        self._open(engine)

    # ---- start

    def _open(self, engine: Engine | None) -> None:
        settings = self.settings
        fund_owner, fee_owner = bytes.fromhex(settings.fund_owner[2:]), bytes.fromhex(settings.fee_owner[2:])
        master = read_master_key(settings.journal_key_file)
        identity = read_identity_key(settings.identity_key_file)
        self._lock = FolderLock(settings.data_folder)
        try:
            genesis = self.venue.genesis_hash(fund_owner, fee_owner)
            folder = settings.data_folder / "journal"
            self.journal = Journal(folder, master, genesis, settings.journal_segment_bytes)
            self.store = BatchStore(settings.data_folder / "settlement")
            self.store.reset_failed()
            is_settling = None not in (self._builder, self._prover, self._ledger)
            sequencer = Sequencer(
                engine or create_engine(settings.engine, fund_owner, fee_owner),
                settings.policy,
                record_from_batch=self.store.first_unwitnessed() if is_settling else NEVER_RECORD,
            )
            self._wire(sequencer, identity)
            groups = self.writer.recover(self.journal.replay())
            self.hub.epoch = self.journal.start(sequencer.system.seq + 1)
        except BaseException:
            self._lock.release()
            raise
        self._log.info(
            "started", epoch=self.hub.epoch, seq=sequencer.system.seq, groups=groups, torn_bytes=self.journal.torn_bytes
        )

    def _wire(self, sequencer: Sequencer, identity: PrivateKey) -> None:
        settings = self.settings
        self.hub = Hub(0)
        self.limits = RateLimits(settings.order_rate, settings.cancel_rate)
        admission = Admission(self.venue, sequencer.reader, sequencer.projector, self.limits)
        self.keys = EnvelopeKeys(self.venue, identity, self._clock())
        self.worker = SettlementWorker(
            self.venue,
            self.store,
            self.hub.publish_batch,
            builder=self._builder,
            prover=self._prover,
            ledger=self._ledger,
            attempts_max=settings.prover_attempts_max,
            poll_seconds=settings.l1_poll_ms / 1000,
        )
        self.writer = Writer(
            self.venue,
            sequencer,
            admission,
            self.journal,
            self.hub,
            self.keys,
            on_closed=self.worker.add,
            clock=self._clock,
            book_interval_ms=settings.book_interval_ms,
        )
        self.reads = Reads(self.writer, lambda _, owner: self.worker.view_withdrawals(owner), self.limits.describe)

    async def start(self) -> None:
        """Begin to serve."""
        await self._control.start()
        self._spawn(self._write(), "writer")
        self._spawn(self.worker.run(), "settlement")
        self._spawn(self._refresh_keys(), "keys")
        if self._request_feed is not None:
            self._spawn(self._follow_requests(self._request_feed), "requests")
        if self._source is not None:
            self._spawn(Feeder(self._source, self.set_price, self._clock).run(), "feeder")

    async def stop(self) -> None:
        """Finish what was accepted, seal the journal, release the folder."""
        self.writer.is_draining = True
        for session in list(self.sessions):
            session.notify({"t": "notice", "event": "draining"})
            session.shut(CloseCode.SHUTDOWN, "shutdown")
        self.writer.stop()
        for task in self._tasks:
            if task.get_name() != "writer":  # the writer ends by itself, after the last group
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._control.stop()
        with contextlib.suppress(FatalFault):
            self.journal.close()
        self.store.close()
        self._lock.release()
        self._log.info("stopped", seq=self.writer.sequencer.system.seq)

    # ---- tasks

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_done)
        self._tasks.append(task)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        if isinstance(error, FatalFault):
            self.fault = error
        else:
            self.fault = self.fault or FatalFault(f"task {task.get_name()} ended: {type(error).__name__}")
            self._log.error("task ended", kind=task.get_name(), error_type=type(error).__name__)
        self.on_stop()

    async def _write(self) -> None:
        await self.writer.run()

    async def _refresh_keys(self) -> None:
        while True:
            self.keys.refresh(self._clock())
            await asyncio.sleep(KEY_REFRESH_SECONDS)

    async def _follow_requests(self, make_feed: Callable[[int], Any]) -> None:
        """Final queue requests become commands, in order, each exactly once."""
        feed = make_feed(self.writer.sequencer.system.priority_done)
        while True:
            try:
                requests: list[Request] = await feed.poll()
            except LedgerUnavailable:
                requests = []
            except ExchangeError as error:
                self._log.warning("requests unavailable", error_type=type(error).__name__)
                requests = []
            await self._take_requests(requests)
            await asyncio.sleep(self.settings.l1_poll_ms / 1000)

    async def _take_requests(self, requests: list[Request]) -> None:
        """One batch per turn of the writer, so that a long backlog neither blocks trading nor bursts a journal group."""
        step = self.settings.batch_l1_requests_max
        for start in range(0, len(requests), step):
            commands = [read_request(request) for request in requests[start : start + step]]
            await self.writer.call(lambda now_ms, c=commands: self.writer.sequencer.submit_l1(c, now_ms))  # type: ignore[misc]
            self._log.info("requests taken", count=len(commands))

    # ---- operations

    async def set_price(self, market: int, price_fine: int) -> None:
        """Newest index price of a market, in 1/256 tick. Raises Refusal."""
        await self.writer.call(lambda now_ms: self.writer.sequencer.set_price(market, price_fine, now_ms))

    async def close_batch(self) -> None:
        """Close the open batch now."""
        await self.writer.call(lambda now_ms: self.writer.sequencer.close_batch(now_ms))

    async def drain(self) -> None:
        """No new requests; close the batch and wait until every batch is on chain."""
        self.writer.is_draining = True
        for session in list(self.sessions):
            session.notify({"t": "notice", "event": "draining"})
        await self.close_batch()
        await self.worker.settled()

    def _operations(self) -> dict[str, Any]:
        async def price(request: dict[str, Any]) -> dict[str, Any]:
            await self.set_price(get_integer(request, "market"), get_integer(request, "price_fine"))
            return {}

        async def close_batch(_: dict[str, Any]) -> dict[str, Any]:
            await self.close_batch()
            return {}

        async def status(_: dict[str, Any]) -> dict[str, Any]:
            return self.describe()

        async def drain(_: dict[str, Any]) -> dict[str, Any]:
            try:
                await self.drain()
            except ExchangeError as error:
                raise Refusal("DRAIN_FAILED", str(error)) from error
            return self.describe()

        async def stop(_: dict[str, Any]) -> dict[str, Any]:
            asyncio.get_running_loop().call_later(0.05, self.on_stop)
            return {}

        return {"price": price, "close_batch": close_batch, "status": status, "drain": drain, "stop": stop}

    # ---- descriptions

    def session_limits(self) -> Limits:
        """Bounds of one connection."""
        return Limits()

    def describe(self) -> dict[str, Any]:
        """Public facts of the process for `/health` and `status`."""
        system = self.writer.sequencer.system
        return {
            "mode": self.writer.mode,
            "epoch": self.hub.epoch,
            "as_of": self.hub.as_of,
            "time_ms": self.hub.time_ms,
            "batch": system.batch_no,
            "batch_open": bool(system.batch_open),
            "batches_pending": self.worker.pending,
            "settling": self.worker.is_settling,
            "markets": system.market_count,
            "root": "0x" + self.writer.sequencer.root.hex(),
            "threads": threading.active_count(),
        }

    def unready_reasons(self) -> list[str]:
        """Why orders would be refused now; empty when the exchange is ready."""
        reasons = [] if self.writer.mode == "normal" else [self.writer.mode]
        if not self.writer.sequencer.has_fresh_prices(self._clock()):
            reasons.append("no fresh index price")
        return reasons

    def meta(self) -> dict[str, Any]:
        """The body of `/v1/meta`."""
        reader, system = self.writer.sequencer.reader, self.writer.sequencer.system
        settings = self.settings
        return {
            "chain_id": self.venue.chain_id,
            "exchange": "0x" + self.venue.exchange.hex(),
            "identity": "0x" + self.keys.identity.hex(),
            "epoch": self.hub.epoch,
            **self.hub.decoration(),
            "tick_ms": settings.tick_ms,
            "book_interval_ms": settings.book_interval_ms,
            "limits": {
                "orders": {"burst": settings.orders_burst, "per_second": settings.orders_per_second},
                "cancels": {"burst": settings.cancels_burst, "per_second": settings.cancels_per_second},
            },
            "markets": [view_market(reader, market) for market in range(system.market_count)],
        }
