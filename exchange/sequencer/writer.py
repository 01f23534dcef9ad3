"""The writer task: inputs in, group to the journal, and only then answers and publications out.

Everything that touches the engine runs in this one task. A group is whatever piled up while the previous sync was running, so
group size adapts to the load by itself. Reads run right after a release: the engine then holds exactly what is durable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from exchange.auth.directory import EnvelopeKeys
from exchange.auth.envelope import open_envelope, parse_envelope
from exchange.errors import FatalFault, Refusal, ReplayMismatch
from exchange.logs import get_logger
from exchange.sequencer.admission import Admission, compute_identity, parse_request, recover_identity
from exchange.sequencer.batch import ClosedBatch
from exchange.sequencer.machine import Auth, Group, Sequencer
from exchange.sequencer.projector import Projection, code_name
from exchange.sequencer.views import view_context, view_depth
from exchange.storage.journal import Journal
from exchange.storage.layout import Source
from exchange.storage.recovery import Group as JournalGroup
from exchange.venue import VenueId
from exchange.ws.channels import Hub
from matching.codec import Command

Reply = Callable[[dict[str, Any]], None]
GROUP_INPUTS_MAX = 256
QUEUE_MAX = 4_096
IDLE_SECONDS = 0.05
BUSY_RETRY_MS = 100


def wall_ms() -> int:
    """Wall time in ms."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Turn:
    """Replies and reads of one group."""

    replies: list[tuple[Reply, dict[str, Any]]] = field(default_factory=list)
    reads: list[Callable[[], None]] = field(default_factory=list)


def make_ack(command: Command, projection: Projection) -> dict[str, Any]:
    """The ack frame of a sequenced command, without its id."""
    return {
        "t": "ack",
        "account": command.account,
        "seq": projection.seq,
        "as_of": projection.seq,
        "time_ms": projection.time_ms,
        "kind": int(command.kind),
        "nonce": command.nonce,
        "code": code_name(projection.code),
        "results": projection.results,
    }


