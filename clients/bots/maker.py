"""A market maker: quotes both sides around an inventory-adjusted reservation price.

Quotes follow Avellaneda and Stoikov (2008): with inventory q, risk aversion gamma, variance sigma^2 of the mid price per
second, horizon tau and order-arrival decay kappa, the reservation price is mid - q gamma sigma^2 tau and the half spread
gamma sigma^2 tau / 2 + ln(1 + gamma / kappa) / gamma. Prices here are in ticks, inventory in units of the quote size.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from clients.python.client import AsyncClient
from clients.python.wire import Order, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class MakerSettings:
    """Parameters of the strategy; prices in ticks, sizes in lots, times in seconds."""

    size_lots: int
    inventory_max: int = 10  # in quote sizes
    risk_aversion: float = 0.05
    arrival_decay: float = 0.5
    horizon_seconds: float = 1.0
    spread_min_ticks: int = 2
    requote_seconds: float = 0.5
    requote_ticks: int = 1


@dataclass(frozen=True, slots=True)
class Quotes:
    """Prices in ticks and sizes in lots of the two quotes; size 0 = no quote on that side."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


def compute_quotes(settings: MakerSettings, mid_ticks: float, variance: float, inventory_lots: int) -> Quotes:
    """The quotes for a mid price, its variance per second (ticks squared) and the inventory."""
    q = inventory_lots / settings.size_lots
    gamma = settings.risk_aversion
    risk = gamma * variance * settings.horizon_seconds
    reservation = mid_ticks - q * risk
    half = max(settings.spread_min_ticks / 2, risk / 2 + math.log1p(gamma / settings.arrival_decay) / gamma)
    room = min(1.0, abs(q) / settings.inventory_max)
    shrunk = int(settings.size_lots * (1 - room))
    bid = max(1, math.floor(reservation - half))
    return Quotes(
        bid,
        shrunk if q > 0 else settings.size_lots,
        max(bid + 1, math.ceil(reservation + half)),
        shrunk if q < 0 else settings.size_lots,
    )


class Maker:
    """Keeps one bid and one ask in a market for an account; the reference price is the market's mark price."""

    def __init__(self, client: AsyncClient, market: int, account: int, settings: MakerSettings) -> None:
        self._client, self._market, self._account, self._settings = client, market, account, settings
        self._quoted: Quotes | None = None
        self._mid: float | None = None
        self._variance = 1.0
        self._inventory = 0
        self.requests = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Quotes until `stop` is set, then cancels everything."""
        streams = [asyncio.create_task(self._follow_mark()), asyncio.create_task(self._follow_account())]
        try:
            while not stop.is_set():
                await self._requote()
                try:
                    await asyncio.wait_for(stop.wait(), self._settings.requote_seconds)
                except TimeoutError:
                    continue
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            await self._client.cancel_all(self._account, self._market)

    async def _requote(self) -> None:
        if self._mid is None:
            return
        quotes = compute_quotes(self._settings, self._mid, self._variance, self._inventory)
        if self._quoted is not None and not self._moved(quotes, self._quoted):
            return
        if self._quoted is not None:
            await self._client.cancel_all(self._account, self._market)
            self.requests += 1
        orders = [
            Order(self._market, side, price, lots, tif=TimeInForce.POST_ONLY)
            for side, price, lots in (
                (Side.BUY, quotes.bid_ticks, quotes.bid_lots),
                (Side.SELL, quotes.ask_ticks, quotes.ask_lots),
            )
            if lots
        ]
        if orders:
            await self._client.place(self._account, *orders)
            self.requests += 1
        self._quoted = quotes

    def _moved(self, new: Quotes, old: Quotes) -> bool:
        far = self._settings.requote_ticks
        sizes = (new.bid_lots, new.ask_lots) != (old.bid_lots, old.ask_lots)
        return sizes or abs(new.bid_ticks - old.bid_ticks) > far or abs(new.ask_ticks - old.ask_ticks) > far

    async def _follow_mark(self) -> None:
        async for frame in self._client.stream(f"ctx.{self._market}"):
            if frame.get("mark_fine"):
                mid = frame["mark_fine"] / 256
                if self._mid is not None:
                    self._variance += 0.1 * ((mid - self._mid) ** 2 - self._variance)
                self._mid = mid

    async def _follow_account(self) -> None:
        async for frame in self._client.stream(f"account.{self._account}"):
            if frame["t"] == "snap":
                sizes = [p["size_lots"] for p in frame["account"]["positions"] if p["market"] == self._market]
                self._inventory = sizes[0] if sizes else 0
            elif frame.get("event") == "fill" and frame["market"] == self._market:
                self._inventory = frame["position_lots"]
                self._quoted = self._quoted and Quotes(0, 0, 0, 0)
