"""A real process, killed under load: nothing that was acknowledged is lost, and damage is never started upon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from exchange.auth.envelope import SignedRequest
from exchange.storage.journal import create_master_key
from tests.integration.exchange.harness import TRADERS, Client, Frame, wait_for_market, wall_nonces
from tests.unit.exchange.kit import BUY, PRICE_TICKS, Trader, make_traders, order

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0


class Process:
    """One exchange process over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "port").unlink(missing_ok=True)
        self._errors = (folder.parent / f"{folder.name}.stderr").open("ab")
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.exchange.server_main", str(folder)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    async def port(self) -> int:
        """Port, once it serves."""
        async with asyncio.timeout(START_SECONDS):
            while not (self.folder / "port").exists():
                assert self.child.poll() is None, f"the process ended with {self.child.returncode}"
                await asyncio.sleep(0.02)
        port = int((self.folder / "port").read_text())
        await wait_for_market(port)
        return port

    def kill(self) -> None:
        """SIGKILL: no handler runs."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self._errors.close()

    def stop(self) -> int:
        """SIGTERM and the exit code."""
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(20)
        self._errors.close()
        return code

    def exit_code(self) -> int:
        """Exit code of a process that refuses to start."""
        code = self.child.wait(START_SECONDS)
        self._errors.close()
        return code


Answered = list[tuple[SignedRequest, Frame]]


async def load(client: Client, trader: Trader, sent: list[SignedRequest], acks: Answered) -> None:
    """Place orders as fast as they are acknowledged, remembering everything sent and acknowledged."""
    with contextlib.suppress(ConnectionClosed, TimeoutError):
        while True:
            request = trader.request(order(BUY, PRICE_TICKS - 10 - len(sent) % 50, 1_000))
            sent.append(request)
            acks.append((request, await client.ask("sealed", envelope=client.seal(request))))


async def state_of(port: int) -> Frame:
    async with httpx.AsyncClient() as http:
        return dict((await http.get(f"http://127.0.0.1:{port}/health")).json())


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.soak)])
async def test_nothing_acknowledged_is_lost_when_the_process_is_killed_under_load(tmp_path: Path, rounds: int) -> None:
    folder = tmp_path / "venue"
    folder.mkdir()
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    trader = make_traders(TRADERS)[0]
    wall_nonces([trader])
    sent: list[SignedRequest] = []
    acks: Answered = []
    for _ in range(rounds):
        process = Process(folder)
        port = await process.port()
        client = Client(port)
        await client.__aenter__()
        await client.login(trader)
        task = asyncio.create_task(load(client, trader, sent, acks))
        await asyncio.sleep(rng.uniform(0.3, 0.8))
        process.kill()
        with contextlib.suppress(Exception):
            await client.__aexit__()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(acks) > 20
    process = Process(folder)
    port = await process.port()
    async with Client(port) as client:
        await client.login(trader)
        assert client.welcome["epoch"] == rounds + 1
        orders = (await client.ask("req", op="orders", account=trader.account))["data"]["orders"]
        open_ids = {entry["order_id"] for entry in orders}
        assert all(ack["t"] == "ack" for _, ack in acks)
        acknowledged = {ack["results"][0]["order_id"] for _, ack in acks}
        assert acknowledged <= open_ids
        for request, ack in acks[-5:]:
            again = await client.ask("sealed", envelope=client.seal(request))
            assert again.pop("dup") is True
            assert {**again, "id": 0} == {**ack, "id": 0}
        # A request whose answer was lost is executed at most once, however often it is sent again.
        answers = [await client.ask("sealed", envelope=client.seal(sent[-1])) for _ in range(2)]
        assert answers[0]["seq"] == answers[1]["seq"]
        assert answers[1]["dup"] is True
        orders = (await client.ask("req", op="orders", account=trader.account))["data"]["orders"]
        assert len(orders) == len({entry["order_id"] for entry in orders}) <= len(sent)
    assert process.stop() == 0


async def test_clean_stop_exits_zero_and_the_next_start_has_the_same_root(tmp_path: Path) -> None:
    folder = tmp_path / "venue"
    folder.mkdir()
    trader = make_traders(TRADERS)[0]
    wall_nonces([trader])
    process = Process(folder)
    port = await process.port()
    async with Client(port) as client:
        await client.login(trader)
        await client.submit(trader, order(BUY, PRICE_TICKS - 10, 1_000))
    before = await state_of(port)
    assert process.stop() == 0
    process = Process(folder)
    after = await state_of(await process.port())
    assert after["root"] == before["root"]
    assert after["as_of"] >= before["as_of"]
    assert after["epoch"] == before["epoch"] + 1
    assert process.stop() == 0


@pytest.fixture(scope="module")
def stopped_venue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal, its process gone."""
    folder = tmp_path_factory.mktemp("stopped") / "venue"
    folder.mkdir()

    async def fill() -> None:
        process = Process(folder)
        await process.port()
        process.kill()

    asyncio.run(fill())
    return folder


def copy(folder: Path, target: Path) -> Path:
    import shutil

    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.sock", "lock"))
    return target


def test_damaged_journal_is_not_started_upon(stopped_venue: Path, tmp_path: Path) -> None:
    folder = copy(stopped_venue, tmp_path / "venue")
    (segment,) = (folder / "journal").glob("*.journal")
    data = bytearray(segment.read_bytes())
    data[4096 + 200] ^= 1
    segment.write_bytes(data)
    assert Process(folder).exit_code() == 65
    assert segment.read_bytes() == data
    assert "JournalCorrupt" in (tmp_path / "venue.stderr").read_text()


def test_wrong_key_is_refused_before_any_write(stopped_venue: Path, tmp_path: Path) -> None:
    folder = copy(stopped_venue, tmp_path / "venue")
    (folder / "journal.key").unlink()
    create_master_key(folder / "journal.key")
    before = {path.name: path.read_bytes() for path in (folder / "journal").iterdir()}
    assert Process(folder).exit_code() == 77
    assert {path.name: path.read_bytes() for path in (folder / "journal").iterdir()} == before


async def test_second_process_on_the_folder_is_refused_and_the_first_goes_on(
    stopped_venue: Path, tmp_path: Path
) -> None:
    folder = copy(stopped_venue, tmp_path / "venue")
    first = Process(folder)
    port = await first.port()
    environment = os.environ.copy()
    second = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.exchange.server_main",
        str(folder),
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    assert await second.wait() == 73
    assert (await state_of(port))["mode"] == "normal"
    assert first.stop() == 0
