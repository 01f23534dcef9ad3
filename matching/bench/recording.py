"""Maps the order-by-order recording `bitstamp_btcusd_l3_20260502` to commands of the machine (decision 27).

Units: one lot = 1e-8 BTC, one tick = 0.01 USD, lot_tick_value_e6 = 1; money is therefore scaled by 10^4. Makers share
256 accounts in turn, each taker (an order that is not post-only) has an account of its own, since self-trade rules would
remove fills. Orders above 2^32 lots or 2^24-1 ticks are refused by the machine; taker prices outside that range become
market orders, whose limit the machine cuts to its band. Engine time follows the recorded times.

The mapping is a state machine without I/O: `opening()` gives the commands before the first row, `commands(row)` those of
a row, `note(events)` learns the order ids that later cancels name, `closing()` ends the last batch.
"""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from matching.codec import (
    BatchClose,
    BatchOpen,
    Command,
    CommandBody,
    CommandKind,
    CreateMarket,
    Deposit,
    EventKind,
    MarginTier,
    MarketConfig,
    MarketWork,
    OracleReport,
    OracleRound,
    OracleSigner,
    OrderKind,
    SelfTradePrevention,
    SetOracleSigners,
    Side,
    TimeInForce,
)

FOLDER_NAME = "bitstamp_btcusd_l3_20260502"
MAKER_ACCOUNTS = 256
INDEX_TICKS = 7_835_000  # about the recorded price; the index stays there
PRICE_TICKS_MAX = 2**24 - 1
LOTS_MAX = 2**32
TICK_MS = 10
BATCH_MS = 25_000
BATCH_COMMANDS_MAX = 60_000
MAKER_DEPOSIT_E6 = 240_000_000_000_000
TAKER_DEPOSIT_E6 = 40_000_000_000_000
FEE_MAX_PPM = 1_000
FIRST_ACCOUNT = 2
# The three commands of the hot path, packed directly (rules 4.1, 4.2); the others go through matching.codec.
COMMAND_HEAD = struct.Struct("<HHIQIB3xQQQ")
PLACE_ONE = struct.Struct("<IIHBBBBBxIIQQ16sH6x")
CANCEL_ONE = struct.Struct("<IIHBxI16s")
CLOCK = struct.Struct("<Q")
EVENT_HEAD = struct.Struct("<HHI")
EVENT_HEADER_BYTES = 24
ACCEPTED_IDS = struct.Struct("<Q16s")  # at byte 8 of the body: order id, client id


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the recording. op: S initial order, N new order, C cancel; flag: gtc, ioc, post_only."""

    ts_ms: int
    op: str
    order_id: int
    side: Side
    price_ticks: int
    lots: int
    flag: str

    @property
    def is_taker(self) -> bool:
        return self.op == "N" and self.flag != "post_only"


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """One trade of the venue; command_index counts the rows from 0."""

    command_index: int
    maker_id: int
    taker_id: int
    price_ticks: int
    lots: int


def read_rows(folder: Path) -> list[Row]:
    """The recorded commands in order. Raises OSError."""
    with gzip.open(folder / "commands.csv.gz", "rt", encoding="ascii") as file:
        return [
            Row(int(ts), op, int(number), Side.BUY if side == "bid" else Side.SELL, int(price), int(lots), flag)
            for ts, op, number, side, price, lots, flag in _lines(file)
        ]


def read_fills(folder: Path) -> list[RecordedFill]:
    """The trades that the venue recorded, in order. Raises OSError."""
    with gzip.open(folder / "expected_fills.csv.gz", "rt", encoding="ascii") as file:
        return [RecordedFill(*(int(field) for field in line)) for line in _lines(file)]


def _lines(file: TextIO) -> Iterator[list[str]]:
    lines = csv.reader(file)
    next(lines)
    yield from lines


def market_config() -> MarketConfig:
    """The market of the replay: K = 1, bands as wide as the rules allow, high leverage, no minimum order."""
    tiers = [MarginTier(0, 4_000, 2_000)] + [MarginTier() for _ in range(3)]
    return MarketConfig(
        lot_tick_value_e6=1,
        price_ticks_max=PRICE_TICKS_MAX,
        position_lots_max=LOTS_MAX,
        order_lots_max=LOTS_MAX,
        oi_lots_max=2**36,
        order_notional_min_e6=0,
        tiers=tiers,
        leverage_max=250,
        tier_count=1,
        band_ppm=100_000,
        passive_band_ppm=1_000_000,
        basis_cap_ppm=1_000,
        basis_tau_ms=150_000,
        step_ppm_per_s=5_000,
        impact_notional_e6=10**14,
        interest_ppb=0,
        interest_clamp_ppb=500_000,
        funding_cap_ppb=40_000_000,
        liq_fee_ppm=5_000,
        liq_chunk_e6=10**14,
        index_age_max_ms=10_000,
        symbol=b"BTC-USD-REPLAY\0\0",
    )


class CommandMapper:
    """Turns rows into commands; holds sequence number, nonces, time and the order ids learnt from events."""

    def __init__(self, rows: list[Row]) -> None:
        self._now_ms = rows[0].ts_ms
        self._seq = 0
        self._batch_no = 0
        self._batch_start_ms = 0
        self._batch_first_seq = 0
        self._minute = 0
        self._index_ms = 0
        self._nonces: dict[int, int] = {}
        self._next_maker = 0
        self._accounts: dict[int, int] = {}  # recorded order id -> account
        self._order_ids: dict[int, int] = {}  # recorded order id -> order id of the machine
        takers = [row.order_id for row in rows if row.is_taker]
        first_taker = FIRST_ACCOUNT + MAKER_ACCOUNTS
        self._takers = {order_id: first_taker + i for i, order_id in enumerate(takers)}

    # --- phases ---
    def opening(self) -> list[bytes]:
        """Batch, oracle signer, market, deposits of all accounts, the first index price."""
        commands = self._open_batch()
        commands.append(self._unsigned(SetOracleSigners(0, 1, 1, [OracleSigner(b"\x01" * 20)])))
        commands.append(self._unsigned(CreateMarket(1, 0, market_config().encode())))
        count = MAKER_ACCOUNTS + len(self._takers)
        for i in range(count):
            amount = MAKER_DEPOSIT_E6 if i < MAKER_ACCOUNTS else TAKER_DEPOSIT_E6
            account = FIRST_ACCOUNT + i
            owner = account.to_bytes(20, "big")
            commands.append(self._unsigned(Deposit(2 + i, owner, account, amount, bytes(16), bytes(32))))
        self._minute = self._now_ms // 60_000
        commands.append(self._oracle_round())
        return commands

    def commands(self, row: Row) -> list[bytes]:
        """Clock, batch and index work due before the row, then the row's command (always the last)."""
        due = self._advance(row.ts_ms)
        if row.op == "C":
            due.append(self._cancel(row))
        else:
            due.append(self._place(row))
        return due

    def closing(self) -> list[bytes]:
        """Ends the open batch."""
        return [self._unsigned(BatchClose())]

    def note(self, events: bytes) -> None:
        """Learns the order ids of accepted orders from the events of a command."""
        position = 0
        while position < len(events):
            kind, _, body_len = EVENT_HEAD.unpack_from(events, position)
            position += EVENT_HEADER_BYTES
            if kind == EventKind.ORDER_ACCEPTED:
                order_id, client_id = ACCEPTED_IDS.unpack_from(events, position + 8)
                self._order_ids[int.from_bytes(client_id, "little")] = order_id
            position += body_len

    def recorded_ids(self) -> dict[int, int]:
        """Recorded order id by the machine's order id."""
        return {order_id: recorded for recorded, order_id in self._order_ids.items()}

    # --- parts ---
    def _unsigned(self, body: CommandBody) -> bytes:
        self._seq += 1
        return Command(self._seq, body).encode()

    def _pack(self, kind: CommandKind, account: int, nonce: int, body: bytes) -> bytes:
        self._seq += 1
        return COMMAND_HEAD.pack(kind, 1, len(body), self._seq, account, 0, nonce, 0, 0) + body

    def _signed(self, kind: CommandKind, account: int, body: bytes) -> bytes:
        nonce = max(self._nonces.get(account, 0) + 1, self._now_ms)
        self._nonces[account] = nonce
        return self._pack(kind, account, nonce, body)

    def _open_batch(self) -> list[bytes]:
        self._batch_no += 1
        self._batch_start_ms = self._now_ms
        self._batch_first_seq = self._seq + 1
        return [self._unsigned(BatchOpen(self._batch_no, self._now_ms, bytes(32)))]

    def _oracle_round(self) -> bytes:
        self._index_ms = self._now_ms
        prices = [INDEX_TICKS * 256] + [0] * 61
        return self._unsigned(OracleRound([OracleReport(0, self._now_ms, prices)]))

    def _advance(self, ts_ms: int) -> list[bytes]:
        commands: list[bytes] = []
        is_full = self._seq - self._batch_first_seq >= BATCH_COMMANDS_MAX
        if ts_ms - self._batch_start_ms >= BATCH_MS or is_full:
            commands.append(self._unsigned(BatchClose()))
            self._now_ms = max(ts_ms, self._now_ms)
            commands += self._open_batch()
        elif ts_ms - self._now_ms >= TICK_MS:
            self._now_ms = ts_ms
            commands.append(self._pack(CommandKind.CLOCK_TICK, 0, 0, CLOCK.pack(ts_ms)))
        if self._now_ms // 60_000 != self._minute:
            self._minute = self._now_ms // 60_000
            commands.append(self._unsigned(MarketWork(0)))
        if self._now_ms - self._index_ms >= 3_000:
            commands.append(self._oracle_round())
        return commands

    def _account_of(self, row: Row) -> int:
        if row.order_id in self._takers:
            return self._takers[row.order_id]
        self._next_maker = (self._next_maker + 1) % MAKER_ACCOUNTS
        return FIRST_ACCOUNT + self._next_maker

    def _place(self, row: Row) -> bytes:
        account = self._account_of(row)
        self._accounts[row.order_id] = account
        is_market = row.is_taker and not 0 < row.price_ticks <= PRICE_TICKS_MAX
        tif = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "post_only": TimeInForce.POST_ONLY}[row.flag]
        price = min(max(row.price_ticks, 1), PRICE_TICKS_MAX) if is_market else min(row.price_ticks, 2**32 - 1)
        body = PLACE_ONE.pack(
            1,
            0,
            0,
            row.side,
            OrderKind.MARKET if is_market else OrderKind.LIMIT,
            TimeInForce.IOC if is_market else tif,
            SelfTradePrevention.CANCEL_MAKER,
            0,
            price,
            0,
            row.lots,
            0,
            row.order_id.to_bytes(16, "little"),
            FEE_MAX_PPM,
        )
        return self._signed(CommandKind.PLACE_ORDERS, account, body)

    def _cancel(self, row: Row) -> bytes:
        account = self._accounts.get(row.order_id, FIRST_ACCOUNT)
        order_id = self._order_ids.get(row.order_id)
        name = row.order_id if order_id is None else order_id
        body = CANCEL_ONE.pack(1, 0, 0, order_id is None, 0, name.to_bytes(16, "little"))
        return self._signed(CommandKind.CANCEL_ORDERS, account, body)
