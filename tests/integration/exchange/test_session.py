"""A whole session over a real socket: login, sealed orders, private and public streams, resuming, and every refusal."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from coincurve import PrivateKey
from websockets.exceptions import ConnectionClosed

from exchange.auth.envelope import SignedRequest
from exchange.logs import configure_logs, get_logger, silence_logs
from exchange.oracle.sources import FixedPrices
from exchange.server import serving
from exchange.service import Exchange
from matching.codec import ApproveAgent, CancelItem, CancelOrders, PlaceOrders, Withdraw
from tests.integration.exchange.harness import (
    PRICE,
    TRADERS,
    Client,
    Frame,
    GenesisFeed,
    control,
    make_settings,
    wait_for_market,
    wall_nonces,
)
from tests.unit.exchange.kit import BUY, IOC, PRICE_TICKS, SELL, VENUE, Trader, cancel, leg, make_traders, order


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[tuple[int, Exchange, list[Trader]]]:
    exchange = Exchange(make_settings(folder, **changes), request_feed=GenesisFeed, source=FixedPrices(PRICE))
    traders = make_traders(TRADERS)
    wall_nonces(traders)
    async with serving(exchange) as port:
        await wait_for_market(port)
        yield port, exchange, traders


def fold(snapshot: Frame, deltas: list[Frame]) -> tuple[dict[int, int], dict[int, int]]:
    """Apply deltas to a book snapshot, checking the chain of numbers."""
    sides = dict(snapshot["bids"]), dict(snapshot["asks"])
    n = snapshot["n"]
    for delta in deltas:
        assert delta["prev_n"] == n
        n = delta["n"]
        for side, key in zip(sides, ("bids", "asks"), strict=True):
            for price, lots in delta[key]:
                side[price] = lots
                if not lots:
                    del side[price]
    return sides


async def test_order_is_placed_filled_and_streamed_to_its_owner_only(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (maker, taker, *_)), Client(port) as one, Client(port) as two:
        assert (await one.login(maker))["t"] == "auth_ok"
        assert (await two.login(taker))["t"] == "auth_ok"
        for client, trader in ((one, maker), (two, taker)):
            assert (await client.ask("sub", ch=f"account.{trader.account}"))["t"] == "sub_ok"
            await client.ask("sub", ch="book.0")
            await client.ask("sub", ch="trades.0")
        resting = await one.submit(maker, order(SELL, PRICE_TICKS, 1_000))
        assert (resting["t"], resting["code"], resting["results"][0]["resting"]) == ("ack", "OK", 1_000)
        taken = await two.submit(taker, order(BUY, PRICE_TICKS, 400, IOC))
        assert taken["results"][0]["filled"] == 400
        assert taken["as_of"] > resting["as_of"]
        await one.until(lambda: any(f.get("event") == "fill" for f in one.channels[f"account.{maker.account}"]))
        await two.until(lambda: any(f.get("event") == "command" for f in two.channels[f"account.{taker.account}"]))
        await two.until(lambda: len(two.channels["trades.0"]) > 1)
        trade = two.channels["trades.0"][-1]
        assert (trade["price_ticks"], trade["lots"], trade["taker_side"]) == (PRICE_TICKS, 400, "buy")
        assert not {"account", "maker", "taker", "order_id", "oid"} & set(trade)
        await one.until(lambda: fold(one.channels["book.0"][0], one.channels["book.0"][1:])[1] == {PRICE_TICKS: 600})
        numbers = [frame["n"] for frame in one.channels[f"account.{maker.account}"]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        seen_by_two = json.dumps([two.channels, two.others])
        assert resting["results"][0]["order_id"] not in seen_by_two
        state = (await one.ask("req", op="state", account=maker.account))["data"]
        assert state["positions"][0]["size_lots"] == -400
        orders = (await one.ask("req", op="orders", account=maker.account))["data"]["orders"]
        assert [o["remaining_lots"] for o in orders] == [600]


async def test_malformed_frames_get_errors_and_the_session_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, (trader, *_)), Client(port) as client:
        await client.login(trader)
        before = exchange.writer.sequencer.system.seq
        for text in (
            "",
            "{",
            "[]",
            '{"t":"sealed","id":500}',
            '{"t":"sub","id":501,"ch":5}',
            b"\x00\x01",
            "x" * 60_000,
        ):
            seen = len(client.others)
            await client.send_text(text)
            await client.until(lambda seen=seen: len(client.others) > seen)
            assert client.others[-1]["code"] == "BAD_FRAME"
        assert exchange.writer.sequencer.system.seq == before
        assert (await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000)))["code"] == "OK"


async def test_frame_above_the_limit_is_closed_with_1009(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, _), Client(port) as client:
        await client.send_text('{"t":"ping","pad":"' + "x" * 70_000 + '"}')
        with pytest.raises(ConnectionClosed):
            while True:
                await client.send_text('{"t":"ping"}')
                await asyncio.sleep(0.01)
        assert client.socket.close_code == 1009


async def test_repeated_request_is_answered_once_more_and_never_twice_executed(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (trader, *_)), Client(port) as client:
        await client.login(trader)
        request = trader.request(order(BUY, PRICE_TICKS - 10, 1_000))
        first = await client.ask("sealed", envelope=client.seal(request))
        again = await client.ask("sealed", envelope=client.seal(request))
        assert again.pop("dup") is True
        assert {**again, "id": 0} == {**first, "id": 0}
        other = await client.submit(trader, order(BUY, PRICE_TICKS - 11, 1_000), nonce=first["nonce"])
        assert (other["t"], other["code"]) == ("err", "NONCE_USED")
        orders = (await client.ask("req", op="orders", account=trader.account))["data"]["orders"]
        assert len(orders) == 1


async def test_every_unacceptable_request_gets_its_named_error_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, (trader, other, *_)), Client(port) as client:
        await client.login(trader)
        body = order(BUY, PRICE_TICKS - 10, 1_000)
        good = trader.request(body)
        now_ms = exchange.writer.sequencer.system.time_ms
        high_s = good.signature[:32] + b"\xff" * 32 + good.signature[64:]
        stranger = Trader(trader.account, PrivateKey(b"\7" * 32))
        stranger._nonces = trader._nonces
        elsewhere = replace(trader, venue=replace(VENUE, chain_id=1))
        sequenced = replace(trader.command(body), seq=5)
        cases: list[tuple[str, SignedRequest]] = [
            ("BAD_SIGNATURE", SignedRequest(good.command, good.salt, high_s)),
            ("BAD_SIGNATURE", SignedRequest(good.command, good.salt, bytes(65))),
            ("UNKNOWN_SIGNER", stranger.request(body)),
            ("UNKNOWN_SIGNER", SignedRequest(good.command[:-1] + b"\0", good.salt, trader.request(body).signature)),
            ("UNKNOWN_SIGNER", elsewhere.request(body)),
            ("FORBIDDEN", other.request(body)),
            ("FORBIDDEN", Trader(9_999).request(body)),
            ("NONCE_WINDOW", trader.request(body, nonce=now_ms - 172_800_001)),
            ("NONCE_WINDOW", trader.request(body, nonce=now_ms + 86_500_000)),
            ("NONCE_WINDOW", trader.request(body, nonce=2**64 - 1)),
            ("EXPIRED", trader.request(body, expires_ms=now_ms - 1)),
            ("MALFORMED", trader.sign(sequenced)),
            ("MALFORMED", SignedRequest(good.command[:2] + b"\2\0" + good.command[4:], good.salt, good.signature)),
            ("MALFORMED", SignedRequest(good.command[:21] + b"\1" + good.command[22:], good.salt, good.signature)),
            ("EMPTY", SignedRequest(good.command[:48] + bytes(64), good.salt, good.signature)),
            (
                "BULK_TOO_LARGE",
                SignedRequest(good.command[:48] + b"\x41" + good.command[49:], good.salt, good.signature),
            ),
        ]
        before = exchange.writer.sequencer.system
        for code, request in cases:
            answer = await client.ask("sealed", envelope=client.seal(request))
            assert (answer["t"], answer["code"]) == ("err", code), answer
            assert answer["detail"]
        after = exchange.writer.sequencer.system
        assert (after.order_no, after.batch_open) == (before.order_no, before.batch_open)
        assert after.seq == before.seq
        assert (await client.ask("sealed", envelope=client.seal(good)))["code"] == "OK"


async def test_undecryptable_envelopes_are_refused_with_the_current_key(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, (trader, *_)), Client(port) as client:
        await client.login(trader)
        before = exchange.writer.sequencer.system.seq
        good = base64.b64decode(client.seal(trader.request(order(BUY, PRICE_TICKS - 10, 1_000))))
        wrong_key = good[:3] + bytes([good[3] ^ 1]) + good[4:]
        flipped = good[:-1] + bytes([good[-1] ^ 1])
        for data in (b"", good[:40], flipped, wrong_key, b"\0" * 300):
            answer = await client.ask("sealed", envelope=base64.b64encode(data).decode())
            assert (answer["t"], answer["code"]) == ("err", "BAD_ENVELOPE")
        assert (await client.ask("sealed", envelope=base64.b64encode(wrong_key).decode()))["key_id"] == client.welcome[
            "key"
        ]["key_id"]
        assert (await client.ask("sealed", envelope="%%%"))["code"] == "BAD_ENVELOPE"
        assert exchange.writer.sequencer.system.seq == before


async def test_engine_refusals_come_back_per_leg(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (trader, *_)), Client(port) as client:
        await client.login(trader)
        legs = [
            leg(BUY, PRICE_TICKS - 10, 1_000),
            leg(BUY, 2**24 - 1, 1_000),
            leg(BUY, 0, 1_000),
            leg(BUY, PRICE_TICKS - 10, 0),
            leg(BUY, PRICE_TICKS - 10, 1),
            replace(leg(BUY, PRICE_TICKS - 10, 1_000), market=5),
        ]
        answer = await client.submit(trader, PlaceOrders(legs))
        assert answer["t"] == "ack"
        assert [result["code"] for result in answer["results"]] == [
            "OK",
            "PRICE_OUT_OF_BAND",
            "PRICE_INVALID",
            "SIZE_INVALID",
            "NOTIONAL_TOO_SMALL",
            "MARKET_UNKNOWN",
        ]


async def test_cancel_by_client_id_and_by_order_id(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (trader, *_)), Client(port) as client:
        await client.login(trader)
        name = b"my-order".ljust(16, b"\0")
        placed = await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000, client_id=name))
        found = (await client.ask("req", op="order", account=trader.account, client_id="0x" + name.hex()))["data"]
        assert found["order_id"] == placed["results"][0]["order_id"]
        gone = await client.submit(trader, CancelOrders([CancelItem.by_client_id(0, name, 0)]))
        assert gone["results"][0]["code"] == "OK"
        assert (await client.submit(trader, cancel(int(found["order_id"]))))["results"][0]["code"] == "ALREADY_CLOSED"


async def test_private_channels_of_others_and_of_nobody_are_refused_alike(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (trader, other, *_)), Client(port) as client:
        assert (await client.ask("sub", ch=f"account.{trader.account}"))["code"] == "AUTH_REQUIRED"
        await client.login(trader)
        answers = []
        for account in (other.account, 0, 4_000_000):
            for fields in ({"t": "sub", "ch": f"account.{account}"}, {"t": "req", "op": "state", "account": account}):
                kind = fields.pop("t")
                answers.append({**await client.ask(str(kind), **fields), "id": 0})
        assert {json.dumps(answer, sort_keys=True) for answer in answers} == {json.dumps(answers[0], sort_keys=True)}
        assert answers[0]["code"] == "FORBIDDEN"


async def test_bad_logins_are_refused_alike_and_the_third_closes(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (trader, other, *_)), Client(port) as client:
        thief = Trader(trader.account, other.key)
        nobody = Trader(4_000_000, other.key)
        first, second, third = [await client.login(t) for t in (thief, nobody, Trader(trader.account, trader.key, 3))]
        assert {json.dumps({**f, "id": 0}) for f in (first, second, third)} == {json.dumps({**first, "id": 0})}
        assert first["code"] == "AUTH_FAILED"
        await asyncio.wait_for(client.socket.wait_closed(), 5)
        assert client.socket.close_code == 4003


async def test_agent_trades_cannot_withdraw_and_loses_its_connection_when_revoked(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, (owner, *_)), Client(port) as client, Client(port) as bot:
        await client.login(owner)
        agent = Trader(owner.account, PrivateKey(b"\x09" * 32), slot=1)
        wall_nonces([agent])
        expiry_ms = exchange.writer.sequencer.system.time_ms + 3_600_000
        assert (await client.submit(owner, ApproveAgent(1, 0, agent.address, expiry_ms)))["code"] == "OK"
        assert (await bot.login(agent))["t"] == "auth_ok"
        assert (await bot.submit(agent, order(BUY, PRICE_TICKS - 10, 1_000)))["code"] == "OK"
        assert (await bot.submit(agent, Withdraw(1_000_000)))["code"] == "OWNER_ONLY"
        assert (await client.submit(owner, ApproveAgent(1, 0, agent.address, 0)))["code"] == "OK"
        answer = await bot.submit(agent, order(BUY, PRICE_TICKS - 10, 1_000))
        assert answer["code"] == "SIGNER_EXPIRED"
        await asyncio.wait_for(bot.socket.wait_closed(), 5)
        assert bot.socket.close_code == 4003


async def test_streams_resume_without_loss_after_a_lost_socket(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, (trader, *_)):
        channel = f"account.{trader.account}"
        async with Client(port) as client:
            await client.login(trader)
            sub = await client.ask("sub", ch=channel)
            await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000))
            await client.until(lambda: client.channels[channel][-1].get("event") == "command")
            last = client.channels[channel][-1]["n"]
            assert last > sub["n"]
        async with Client(port) as client:
            await client.login(trader)
            await client.submit(trader, order(BUY, PRICE_TICKS - 11, 1_000))
            assert (await client.ask("sub", ch=channel, after=last))["resumed"] is True
            await client.until(lambda: client.channels[channel][-1].get("event") == "command")
            numbers = [frame["n"] for frame in client.channels[channel]]
            assert numbers == list(range(last + 1, last + 1 + len(numbers)))
            refill = (await client.ask("req", op="events", account=trader.account, after=last, limit=1))["data"]
            assert [event["n"] for event in refill["events"]] == [last + 1]
            assert refill["complete"] is False
            future = await client.ask("sub", ch="trades.0", after=10_000)
            assert future["resumed"] is False
            await client.until(lambda: len(client.channels.get("trades.0", [])) == 2)
            assert [frame["t"] for frame in client.channels["trades.0"]] == ["gap", "snap"]
            await client.ask("sub", ch="book.0", after=0, epoch=99)
            await client.until(lambda: len(client.channels.get("book.0", [])) >= 2)
            assert client.channels["book.0"][0]["reason"] == "epoch"


async def test_rate_limit_answers_with_the_time_to_wait(tmp_path: Path) -> None:
    limits = {"orders_burst": 64, "orders_per_second": 1}
    async with running(tmp_path, **limits) as (port, _, (trader, *_)), Client(port) as client:
        await client.login(trader)
        bulk = PlaceOrders([leg(BUY, PRICE_TICKS - 10 - i, 1_000) for i in range(64)])
        assert (await client.submit(trader, bulk))["code"] == "OK"
        answer = await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000))
        assert (answer["t"], answer["code"], answer["retryable"]) == ("err", "RATE_LIMITED", True)
        assert 0 < answer["retry_after_ms"] <= 1_001
        shown = (await client.ask("req", op="limits", account=trader.account))["data"]
        assert shown["orders"]["burst"] == 64


async def test_public_routes_show_keys_markets_health_and_batches(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, _), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        keys = (await http.get("/v1/keys")).json()
        assert keys["keys"][-1]["key_id"] == exchange.keys.current.key_id
        assert (await http.get("/v1/meta")).json()["markets"][0]["symbol"] == "BTC"
        assert (await http.get("/health")).json()["mode"] == "normal"
        assert (await http.get("/health/ready")).status_code == 200
        batches = (await http.get("/v1/batches")).json()["batches"]
        assert batches[0]["l1_requests"] == 2 + TRADERS
        assert (await http.get("/v1/batches/1")).json()["batch"]["new_root"] == batches[0]["new_root"]
        assert (await http.get("/v1/batches/99")).json()["code"] == "UNKNOWN_BATCH"
        assert (await http.get("/v1/batches/1/proof")).status_code == 404
        assert (await http.get("/v1/batches/one")).json()["code"] == "BAD_REQUEST"
        assert (await http.get("/v1/../../etc/passwd")).json()["code"] == "NOT_FOUND"
        assert (await http.post("/v1/meta")).json()["code"] == "METHOD_NOT_ALLOWED"


async def test_browser_pages_and_foreign_names_cannot_open_the_socket(tmp_path: Path) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    async with running(tmp_path) as (port, _, _):
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            with pytest.raises(InvalidStatus):
                async with connect(f"ws://127.0.0.1:{port}/v1/ws", additional_headers=headers):
                    pass


async def test_privileged_socket_sets_prices_and_refuses_the_rest(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, exchange, _):
        path = exchange.settings.control_path
        assert path.stat().st_mode & 0o777 == 0o600
        assert (await control(path, op="price", market=0, price_fine=PRICE[0] + 256))["ok"]
        assert (await control(path, op="price", market=7, price_fine=1))["code"] == "UNKNOWN_MARKET"
        assert (await control(path, op="price", market=0, price_fine="1"))["code"] == "BAD_FRAME"
        assert (await control(path, op="place"))["code"] == "UNKNOWN_OP"
        assert (await control(path, nothing=1))["code"] == "BAD_FRAME"
        assert (await control(path, op="close_batch"))["ok"]
        assert (await control(path, op="status"))["mode"] == "normal"
        assert (await control(path, op="drain"))["batch_open"] is False
        assert (await control(path, op="status"))["mode"] == "draining"


async def test_draining_refuses_new_commands(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, (trader, *_)), Client(port) as client:
        await client.login(trader)
        await exchange.drain()
        answer = await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000))
        assert (answer["t"], answer["code"]) == ("err", "VENUE_DRAINING")
        assert any(frame["t"] == "notice" for frame in client.others)


async def test_nothing_private_reaches_the_logs(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logs(stream)
    secrets: list[str] = []
    try:
        async with running(tmp_path) as (port, exchange, (maker, taker, *_)), Client(port) as client:
            await client.login(maker)
            await client.login(taker)
            name = b"secret-client-id"
            request = maker.request(order(SELL, 1_000_123, 54_321, client_id=name))
            placed = await client.ask("sealed", envelope=client.seal(request))
            await client.submit(taker, order(BUY, 1_000_123, 54_321, IOC))
            await client.submit(maker, Withdraw(1_234_567))
            await client.ask("sealed", envelope=client.seal(SignedRequest(request.command, request.salt, bytes(65))))
            await client.send_text("garbage 54321")
            await client.ask("req", op="state", account=maker.account)
            await exchange.close_batch()
            get_logger().info("careless", account=maker.account, body="careless-secret", seq=[1, 2])
            secrets += [
                "careless-secret",
                "1000123",
                "54321",
                "1234567",
                name.decode(),
                name.hex(),
                placed["results"][0]["order_id"],
                maker.key.to_hex(),
                taker.key.to_hex(),
                maker.address.hex(),
                taker.address.hex(),
                request.signature.hex(),
                request.salt.hex(),
                client.seal(request)[:40],
                exchange.settings.journal_key_file.read_text().strip(),
                exchange.settings.identity_key_file.read_text().strip(),
                "127.0.0.1",
            ]
    finally:
        silence_logs()
    text = stream.getvalue()
    assert '"event": "started"' in text
    assert '"event": "batch closed"' in text
    assert '"dropped": 3' in text
    for secret in secrets:
        assert secret not in text
