"""The replay against a scripted venue: order of requests, reconciliation, gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from clients.bots.feed import Feed
from clients.bots.recording import Flow, RecordedFill, Request
from clients.python.client import Ack
from clients.python.errors import VenueError
from clients.python.wire import Cancel, Order, Side


class ScriptedVenue:
    """Answers like a client of a venue that makes the given trades and shows the given book."""

    def __init__(self, trades: list[tuple[int, int]], bids: list[list[int]]) -> None:
        self.sent: list[Order | Cancel] = []
        self._trades, self._bids = trades, bids

    async def place(self, account: int, *orders: Order) -> Ack:
        self.sent += orders
        if orders[0].size_lots == 13:
            raise VenueError("RATE_LIMITED", "", True, 5)
        return Ack(len(self.sent), "OK", tuple({"code": "OK"} for _ in orders), False)

    async def cancel(self, account: int, item: Cancel) -> Ack:
        self.sent.append(item)
        return Ack(len(self.sent), "OK", ({"code": "NOT_FOUND"},), False)

    async def orders(self, account: int) -> list[dict[str, Any]]:
        bids = [{"market": 0, "side": "buy", "price_ticks": p, "remaining_lots": n} for p, n in self._bids]
        return bids if account == 7 else []

    async def stream(self, channel: str) -> AsyncIterator[dict[str, Any]]:
        yield {"t": "snap", "n": 0, "bids": self._bids, "asks": []}
        for number, (price, lots) in enumerate(self._trades if channel == "trades.0" else [], 1):
            yield {"t": "event", "n": number, "price_ticks": price, "lots": lots}
        await asyncio.Event().wait()


def _flow() -> Flow:
    opening = [(0, Order(0, Side.BUY, 99, 5)), (0, Order(0, Side.BUY, 98, 5))]
    items: list[Order | Cancel] = [Order(0, Side.SELL, 99, size) for size in (1, 2, 13)] + [Cancel(0, 4)]
    requests = [Request(row, row, 0, item) for row, item in enumerate(items)]
    return Flow(opening, requests, [RecordedFill(0, 1, 2, 99, 1), RecordedFill(1, 1, 2, 99, 2)])


async def test_replay_keeps_the_order_and_counts_every_answer() -> None:
    venue = ScriptedVenue([(99, 1), (99, 2)], [[99, 2], [98, 5]])
    report = await Feed(venue, 0, _flow(), [7, 8]).run()  # type: ignore[arg-type]
    assert venue.sent == [order for _, order in _flow().opening] + [request.item for request in _flow().requests]
    assert report.trades_match
    assert report.book_matches
    assert (dict(report.codes), dict(report.errors)) == ({"OK": 2, "NOT_FOUND": 1}, {"RATE_LIMITED": 1})
    assert (report.opening_orders, report.sent) == (2, 4)


async def test_trades_in_another_order_are_reported() -> None:
    venue = ScriptedVenue([(99, 2), (99, 1)], [[99, 2]])
    report = await Feed(venue, 0, _flow(), [7, 8]).run()  # type: ignore[arg-type]
    assert not report.trades_match


async def test_book_that_differs_from_the_open_orders_is_reported() -> None:
    venue = ScriptedVenue([(99, 1), (99, 2)], [[99, 2]])
    report = await Feed(venue, 0, _flow(), [8], settle_seconds=0.3).run()  # type: ignore[arg-type]
    assert report.book_matches is False


async def test_gate_is_passed_before_every_request() -> None:
    passed = 0

    async def gate() -> None:
        nonlocal passed
        passed += 1

    venue = ScriptedVenue([(99, 1), (99, 2)], [[99, 2], [98, 5]])
    await Feed(venue, 0, _flow(), [7, 8], gate=gate).run()  # type: ignore[arg-type]
    assert passed == 4
