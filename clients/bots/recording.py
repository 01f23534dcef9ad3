"""Recorded order-by-order flow as requests of many accounts.

Format of the recording: a CSV (gzip allowed) with columns ts_ms, op, order_id, side, price_cents, qty_1e8, flag; op S = order of
the opening snapshot, N = new order, C = cancel; flag gtc, ioc or post_only. Beside it `expected_fills.csv[.gz]` with columns
command_index, maker_id, taker_id, price_cents, qty_1e8: what the venue's matcher did, in order (command_index counts rows of
the first file from 0).

Mapping (design decision 27): price in cents = ticks, quantity in 1e-8 = lots, one market. Orders that take go to the taker
accounts in turn, all others to the maker accounts by order number (opening orders by price), so that no order meets one of its own account. Orders above
2^32 lots or 2^24 - 1 ticks are left out, except that the price of an IOC order is cut to the range.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from sortedcontainers import SortedDict

from clients.python.wire import Cancel, Order, Side, TimeInForce

PRICE_MAX = 2**24 - 1
LOTS_MAX = 2**32
_TIF = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "post_only": TimeInForce.POST_ONLY}


class RecordingError(ValueError):
    """A file of the recording is missing or not readable."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the recording."""

    index: int
    time_ms: int
    op: str
    order_id: int
    side: Side
    price: int
    lots: int
    flag: str


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """One fill that the venue recorded."""

    index: int
    maker_id: int
    taker_id: int
    price: int
    lots: int


@dataclass(frozen=True, slots=True)
class Request:
    """What to send for one row: the slot of the account and an order or a cancel."""

    row: int
    time_ms: int
    slot: int
    item: Order | Cancel


@dataclass(slots=True)
class Flow:
    """A part of a recording, ready to send: the opening orders per account slot, then the requests in order."""

    opening: list[tuple[int, Order]]
    requests: list[Request]
    expected: list[RecordedFill]
    skipped: Counter[str] = field(default_factory=Counter)
    reference_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Slots:
    """How many accounts act as makers and takers; slot numbers 0..makers-1 and makers..makers+takers-1."""

    makers: int = 24
    takers: int = 6

    def maker(self, order_id: int) -> int:
        """Slot of a resting order."""
        return order_id % 1_000_003 % self.makers

    def opener(self, price: int) -> int:
        """Slot of an opening order. One account has a whole level, so that bulk requests keep the level's time priority."""
        return price % self.makers

    def taker(self, number: int) -> int:
        """Slot of the n-th order that takes."""
        return self.makers + number % self.takers


def client_id(order_id: int) -> bytes:
    """Client order id of a recorded order."""
    return b"recorded" + order_id.to_bytes(8, "big")


def read_rows(path: Path) -> Iterator[Row]:
    """Lines of `commands.csv[.gz]`; RecordingError names the line that does not fit."""
    with _open(path) as file:
        for index, line in enumerate(csv.DictReader(file)):
            try:
                side = Side.BUY if line["side"] == "bid" else Side.SELL
                yield Row(
                    index,
                    int(line["ts_ms"]),
                    line["op"],
                    int(line["order_id"]),
                    side,
                    int(line["price_cents"]),
                    int(line["qty_1e8"] or 0),
                    line["flag"],
                )
            except (KeyError, TypeError, ValueError) as error:
                raise RecordingError(f"{path.name}, row {index}: {error!r}") from error


def read_fills(path: Path) -> list[RecordedFill]:
    """Lines of `expected_fills.csv[.gz]`."""
    with _open(path) as file:
        try:
            return [
                RecordedFill(
                    int(line["command_index"]),
                    int(line["maker_id"]),
                    int(line["taker_id"]),
                    int(line["price_cents"]),
                    int(line["qty_1e8"]),
                )
                for line in csv.DictReader(file)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"{path.name}: {error!r}") from error


def find_files(folder: Path) -> tuple[Path, Path]:
    """The two files of a recording in a folder."""
    found = []
    for stem in ("commands.csv", "expected_fills.csv"):
        candidates = [folder / name for name in (stem, stem + ".gz") if (folder / name).is_file()]
        if not candidates:
            raise RecordingError(f"{folder}: no {stem} or {stem}.gz")
        found.append(candidates[0])
    return found[0], found[1]


