"""The sequencer: gives every command its number and its time, and runs the work that falls due between commands.

No clock and no I/O: wall time comes in as `now_ms`; journal records and projections pile up until `take_group`.
The same `_execute` runs live and in replay, so a restart needs no scheduler.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from exchange.errors import EngineHalted, Refusal, ReplayMismatch
from exchange.sequencer.batch import (
    BATCH_TIME_MAX_MS,
    BatchPolicy,
    ClosedBatch,
    OpenBatch,
    QueueOrigin,
    estimate_cycles,
)
from exchange.sequencer.engine import SLOT_MASK, Engine, StateReader
from exchange.sequencer.margin import compute_margin
from exchange.sequencer.projector import Projection, Projector
from exchange.settlement.withdrawal_tree import Withdrawal
from exchange.storage.layout import Record, RecordKind, Source
from matching.codec import (
    CANCEL_MARKET_NONE,
    L1_KINDS,
    SCOPE_CROSS,
    AccountWork,
    BatchClose,
    BatchOpen,
    CancelAll,
    ClockTick,
    Command,
    CommandBody,
    CommandKind,
    Deposit,
    ExpireOrders,
    FundInsurance,
    LiquidationCheck,
    LiquidationEventStep,
    LiquidationStep,
    MarketStatus,
    MarketWork,
    OracleReport,
    OracleRound,
    ResultCode,
    SystemRecord,
    Withdraw,
    decode_command,
    decode_events,
)
from matching.errors import CodecError, CoreHalted

# Kinds that change nothing of the system record the sequencer looks at between groups, but number and time.
STEADY_KINDS = frozenset(
    {CommandKind.PLACE_ORDERS, CommandKind.CANCEL_ORDERS, CommandKind.CANCEL_ALL, CommandKind.CLOCK_TICK}
)
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
EXPIRED_SLOTS_MAX = 16
LIQUIDATION_PAUSE_MS = 1_000
MARKETS_MAX = 62


@dataclass(frozen=True, slots=True)
class Auth:
    """What a user sent beside the command; kept in the journal."""

    salt: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SequencerPolicy:
    """How the sequencer spends time and batches."""

    batch: BatchPolicy = field(default_factory=BatchPolicy)
    tick_ms: int = 10
    price_interval_ms: int = 1_000
    price_age_ms_max: int = 5_000
    prices_open_batches: bool = False


@dataclass(slots=True)
class Group:
    """What has been applied since the last `take_group`: durable together, released together."""

    first_seq: int
    records: list[Record] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    closed: list[ClosedBatch] = field(default_factory=list)


class Sequencer:
    """The single writer of the engine."""

    def __init__(
        self,
        engine: Engine,
        policy: SequencerPolicy,
        *,
        make_salt: Callable[[], bytes] = lambda: os.urandom(32),
        record_from_batch: int = 0,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._make_salt = make_salt
        self._record_from_batch = record_from_batch
        self._projector = Projector()
        self.reader = StateReader(engine)
        self.system = self.reader.system()
        self._root = engine.state_root()
        self._batch: OpenBatch | None = None
        self._origin: QueueOrigin | None = None
        self._expiries: list[tuple[int, int]] = []
        self._holders: set[int] = set()
        self._flagged: dict[int, int] = {}  # account -> engine time of the last step
        self._indebted: set[int] = set()
        self._prices: dict[int, tuple[int, int]] = {}  # market -> (price_fine, wall time)
        self._price_ms = 0
        self._next_minute_ms = 0
        self._group = Group(self.system.seq + 1)

    # ---- what the service asks for

    @property
    def root(self) -> bytes:
        """State root after the last closed batch."""
        return self._root

    @property
    def projector(self) -> Projector:
        """Facts of open orders."""
        return self._projector

    @property
    def is_batch_open(self) -> bool:
        """True between BatchOpen and BatchClose."""
        return self._batch is not None

    @property
    def open_batch(self) -> OpenBatch | None:
        """The batch being filled."""
        return self._batch

    def submit(self, command: Command, auth: Auth, now_ms: int) -> Projection:
        """Sequence a user command that passed admission; opens a batch and does due work first."""
        self._prepare(now_ms)
        payload = auth.salt + auth.signature
        self._group.records.append(Record(RecordKind.AUTH, Source.USER, now_ms, payload))
        projection = self._issue(command, Source.USER, now_ms)
        if self._batch is not None:
            self._batch.user_commands += 1
            self._batch.last_user_ms = self.system.time_ms
        if isinstance(command.body, CancelAll):
            self._work_off(now_ms)
        if self._batch is not None and self._policy.batch.is_full(self._batch):
            self.close_batch(now_ms)
        return projection

    def submit_l1(self, requests: list[tuple[CommandBody, QueueOrigin]], now_ms: int) -> None:
        """Sequence final L1 requests in batches of their own."""
        step = self._policy.batch.l1_requests_max
        for start in range(0, len(requests), step):
            self.close_batch(now_ms)
            self._open_batch(now_ms)
            for body, origin in requests[start : start + step]:
                self._issue_l1(body, origin, now_ms)
            self.close_batch(now_ms)

    def set_price(self, market: int, price_fine: int, now_ms: int) -> None:
        """Newest index price of a market; enters with the next OracleRound."""
        if not 0 <= market < self.system.market_count:
            raise Refusal("UNKNOWN_MARKET", f"market {market}")
        limit = 256 * self.reader.market_config(market).price_ticks_max
        if not 1 <= price_fine <= limit:
            raise Refusal("PRICE_INVALID", f"expected 1..{limit}, found {price_fine}")
        self._prices[market] = (price_fine, now_ms)

    def has_fresh_prices(self, now_ms: int) -> bool:
        """True when every market has a price young enough to enter the next OracleRound."""
        oldest_ms = now_ms - self._policy.price_age_ms_max
        return all(self._prices.get(m, (0, -1))[1] >= oldest_ms for m in range(self.system.market_count))

    def tick(self, now_ms: int) -> None:
        """Time passes: prices, funding, expiries, liquidations, and the batch's end."""
        if self._batch is None:
            if not (self._policy.prices_open_batches and self._holders and self._has_new_price(now_ms)):
                return
        elif self._policy.batch.is_due(self._batch, now_ms):
            self.close_batch(now_ms)
            return
        elif not self._has_due_work(now_ms):
            return  # engine time waits for the next command: a tick by itself would only cost proving
        self._prepare(now_ms)

    def close_batch(self, now_ms: int) -> None:
        """Close the open batch, if any."""
        batch = self._batch
        if batch is None:
            return
        self._do_market_work(now_ms)
        self._issue(Command(0, BatchClose()), Source.SEQUENCER, now_ms)
        checkpoint = self.system.seq.to_bytes(8, "little") + self._root
        self._group.records.append(Record(RecordKind.CHECKPOINT, Source.SEQUENCER, now_ms, checkpoint))

    def take_group(self) -> Group | None:
        """Everything since the last call, or None when nothing happened."""
        if not self._group.commands:
            return None
        self.system = self.reader.system()
        group, self._group = self._group, Group(self.system.seq + 1)
        return group

    # ---- replay

    def replay(self, record: Record) -> None:
        """Apply one journal record again. Raises ReplayMismatch."""
        if record.kind is RecordKind.L1_ORIGIN:
            self._origin = QueueOrigin(record.payload[:20], int.from_bytes(record.payload[20:28], "little"))
        elif record.kind is RecordKind.CHECKPOINT:
            self._check_checkpoint(record.payload)
        elif record.kind is RecordKind.COMMAND:
            self._replay_command(record)

    def _replay_command(self, record: Record) -> None:
        try:
            command = decode_command(record.payload)
        except CodecError as error:
            raise ReplayMismatch(f"the journal holds a command that does not decode: {error}") from error
        if command.seq != self.system.seq + 1:
            raise ReplayMismatch(f"expected command {self.system.seq + 1}, found {command.seq}")
        try:
            self._execute(command, record.payload)
        except EngineHalted as error:
            raise ReplayMismatch(f"command {command.seq}: {error}") from error
        if record.source is Source.USER and self._batch is not None:
            self._batch.user_commands += 1
            self._batch.last_user_ms = self.system.time_ms

    def _check_checkpoint(self, payload: bytes) -> None:
        seq, root = int.from_bytes(payload[:8], "little"), payload[8:]
        if seq != self.system.seq or root != self._root:
            raise ReplayMismatch(
                f"checkpoint: expected seq {seq} root {root.hex()}, found seq {self.system.seq} root {self._root.hex()}"
            )

    # ---- time and due work

    def _prepare(self, now_ms: int) -> None:
        """Before a command: an open batch whose time is right, and no market with due work."""
        if self._batch is not None and now_ms - self._batch.opened_ms >= self._policy.batch.time_ms_max:
            self.close_batch(now_ms)
        if self._batch is None:
            self._open_batch(now_ms)
        else:
            self._advance_time(now_ms)
        self._do_market_work(now_ms)
        self._expire_orders(now_ms)
        self._publish_prices(now_ms)
        self._liquidate(now_ms)

    def _has_due_work(self, now_ms: int) -> bool:
        """True when the market work of a minute, an expiry, a price or a liquidation step waits for engine time to pass."""
        return (
            now_ms >= self._next_minute_ms
            or bool(self._expiries and self._expiries[0][0] <= now_ms)
            or (self.system.oracle_k > 0 and self._has_new_price(now_ms))
            or any(now_ms - stepped_ms >= LIQUIDATION_PAUSE_MS for stepped_ms in self._flagged.values())
        )

    def _has_new_price(self, now_ms: int) -> bool:
        newest_ms = max((time_ms for _, time_ms in self._prices.values()), default=0)
        return newest_ms > self._price_ms and now_ms - self._price_ms >= self._policy.price_interval_ms

    def _open_batch(self, now_ms: int) -> None:
        # The contract wants every batch to end later than the one before it.
        time_ms = max(now_ms, self.system.time_ms + 1)
        body = BatchOpen(self.system.batch_no + 1, time_ms, self._make_salt())
        self._issue(Command(0, body), Source.SEQUENCER, now_ms)

    def _advance_time(self, now_ms: int) -> None:
        assert self._batch is not None
        limit_ms = self._batch.opened_ms + BATCH_TIME_MAX_MS
        target_ms = min(now_ms, limit_ms)
        if target_ms - self.system.time_ms >= self._policy.tick_ms:
            self._issue(Command(0, ClockTick(target_ms)), Source.SEQUENCER, now_ms)

    def _do_market_work(self, now_ms: int) -> None:
        if self.system.time_ms < self._next_minute_ms:
            return
        minute, hour = self.system.time_ms // MINUTE_MS, self.system.time_ms // HOUR_MS
        for market in range(self.system.market_count):
            state = self.reader.market_state(market)
            if state.status in (MarketStatus.ABSENT, MarketStatus.SETTLED):
                continue
            if state.funded_hour < hour or state.sampled_minute < minute:
                self._issue(Command(0, MarketWork(market)), Source.SEQUENCER, now_ms)
        self._next_minute_ms = (minute + 1) * MINUTE_MS

    def _expire_orders(self, now_ms: int) -> None:
        due: list[int] = []
        while self._expiries and self._expiries[0][0] <= self.system.time_ms:
            _, order_id = heapq.heappop(self._expiries)
            if self._projector.facts(order_id) is not None:
                due.append(order_id & SLOT_MASK)
        for start in range(0, len(due), EXPIRED_SLOTS_MAX):
            body = ExpireOrders(due[start : start + EXPIRED_SLOTS_MAX])
            self._issue(Command(0, body), Source.SEQUENCER, now_ms)

    def _publish_prices(self, now_ms: int) -> None:
        """An OracleRound when the last one is old enough and a newer price is there; a silent feed lets the index go stale."""
        if self.system.oracle_k == 0 or self.system.time_ms - self._price_ms < self._policy.price_interval_ms:
            return
        fresh = {m: p for m, p in self._prices.items() if now_ms - p[1] <= self._policy.price_age_ms_max}
        report_ms = min(self.system.time_ms, max((time_ms for _, time_ms in fresh.values()), default=0))
        if report_ms <= self._price_ms:
            return
        quotes = [fresh.get(market, (0, 0))[0] for market in range(MARKETS_MAX)]
        # Reports are not signed yet: each of the k signers of the set is filled with the feeder's price.
        reports = [OracleReport(signer, report_ms, list(quotes)) for signer in range(self.system.oracle_k)]
        self._issue(Command(0, OracleRound(reports)), Source.FEEDER, now_ms)
        self._check_holders(now_ms)

    def _check_holders(self, now_ms: int) -> None:
        """After new marks: flag every account that fell under its maintenance margin."""
        for account in sorted(self._holders):
            header = self.reader.account(account)
            positions = self.reader.positions(account) if header is not None else []
            if header is None or not any(position.size_lots for position in positions):
                self._holders.discard(account)
                continue
            margin = compute_margin(self.reader, header, positions)
            if header.liq_since_ms == 0 and margin.equity_e6 < margin.maintenance_e6:
                body = LiquidationCheck(account, SCOPE_CROSS)
                self._issue(Command(0, body), Source.SEQUENCER, now_ms)
                self._work_off(now_ms)

    def _liquidate(self, now_ms: int) -> None:
        """One step per flagged account and second, so that books refill."""
        for account, stepped_ms in sorted(self._flagged.items()):
            if self.system.time_ms - stepped_ms >= LIQUIDATION_PAUSE_MS:
                self._flagged[account] = self.system.time_ms
                self._issue(Command(0, LiquidationStep(account, SCOPE_CROSS)), Source.SEQUENCER, now_ms)

    def _work_off(self, now_ms: int) -> None:
        """Remove the dead orders of accounts whose watermark is open, 64 per command."""
        for account in sorted(self._indebted):
            while (header := self.reader.account(account)) and header.cancel_market != CANCEL_MARKET_NONE:
                self._issue(Command(0, AccountWork(account)), Source.SEQUENCER, now_ms)
        self._indebted.clear()

    def _issue_l1(self, body: CommandBody, origin: QueueOrigin, now_ms: int) -> None:
        payload = origin.sender + origin.timestamp.to_bytes(8, "little")
        self._group.records.append(Record(RecordKind.L1_ORIGIN, Source.L1, now_ms, payload))
        self._origin = origin
        self._issue(Command(0, body), Source.L1, now_ms)

    # ---- one command

    def _issue(self, command: Command, source: Source, now_ms: int) -> Projection:
        command.seq = self.system.seq + 1
        data = command.encode()
        projection = self._execute(command, data)
        self._group.records.append(Record(RecordKind.COMMAND, source, now_ms, data))
        return projection

    def _execute(self, command: Command, data: bytes) -> Projection:
        if isinstance(command.body, BatchOpen):
            self._begin_batch(command.body)
        try:
            events = decode_events(self._engine.apply(data))
        except CoreHalted as error:
            raise EngineHalted(f"command {command.seq} of kind {command.kind.name}: {error}") from error
        before = self.system
        if command.kind in STEADY_KINDS:
            self.system.seq, self.system.time_ms = command.seq, events[-1].time_ms
        else:
            self.system = self.reader.system()
        if command.kind in L1_KINDS:
            self.reader.forget_configs()
        projection = self._projector.project(command, events)
        self._group.commands.append(command)
        self._group.projections.append(projection)
        self._track(command, projection)
        self._fill_batch(command, data, projection, before)
        return projection

    def _begin_batch(self, body: BatchOpen) -> None:
        is_recorded = body.batch_no >= self._record_from_batch
        if is_recorded:
            self._engine.start_recording()
        self._batch = OpenBatch(body.batch_no, body.time_ms, self._root, self.system.withdraw_count, is_recorded)

    def _fill_batch(self, command: Command, data: bytes, projection: Projection, before: SystemRecord) -> None:
        batch = self._batch
        assert batch is not None
        batch.commands.append(data)
        batch.cycles += estimate_cycles(command, len(projection.trades))
        if command.kind in L1_KINDS:
            if self._origin is None:
                raise ReplayMismatch(f"command {command.seq} comes from the queue and has no queue entry")
            batch.origins.append(self._origin)
            self._origin = None
        if self.system.withdraw_count > before.withdraw_count:
            batch.withdrawals.append(self._listed_withdrawal(command, before))
        if isinstance(command.body, BatchClose):
            self._end_batch(batch, command.seq)

    def _listed_withdrawal(self, command: Command, before: SystemRecord) -> Withdrawal:
        """The withdrawal, or the deposit sent back, that this command put on the list."""
        body = command.body
        if isinstance(body, Withdraw):
            header = self.reader.account(command.account)
            assert header is not None
            return Withdrawal(before.withdraw_count, header.owner, body.amount_e6)
        if isinstance(body, Deposit):
            return Withdrawal(before.withdraw_count, body.owner, body.amount_e6)
        assert isinstance(body, FundInsurance)
        fund = self.reader.account(0)
        assert fund is not None
        return Withdrawal(before.withdraw_count, fund.owner, body.amount_e6)

    def _end_batch(self, batch: OpenBatch, seq_last: int) -> None:
        self._root = self._engine.state_root()
        closed = ClosedBatch(
            batch.number,
            self.system.batch_first_seq,
            seq_last,
            self.system.time_ms,
            batch.old_root,
            self._root,
            tuple(batch.commands),
            tuple(batch.origins),
            tuple(batch.withdrawals),
            batch.withdrawal_first,
            self.system.priority_done,
            self._engine.take_witness() if batch.is_recorded else None,
        )
        self._group.closed.append(closed)
        self._batch = None

    def _track(self, command: Command, projection: Projection) -> None:
        for order_id in projection.placed:
            facts = self._projector.facts(order_id)
            if facts is not None and facts.expiry_ms:
                heapq.heappush(self._expiries, (facts.expiry_ms, order_id))
        self._holders.update(projection.holders)
        for account, _, step in projection.liquidations:
            if step == LiquidationEventStep.ENTERED:
                self._flagged[account] = 0
            elif (header := self.reader.account(account)) and header.liq_since_ms == 0:
                self._flagged.pop(account, None)
        if projection.code == ResultCode.OK:
            if isinstance(command.body, CancelAll):
                self._indebted.add(command.account)
            elif isinstance(command.body, LiquidationCheck):
                self._indebted.add(command.body.account)
        if command.kind in (CommandKind.CREATE_MARKET, CommandKind.SET_MARKET_STATUS, CommandKind.BATCH_OPEN):
            self._next_minute_ms = 0
        if isinstance(command.body, OracleRound):
            self._price_ms = command.body.reports[0].time_ms
