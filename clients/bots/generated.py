"""Generated order flow for machines without a recording: seeded, with the trades that a price-time matcher makes of it."""

from __future__ import annotations

import random
from collections import deque

from sortedcontainers import SortedDict

from clients.bots.recording import Flow, RecordedFill, Request, Slots, client_id
from clients.python.wire import Cancel, Order, Side, TimeInForce

CANCEL_SHARE = 0.35
TAKER_SHARE = 0.05
SPREAD_TICKS = 4
DEPTH_TICKS = 400


class _Matcher:
    """Price-time priority over (number, remaining lots) queues; enough to know which trades to expect."""

    def __init__(self) -> None:
        self.sides: tuple[SortedDict, SortedDict] = (SortedDict(), SortedDict())
        self.live: dict[int, tuple[Side, int]] = {}

    def best(self, side: Side) -> int | None:
        """Best price of a side."""
        prices = self.sides[side]
        if not prices:
            return None
        return int(prices.peekitem(-1 if side == Side.BUY else 0)[0])

    def rest(self, number: int, side: Side, price: int, lots: int) -> None:
        """Puts an order at the end of its level."""
        self.sides[side].setdefault(price, deque()).append([number, lots])
        self.live[number] = (side, price)

    def cancel(self, number: int) -> None:
        """Takes an order out."""
        side, price = self.live.pop(number)
        level = self.sides[side][price]
        remaining = deque(entry for entry in level if entry[0] != number)
        if remaining:
            self.sides[side][price] = remaining
        else:
            del self.sides[side][price]

    def take(self, index: int, number: int, side: Side, limit: int, lots: int) -> list[RecordedFill]:
        """The fills of an IOC order."""
        fills: list[RecordedFill] = []
        other = Side.SELL if side == Side.BUY else Side.BUY
        while lots and (price := self.best(other)) is not None:
            if (price > limit) if side == Side.BUY else (price < limit):
                break
            level = self.sides[other][price]
            maker = level[0]
            amount = min(lots, maker[1])
            fills.append(RecordedFill(index, maker[0], number, price, amount))
            lots -= amount
            maker[1] -= amount
            if not maker[1]:
                level.popleft()
                del self.live[maker[0]]
                if not level:
                    del self.sides[other][price]
        return fills


def generate_flow(
    seed: int, slots: Slots, *, market: int, count: int, opening_orders: int, mid_ticks: int, size_lots: int
) -> Flow:
    """`count` requests around a random walk of the mid price; the same seed gives the same flow."""
    randomness, book = random.Random(seed), _Matcher()
    flow = Flow([], [], [], reference_ticks=mid_ticks)
    number, takes = 0, 0
    slot_of: dict[int, int] = {}

    def passive(side: Side) -> tuple[int, int]:
        best = book.best(Side.SELL if side == Side.BUY else Side.BUY)
        distance = SPREAD_TICKS // 2 + int(randomness.expovariate(8 / DEPTH_TICKS))
        price = mid_ticks - distance if side == Side.BUY else mid_ticks + distance
        if best is not None:
            price = min(price, best - 1) if side == Side.BUY else max(price, best + 1)
        return price, randomness.randint(1, 10) * size_lots

    for _ in range(opening_orders):
        number += 1
        side = Side(number % 2)
        price, lots = passive(side)
        book.rest(number, side, price, lots)
        slot_of[number] = slots.opener(price)
        flow.opening.append((slot_of[number], Order(market, side, price, lots, client_id=client_id(number))))
    while len(flow.requests) < count:
        index, draw = len(flow.requests), randomness.random()
        mid_ticks += randomness.choice((-1, 0, 0, 1))
        if draw < CANCEL_SHARE and book.live:
            chosen = randomness.choice(sorted(book.live))
            book.cancel(chosen)
            flow.requests.append(Request(index, index, slot_of[chosen], Cancel(market, client_id=client_id(chosen))))
            continue
        number += 1
        side = Side(randomness.randint(0, 1))
        if draw < CANCEL_SHARE + TAKER_SHARE:
            takes += 1
            limit = mid_ticks + DEPTH_TICKS if side == Side.BUY else mid_ticks - DEPTH_TICKS
            lots = randomness.randint(1, 30) * size_lots
            flow.expected.extend(book.take(index, number, side, limit, lots))
            order = Order(market, side, limit, lots, tif=TimeInForce.IOC, client_id=client_id(number))
            flow.requests.append(Request(index, index, slots.taker(takes), order))
        else:
            price, lots = passive(side)
            book.rest(number, side, price, lots)
            order = Order(market, side, price, lots, tif=TimeInForce.POST_ONLY, client_id=client_id(number))
            slot_of[number] = slots.maker(number)
            flow.requests.append(Request(index, index, slot_of[number], order))
    return flow
