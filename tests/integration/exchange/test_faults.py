"""Faults under a running service: failing disks, halting engines, slow readers, full queues, the command line."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import FatalFault, PortUnavailable, SettingsInvalid
from exchange.oracle.sources import FixedPrices
from exchange.sequencer import writer as writer_module
from exchange.server import run, serving
from exchange.service import Exchange
from exchange.storage.journal import SystemDisk
from exchange.ws import endpoint
from matching.errors import CoreHalted
from tests.integration.exchange.harness import (
    PRICE,
    TRADERS,
    Client,
    GenesisFeed,
    make_settings,
    wait_for_market,
    wall_nonces,
)
from tests.unit.exchange.kit import BUY, PRICE_TICKS, Trader, make_traders, order

ROOT = Path(__file__).resolve().parents[3]


class SwitchedDisk(SystemDisk):
    """A disk whose sync fails once told to."""

    is_broken = False

    def sync(self, fd: int) -> None:
        if self.is_broken:
            raise OSError(errno.EIO, "injected")
        super().sync(fd)


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[tuple[int, Exchange, Trader]]:
    exchange = Exchange(make_settings(folder, **changes), request_feed=GenesisFeed, source=FixedPrices(PRICE))
    trader = make_traders(TRADERS)[0]
    wall_nonces([trader])
    async with serving(exchange) as port:
        await wait_for_market(port)
        yield port, exchange, trader


async def wait_for(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_failed_sync_gives_no_ack_and_stops_with_74(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, trader), Client(port) as client:
        await client.login(trader)
        disk = SwitchedDisk()
        exchange.journal._disk = disk
        assert (await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000)))["t"] == "ack"
        channel = f"account.{trader.account}"
        snapshot_n = (await client.ask("sub", ch=channel))["n"]
        disk.is_broken = True
        lost = trader.request(order(BUY, PRICE_TICKS - 11, 1_000))
        answer = await client.begin("sealed", envelope=client.seal(lost))
        await wait_for(lambda: exchange.fault is not None)
        assert exchange.fault is not None
        assert exchange.fault.exit_code == 74
        assert not answer.done()
        assert [frame["n"] for frame in client.channels[channel]] == [snapshot_n]
        answer.cancel()


async def test_halting_engine_stops_with_70_and_the_command_is_not_history(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, exchange, trader), Client(port) as client:
        await client.login(trader)
        engine = exchange.writer.sequencer._engine

        def halt(_: bytes) -> bytes:
            raise CoreHalted(5, "injected")

        engine.apply = halt  # type: ignore[assignment, method-assign]
        answer = await client.begin("sealed", envelope=client.seal(trader.request(order(BUY, PRICE_TICKS, 1_000))))
        await wait_for(lambda: exchange.fault is not None)
        assert isinstance(exchange.fault, FatalFault)
        assert exchange.fault.exit_code == 70
        assert not answer.done()
        answer.cancel()
    again = Exchange(make_settings(tmp_path), request_feed=GenesisFeed)
    assert again.writer.sequencer.reader.open_orders(trader.account) == []
    again.journal.close()


async def test_full_queue_answers_busy_and_consumes_no_nonce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_MAX", 2)
    async with running(tmp_path) as (port, exchange, trader), Client(port) as client:
        await client.login(trader)
        requests = [trader.request(order(BUY, PRICE_TICKS - 10 - i, 1_000)) for i in range(60)]
        pending = [await client.begin("sealed", envelope=client.seal(request)) for request in requests]
        answers = await asyncio.gather(*pending)
        busy = [i for i, answer in enumerate(answers) if answer["t"] == "err"]
        if not busy:
            pytest.skip("the writer kept up with the sender")
        assert {answers[i]["code"] for i in busy} == {"VENUE_BUSY"}
        assert all(answers[i]["retryable"] and answers[i]["retry_after_ms"] > 0 for i in busy)
        retried = await client.ask("sealed", envelope=client.seal(requests[busy[0]]))
        assert retried["t"] == "ack"
        assert "dup" not in retried
        assert exchange.writer.mode == "normal"


async def test_reader_that_is_too_slow_loses_its_channels_with_a_gap_and_keeps_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "QUEUE_BYTES_MAX", -1)
    async with running(tmp_path) as (port, _, trader), Client(port) as client:
        await client.login(trader)
        channel = f"account.{trader.account}"
        await client.ask("sub", ch=channel)
        assert (await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000)))["t"] == "ack"
        await client.until(lambda: client.channels[channel][-1]["t"] == "gap")
        assert client.channels[channel][-1]["reason"] == "slow"
        assert [frame["t"] for frame in client.channels[channel]] == ["snap", "gap"]
        monkeypatch.setattr(endpoint, "QUEUE_BYTES_MAX", 1 << 20)
        resumed = await client.ask("sub", ch=channel, after=client.channels[channel][0]["n"])
        assert resumed["resumed"] is True


async def test_login_challenge_of_another_connection_is_worthless(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, _, trader), Client(port) as one, Client(port) as two:
        assert one.welcome["challenge"] != two.welcome["challenge"]
        two.welcome["challenge"] = one.welcome["challenge"]
        assert (await two.login(trader))["code"] == "AUTH_FAILED"


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = "import typer; from exchange.cli.serve import serve; typer.run(serve)"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_serve_refuses_bad_settings_and_bad_keys_by_name(tmp_path: Path) -> None:
    owners = {"BLINDBOOK_SERVE_FUND_OWNER": "0x" + "22" * 20, "BLINDBOOK_SERVE_FEE_OWNER": "0x" + "33" * 20}
    venue = ["--data-folder", str(tmp_path), "--exchange", "0x" + "11" * 20, "--offline"]
    unknown = serve(*venue, BLINDBOOK_SERVE_NONSENSE="1", **owners)
    assert unknown.returncode == 78
    assert json.loads(unknown.stderr.splitlines()[-1])["error"] == "SettingsInvalid"
    (tmp_path / "journal.key").write_text("not a key")
    bad_key = serve(*venue, **owners)
    assert bad_key.returncode == 77
    assert json.loads(bad_key.stderr.splitlines()[-1])["error"] == "WrongKey"
    assert not (tmp_path / "journal").exists()


async def test_port_in_use_is_a_named_refusal(tmp_path: Path) -> None:
    async with running(tmp_path / "one") as (port, _, _):
        other = Exchange(make_settings(tmp_path / "two", port=port))
        with pytest.raises(PortUnavailable) as refused:
            await run(other)
        assert refused.value.exit_code == 69


def test_control_socket_path_must_fit_the_system(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="control_socket"):
        Exchange(make_settings(tmp_path, control_socket=tmp_path / ("x" * 100)))
