"""The project's own client against this server: independent bytes and signatures, streams, and a server restart in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from clients.python import wire
from clients.python.client import AsyncClient, Credential
from clients.python.signing import Key, Venue
from exchange.oracle.sources import FixedPrices
from exchange.server import serving
from exchange.service import Exchange
from tests.integration.exchange.harness import PRICE, TRADERS, GenesisFeed, make_settings, wait_for_market
from tests.unit.exchange.kit import PRICE_TICKS, VENUE, make_traders


def make_exchange(folder: Path, port: int = 0) -> Exchange:
    return Exchange(make_settings(folder, port=port), request_feed=GenesisFeed, source=FixedPrices(PRICE))


async def collect(client: AsyncClient, channel: str, frames: list[dict[str, Any]]) -> None:
    async for frame in client.stream(channel):
        frames.append(frame)


async def test_sdk_trades_streams_and_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    exchange = make_exchange(tmp_path)
    maker, taker = (Credential(t.account, Key.from_bytes(t.key.secret)) for t in make_traders(TRADERS)[:2])
    frames: list[dict[str, Any]] = []
    async with serving(exchange) as port:
        await wait_for_market(port)
        venue = Venue(VENUE.chain_id, VENUE.exchange)
        client = AsyncClient(f"http://127.0.0.1:{port}", venue, exchange.keys.identity)
        await client._connect()
        for credential in (maker, taker):
            await client.login(credential)
        reader = asyncio.create_task(collect(client, f"account.{maker.account}", frames))
        sell = wire.Order(0, wire.Side.SELL, PRICE_TICKS, 1_000)
        placed = await client.place(maker.account, sell)
        assert placed.ok
        filled = await client.place(taker.account, wire.Order(0, wire.Side.BUY, PRICE_TICKS, 400))
        assert filled.results[0]["filled"] == 400
        assert (await client.book(0))["asks"] in ([[PRICE_TICKS, 600]], [[PRICE_TICKS, 1_000]], [])
        assert (await client.state(maker.account))["positions"][0]["size_lots"] == -400
    await client.close()
    async with serving(make_exchange(tmp_path, port)) as again:
        assert again == port
        await wait_for_market(port)
        await client.reconnect()
        order_id = int(placed.results[0]["order_id"])
        (order,) = await client.orders(maker.account)
        assert (int(order["order_id"]), order["remaining_lots"]) == (order_id, 600)
        cancelled = await client.cancel(maker.account, wire.Cancel(0, order_id))
        assert cancelled.ok
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await client.close()
    assert "fill" in [frame.get("event") for frame in frames]
