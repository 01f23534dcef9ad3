"""A taker: random IOC orders with a position cap and a slippage bound."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from clients.python.client import AsyncClient
from clients.python.wire import Order, OrderKind, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class TakerSettings:
    """Sizes in lots, times in seconds, slippage in parts per million of the mark price."""

    size_lots: int
    position_max_lots: int
    slippage_ppm: int = 5_000
    interval_seconds: float = 1.0


def choose_order(
    settings: TakerSettings, market: int, mark_fine: int, position_lots: int, randomness: random.Random
) -> Order:
    """A market order whose worst price is within the slippage bound and which keeps the position within its cap."""
    side = Side.BUY if randomness.random() < 0.5 else Side.SELL
    after = position_lots + (settings.size_lots if side == Side.BUY else -settings.size_lots)
    if abs(after) > settings.position_max_lots:
        side = Side.SELL if side == Side.BUY else Side.BUY
    slip = mark_fine * settings.slippage_ppm // 1_000_000
    worst = (mark_fine + slip) // 256 if side == Side.BUY else max(1, -(-(mark_fine - slip) // 256))
    return Order(market, side, worst, settings.size_lots, kind=OrderKind.MARKET, tif=TimeInForce.IOC)


class Taker:
    """Sends one order per interval for an account."""

    def __init__(self, client: AsyncClient, market: int, account: int, settings: TakerSettings, seed: int) -> None:
        self._client, self._market, self._account, self._settings = client, market, account, settings
        self._random = random.Random(seed)
        self._mark_fine = 0
        self.requests = 0
        self.fills = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Trades until `stop` is set."""
        reader = asyncio.create_task(self._follow_mark())
        try:
            while not stop.is_set():
                if self._mark_fine:
                    await self._trade(self._mark_fine)
                try:
                    await asyncio.wait_for(stop.wait(), self._settings.interval_seconds)
                except TimeoutError:
                    continue
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _follow_mark(self) -> None:
        async for frame in self._client.stream(f"ctx.{self._market}"):
            self._mark_fine = frame.get("mark_fine", self._mark_fine)

    async def _trade(self, mark_fine: int) -> None:
        state = await self._client.state(self._account)
        sizes = [p["size_lots"] for p in state["positions"] if p["market"] == self._market]
        order = choose_order(self._settings, self._market, mark_fine, sizes[0] if sizes else 0, self._random)
        ack = await self._client.place(self._account, order)
        self.requests += 1
        self.fills += sum(result.get("filled", 0) > 0 for result in ack.results)