class Writer:
    """Owns sequencer, journal and channels; `run` is the only task that touches them."""

    def __init__(
        self,
        venue: VenueId,
        sequencer: Sequencer,
        admission: Admission,
        journal: Journal,
        hub: Hub,
        keys: EnvelopeKeys,
        *,
        on_closed: Callable[[ClosedBatch], None],
        clock: Callable[[], int] = wall_ms,
        book_interval_ms: int = 100,
    ) -> None:
        self.sequencer = sequencer
        self.admission = admission
        self.hub = hub
        self.keys = keys
        self.fault: FatalFault | None = None
        self.is_draining = False
        self._venue = venue
        self._journal = journal
        self._on_closed = on_closed
        self._clock = clock
        self._book_interval_ms = book_interval_ms
        self._queue: asyncio.Queue[Callable[[_Turn], None]] = asyncio.Queue(QUEUE_MAX)
        self._disk = ThreadPoolExecutor(1, "journal")
        self._dirty_books: set[int] = set()
        self._books_ms = 0
        self._is_stopping = False
        self._log = get_logger()

    @property
    def mode(self) -> str:
        """`normal`, `draining` or `halt`."""
        if self.fault is not None:
            return "halt"
        return "draining" if self.is_draining else "normal"

    # ---- inputs; each returns at once, answers come through the reply

    def submit(self, envelope: bytes, is_principal: Callable[[int], bool], reply: Reply) -> None:
        """A sealed command of a connection; `reply` gets an ack or err frame without id."""
        if self.fault is not None:
            reply(Refusal("VENUE_HALTED", "the engine has stopped").as_frame(None))
        elif self.is_draining:
            reply(Refusal("VENUE_DRAINING", "the exchange is shutting down").as_frame(None))
        else:
            self._put(lambda turn: self._submit(envelope, is_principal, reply, turn), reply)

    def read(self, view: Callable[[], dict[str, Any]], reply: Reply) -> None:
        """Run `view` when the engine holds exactly what is durable; `reply` gets its frame, or an err frame."""
        self._put(lambda turn: turn.reads.append(lambda: _answer(view, reply)), reply)

    async def call(self, act: Callable[[int], None]) -> None:
        """Run `act(now_ms)` on the sequencer and wait until its effects are durable. Raises what `act` raises."""
        if self.fault is not None or self._is_stopping:
            raise Refusal("VENUE_HALTED", "the engine has stopped")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def run(turn: _Turn) -> None:
            refused: Refusal | None = None
            try:
                act(self._clock())
            except Refusal as refusal:
                refused = refusal
            turn.reads.append(lambda: _settle(done, refused))

        await self._queue.put(run)
        await done

    def _put(self, act: Callable[[_Turn], None], reply: Reply) -> None:
        try:
            self._queue.put_nowait(act)
        except asyncio.QueueFull:
            reply(Refusal("VENUE_BUSY", "queue is full", retryable=True, retry_after_ms=BUSY_RETRY_MS).as_frame(None))

    # ---- recovery

    def recover(self, groups: Iterable[JournalGroup]) -> int:
        """Replay the journal; returns the number of groups. Raises StartRefused errors."""
        count = 0
        for group in groups:
            auth_sources: list[Source] = []
            for record in group.records:
                self.sequencer.replay(record)
                if record.kind == 1:
                    auth_sources.append(record.source)
            applied = self.sequencer.take_group()
            if applied is not None:
                self._check_head(group, applied)
                self._release_recovered(applied, auth_sources)
            count += 1
        self._touch_all_markets()
        return count

    def _check_head(self, group: JournalGroup, applied: Group) -> None:
        if group.header.head != self.sequencer.system.command_chain or group.header.first_seq != applied.first_seq:
            raise ReplayMismatch(f"group {group.header.group} replays to another command chain than it recorded")

    def _release_recovered(self, applied: Group, sources: list[Source]) -> None:
        for command, projection, source in zip(applied.commands, applied.projections, sources, strict=True):
            if source is Source.USER:
                self.admission.answers.remember(command, recover_identity(command), make_ack(command, projection))
        self._publish(applied)
        for batch in applied.closed:
            self._on_closed(batch)

    # ---- the task

    async def run(self) -> None:
        """Until `stop`, or until a fault; the fault is kept in `fault` and raised."""
        try:
            while not (self._is_stopping and self._queue.empty()):
                await self._turn()
        except FatalFault as fault:
            self.fault = fault
            self._log.error("stopped", error_type=type(fault).__name__, exit_code=fault.exit_code)
            raise
        finally:
            self._disk.shutdown(wait=True)

    def stop(self) -> None:
        """Finish the queued inputs and end `run`."""
        self._is_stopping = True

    async def _turn(self) -> None:
        turn = _Turn()
        for act in await self._next_inputs():
            act(turn)
        now_ms = self._clock()
        if not self.is_draining:
            self.sequencer.tick(now_ms)
        group = self.sequencer.take_group()
        if group is not None:
            await self._commit(group, now_ms)
            self._release(group)
        for reply, frame in turn.replies:
            reply(frame)
        self._publish_books(now_ms)
        for read in turn.reads:
            read()

    async def _next_inputs(self) -> list[Callable[[_Turn], None]]:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                inputs = [await self._queue.get()]
        except TimeoutError:
            return []
        while len(inputs) < GROUP_INPUTS_MAX and not self._queue.empty():
            inputs.append(self._queue.get_nowait())
        return inputs

    def _submit(self, envelope: bytes, is_principal: Callable[[int], bool], reply: Reply, turn: _Turn) -> None:
        try:
            frame = self._sequence(envelope, is_principal)
        except Refusal as refusal:
            frame = refusal.as_frame(None)
        turn.replies.append((reply, frame))

    def _sequence(self, data: bytes, is_principal: Callable[[int], bool]) -> dict[str, Any]:
        now_ms = self._clock()
        envelope = parse_envelope(data)
        request = open_envelope(envelope, self.keys.find(envelope.key_id, now_ms), self._venue)
        command = parse_request(request)
        if not is_principal(command.account):
            raise Refusal("FORBIDDEN", "not logged in for this account")
        first_ack = self.admission.admit(request, command, self.sequencer.system, now_ms)
        if first_ack is not None:
            return {**first_ack, "dup": True}
        projection = self.sequencer.submit(command, Auth(request.salt, request.signature), now_ms)
        ack = make_ack(command, projection)
        self.admission.answers.remember(command, compute_identity(request), ack)
        return ack

    async def _commit(self, group: Group, now_ms: int) -> None:
        head = self.sequencer.system.command_chain
        arguments = (group.records, group.first_seq, len(group.commands), now_ms, head)
        await asyncio.get_running_loop().run_in_executor(self._disk, self._journal.append, *arguments)

    # ---- what leaves after the sync

    def _release(self, group: Group) -> None:
        self._publish(group)
        for batch in group.closed:
            self._on_closed(batch)

    def _publish(self, group: Group) -> None:
        system = self.sequencer.system
        self.hub.as_of, self.hub.time_ms = system.seq, system.time_ms
        for projection in group.projections:
            for account, fields in projection.accounts:
                self.hub.publish_account(account, projection.seq, projection.time_ms, fields)
            for market, fields in projection.trades:
                self.hub.publish_trade(market, projection.seq, projection.time_ms, fields)
        self._touch_all_markets()

    def _touch_all_markets(self) -> None:
        self._dirty_books.update(range(self.sequencer.system.market_count))

    def _publish_books(self, now_ms: int) -> None:
        if not self._dirty_books or now_ms - self._books_ms < self._book_interval_ms:
            return
        for market in self._dirty_books:
            self.hub.add_market(market)
            self.hub.publish_depth(market, *view_depth(self.sequencer.reader, market))
            self.hub.publish_context(market, view_context(self.sequencer.reader, market))
        self._dirty_books.clear()
        self._books_ms = now_ms


def _settle(done: asyncio.Future[None], refused: Refusal | None) -> None:
    if done.cancelled():
        return
    if refused is None:
        done.set_result(None)
    else:
        done.set_exception(refused)


def _answer(view: Callable[[], dict[str, Any]], reply: Reply) -> None:
    try:
        frame = view()
    except Refusal as refusal:
        frame = refusal.as_frame(None)
    reply(frame)
