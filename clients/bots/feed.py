"""Sends recorded flow through the WebSocket as many accounts and reconciles what comes back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.bots.recording import Flow, Request
from clients.python.book import BookMirror
from clients.python.client import Ack, AsyncClient
from clients.python.errors import VenueError
from clients.python.wire import LEGS_MAX, Order

ProgressCallback = Callable[[int, int], None]
Gate = Callable[[], Awaitable[None]]
DEPTH = 50


@dataclass(slots=True)
class FeedReport:
    """What was sent, how it was answered, and whether venue and recording agree."""

    opening_orders: int = 0
    sent: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, int] = field(default_factory=dict)
    trades: list[tuple[int, int]] = field(default_factory=list)
    expected_trades: list[tuple[int, int]] = field(default_factory=list)
    book_matches: bool | None = None
    ack_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def trades_match(self) -> bool:
        """Whether the venue made exactly the recorded trades, in order."""
        return self.trades == self.expected_trades

    def percentile_ms(self, share: float) -> float:
        """Time from sending to the answer that `share` of the requests kept below."""
        ordered = sorted(self.ack_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON output."""
        return {
            "opening_orders": self.opening_orders,
            "sent": self.sent,
            "codes": dict(self.codes),
            "errors": dict(self.errors),
            "skipped": self.skipped,
            "trades": len(self.trades),
            "expected_trades": len(self.expected_trades),
            "trades_match": self.trades_match,
            "book_matches": self.book_matches,
            "ack_ms_p50": round(self.percentile_ms(0.5), 3),
            "ack_ms_p99": round(self.percentile_ms(0.99), 3),
            "seconds": round(self.seconds, 3),
        }


class Feed:
    """Replays one flow. `accounts` maps slot numbers to account numbers that the client is logged in for."""

    def __init__(
        self,
        client: AsyncClient,
        market: int,
        flow: Flow,
        accounts: Sequence[int],
        *,
        in_flight: int = 32,
        speed: float | None = None,
        progress: ProgressCallback | None = None,
        gate: Gate | None = None,
        settle_seconds: float = 5.0,
    ) -> None:
        """`speed` scales the recorded pace (1 = as recorded); None sends as fast as answers come back. `gate` is awaited before
        each request: a caller can hold the replay back with it. `settle_seconds` bounds the wait for the streams at the end."""
        self._client, self._market, self._flow, self._accounts = client, market, flow, accounts
        self._in_flight, self._speed, self._progress, self._gate = in_flight, speed, progress, gate
        self._settle_seconds = settle_seconds
        self.report = FeedReport(skipped=dict(flow.skipped))
        self._mirror = BookMirror()

    async def run(self) -> FeedReport:
        """Sends everything in order; returns the reconciliation."""
        trades = self._client.stream(f"trades.{self._market}")
        await anext(trades)  # the snapshot: only later trades are ours
        watch = asyncio.create_task(self._watch_trades(trades))
        book = asyncio.create_task(self._watch_book())
        started = time.perf_counter()
        try:
            await self._send_opening()
            await self._send_requests()
            self.report.seconds = time.perf_counter() - started
            self.report.expected_trades = [(fill.price, fill.lots) for fill in self._flow.expected]
            await self._settle()
        finally:
            for task in (watch, book):
                task.cancel()
            await asyncio.gather(watch, book, return_exceptions=True)
        return self.report

    async def _send_opening(self) -> None:
        by_slot: dict[int, list[Order]] = {}
        for slot, order in self._flow.opening:
            by_slot.setdefault(slot, []).append(order)
        for slot, orders in by_slot.items():
            for start in range(0, len(orders), LEGS_MAX):
                bulk = orders[start : start + LEGS_MAX]
                ack = await self._client.place(self._accounts[slot], *bulk)
                self.report.opening_orders += sum(result["code"] == "OK" for result in ack.results)

    async def _send_requests(self) -> None:
        pending: deque[asyncio.Task[None]] = deque()
        start_ms, started = None, time.perf_counter()
        for request in self._flow.requests:
            if self._speed is not None:
                start_ms = request.time_ms if start_ms is None else start_ms
                due = started + (request.time_ms - start_ms) / 1000 / self._speed
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._gate is not None:
                await self._gate()
            while len(pending) >= self._in_flight:
                await pending.popleft()
            pending.append(asyncio.create_task(self._send(request)))
            await asyncio.sleep(0)  # the task runs up to its first send, so requests keep their order
            if self._progress is not None:
                self._progress(self.report.sent, len(self._flow.requests))
        while pending:
            await pending.popleft()
        if self._progress is not None:
            self._progress(self.report.sent, len(self._flow.requests))

    async def _send(self, request: Request) -> None:
        account = self._accounts[request.slot]
        started = time.perf_counter()
        try:
            if isinstance(request.item, Order):
                ack: Ack = await self._client.place(account, request.item)
            else:
                ack = await self._client.cancel(account, request.item)
        except VenueError as error:
            self.report.errors[error.code] += 1
        else:
            self.report.ack_ms.append(1000 * (time.perf_counter() - started))
            for result in ack.results or ({"code": ack.code},):
                self.report.codes[result["code"]] += 1
        self.report.sent += 1

    async def _watch_trades(self, frames: Any) -> None:
        async for frame in frames:
            if frame["t"] == "event":
                self.report.trades.append((frame["price_ticks"], frame["lots"]))

    async def _watch_book(self) -> None:
        async for frame in self._client.stream(f"book.{self._market}"):
            self._mirror.apply(frame)

    async def _settle(self) -> None:
        """Waits until the streams have caught up, then compares the book with the accounts' open orders."""
        deadline = time.monotonic() + self._settle_seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            if len(self.report.trades) >= len(self.report.expected_trades):
                self.report.book_matches = await self._book_equals_orders()
                if self.report.book_matches:
                    return

    async def _book_equals_orders(self) -> bool:
        levels: dict[str, Counter[int]] = {"buy": Counter(), "sell": Counter()}
        for account in self._accounts:
            for order in await self._client.orders(account):
                if order["market"] == self._market:
                    levels[order["side"]][order["price_ticks"]] += order["remaining_lots"]
        bids, asks = self._mirror.levels()
        expected_bids = sorted(levels["buy"].items(), reverse=True)[:DEPTH]
        return bids == expected_bids and asks == sorted(levels["sell"].items())[:DEPTH]