class _Book:
    """The recorded book while it is read: live orders and the prices they hold."""

    def __init__(self) -> None:
        self.live: dict[int, Row] = {}
        self.lots: dict[int, int] = {}
        self.prices: tuple[SortedDict, SortedDict] = (SortedDict(), SortedDict())

    def crosses(self, row: Row) -> bool:
        other = self.prices[1 - row.side]
        if not other:
            return False
        return bool(row.price >= other.peekitem(0)[0] if row.side == Side.BUY else row.price <= other.peekitem(-1)[0])

    def insert(self, row: Row, lots: int) -> None:
        self.live[row.order_id], self.lots[row.order_id] = row, lots
        self.prices[row.side][row.price] = self.prices[row.side].get(row.price, 0) + 1

    def reduce(self, order_id: int, lots: int) -> None:
        if order_id in self.live:
            self.lots[order_id] -= lots
            if self.lots[order_id] <= 0:
                self.remove(order_id)

    def remove(self, order_id: int) -> None:
        row = self.live.pop(order_id, None)
        if row is None:
            return
        del self.lots[order_id]
        prices = self.prices[row.side]
        prices[row.price] -= 1
        if not prices[row.price]:
            del prices[row.price]

    def apply(self, row: Row, fills: Sequence[RecordedFill]) -> None:
        if row.op == "C":
            self.remove(row.order_id)
            return
        for fill in fills:
            self.reduce(fill.maker_id, fill.lots)
        rest = row.lots - sum(fill.lots for fill in fills)
        if rest > 0 and row.flag != "ioc" and not (row.flag == "post_only" and self.crosses(row)):
            self.insert(row, rest)

    def nearest(self, count: int) -> list[tuple[Row, int]]:
        """The `count` orders nearest to the touch, half from each side, in order of arrival."""
        rows = sorted(self.live.values(), key=lambda row: -row.price if row.side == Side.BUY else row.price)
        chosen = [row for side in Side for row in [r for r in rows if r.side == side][: count // 2]]
        return [(row, self.lots[row.order_id]) for row in sorted(chosen, key=lambda row: row.index)]


def load_flow(folder: Path, slots: Slots, *, market: int, start: int, count: int, opening_orders: int) -> Flow:
    """`count` requests from row `start` on, after the `opening_orders` resting orders nearest to the touch."""
    commands, fills_file = find_files(folder)
    by_row: dict[int, list[RecordedFill]] = {}
    for fill in read_fills(fills_file):
        by_row.setdefault(fill.index, []).append(fill)
    book, flow, takes = _Book(), Flow([], [], []), 0
    known: set[int] = set()
    slot_of: dict[int, int] = {}
    for row in read_rows(commands):
        fills = by_row.get(row.index, [])
        if row.index < start:
            book.apply(row, fills)
            continue
        if not known:
            flow.opening = _opening(book, slots, market, opening_orders)
            known = {int.from_bytes(order.client_id[8:], "big") for _, order in flow.opening}
            slot_of = {int.from_bytes(order.client_id[8:], "big"): slot for slot, order in flow.opening}
            flow.reference_ticks = _reference(book)
        if len(flow.requests) == count:
            break
        if row.op == "C":
            if row.order_id not in known:
                flow.skipped["cancel of an order outside the part"] += 1
                continue
            item: Order | Cancel = Cancel(market, client_id=client_id(row.order_id))
            slot = slot_of[row.order_id]
        else:
            price = min(row.price, PRICE_MAX) if row.flag == "ioc" else row.price
            if row.lots > LOTS_MAX or price > PRICE_MAX:
                flow.skipped["order above the bounds"] += 1
                continue
            takes += row.flag != "post_only"
            slot = slots.maker(row.order_id) if row.flag == "post_only" else slots.taker(takes)
            item = Order(market, row.side, price, row.lots, tif=_TIF[row.flag], client_id=client_id(row.order_id))
            known.add(row.order_id)
            slot_of[row.order_id] = slot
            flow.expected.extend(fills)
        flow.requests.append(Request(row.index, row.time_ms, slot, item))
        book.apply(row, fills)
    return flow


def _opening(book: _Book, slots: Slots, market: int, count: int) -> list[tuple[int, Order]]:
    opening = []
    for row, lots in book.nearest(count):
        if lots <= LOTS_MAX and row.price <= PRICE_MAX:
            order = Order(market, row.side, row.price, lots, client_id=client_id(row.order_id))
            opening.append((slots.opener(row.price), order))
    return opening


def _reference(book: _Book) -> int:
    bids, asks = book.prices
    if not bids or not asks:
        raise RecordingError("the recorded book has an empty side at the start row")
    return int(bids.peekitem(-1)[0] + asks.peekitem(0)[0]) // 2


def _open(path: Path) -> TextIO:
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", encoding="ascii", newline="")
        return path.open(encoding="ascii", newline="")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
