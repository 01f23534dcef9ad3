"""The users of the demo: they deposit, trade over WebSockets, withdraw and claim, through the client SDK alone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from eth_account.signers.local import LocalAccount

from clients.bots.feed import Feed, FeedReport
from clients.bots.generated import generate_flow
from clients.bots.maker import Maker, MakerSettings
from clients.bots.recording import Flow, Slots, load_flow
from clients.bots.taker import Taker, TakerSettings
from clients.python.chain import ChainWallet
from clients.python.client import AsyncClient, Credential
from clients.python.errors import VenueError
from clients.python.signing import Key
from clients.python.signing import Venue as SigningVenue
from clients.python.wire import Order
from exchange.demo.markets import BOT_LOTS, BOT_MARKET, REPLAY_MARKET
from exchange.demo.panel import DemoPanel
from exchange.demo.report import DemoReport
from exchange.demo.stage import DemoFailed, Venue

SLOTS = Slots(makers=22, takers=5)
BOT_ACCOUNTS = 2
DEPOSIT_E6 = 10**15
WITHDRAWAL_E6 = 1_234_567_890
OPENING_ORDERS = 190
START_ROW = 123_250
GENERATED_SEED = 20_260_502
GENERATED_MID_TICKS = 7_841_750
WAIT_SECONDS_MAX = 600.0
BOTS_SECONDS_MAX = 5.0
BATCHES_AHEAD_MAX = 2  # closed and not yet accepted: keeps the time from close to acceptance short
RECORDING_HINT = "the recording of the PyPI package ob-analytics 0.1.0 (Bitstamp BTC/USD, order by order) can be replayed: --data FOLDER"


@dataclass(slots=True)
class Traders:
    """Accounts with their keys: makers and takers of the replay, then the two bots."""

    keys: list[Key]
    credentials: list[Credential] = field(default_factory=list)

    @classmethod
    def create(cls) -> Traders:
        """Fresh keys."""
        return cls([Key.generate() for _ in range(SLOTS.makers + SLOTS.takers + BOT_ACCOUNTS)])

    @property
    def replay(self) -> list[Credential]:
        """Accounts of the replay, by slot."""
        return self.credentials[:-BOT_ACCOUNTS]

    @property
    def maker(self) -> Credential:
        """The market maker of the second market."""
        return self.credentials[-2]

    @property
    def taker(self) -> Credential:
        """The taker of the second market."""
        return self.credentials[-1]


@dataclass(frozen=True, slots=True)
class DemoTrading:
    """What was traded: the replay's reconciliation and what the bots did."""

    replay: FeedReport
    bot_requests: int
    bot_fills: int

    def enter(self, report: DemoReport, flow: Flow) -> None:
        """Writes the figures into the demo's report."""
        bulk_requests = len({slot for slot, _ in flow.opening})
        placed = sum(isinstance(request.item, Order) for request in flow.requests)
        report.replay = self.replay.as_dict() | {"bot_requests": self.bot_requests, "bot_fills": self.bot_fills}
        report.commands = self.replay.sent + bulk_requests + self.bot_requests
        report.orders = placed + self.replay.opening_orders
        report.fills = len(self.replay.trades) + self.bot_fills


def choose_flow(data: Path | None, commands: int) -> tuple[str, Flow]:
    """Recorded flow where there is a recording, generated flow elsewhere; and what to call it."""
    if data is not None:
        flow = load_flow(
            data, SLOTS, market=REPLAY_MARKET, start=START_ROW, count=commands, opening_orders=OPENING_ORDERS
        )
        return f"recording {data.name}, row {START_ROW}", flow
    flow = generate_flow(
        GENERATED_SEED,
        SLOTS,
        market=REPLAY_MARKET,
        count=commands,
        opening_orders=OPENING_ORDERS,
        mid_ticks=GENERATED_MID_TICKS,
        size_lots=1_000_000,
    )
    return f"generated flow, seed {GENERATED_SEED}; {RECORDING_HINT}", flow


def open_client(venue: Venue) -> AsyncClient:
    """A connection to the exchange."""
    return AsyncClient(venue.url, SigningVenue(venue.chain_id, venue.contract), venue.identity)


async def deposit_all(rpc_url: str, contract: bytes, payer: LocalAccount, traders: Traders) -> None:
    """One deposit on chain for each trader, paid by one wallet."""
    async with ChainWallet(rpc_url, contract, Key.from_bytes(bytes(payer.key))) as wallet:
        for key in traders.keys:
            account = await wallet.deposit(key.address, DEPOSIT_E6)
            traders.credentials.append(Credential(account, key))


async def log_in_all(client: AsyncClient, traders: Traders) -> None:
    """Logs in as soon as the exchange has taken each deposit from the queue."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    for credential in reversed(traders.credentials):  # the last deposit is taken last
        while True:
            try:
                await client.login(credential)
                break
            except VenueError as error:
                if error.code != "AUTH_FAILED" or time.monotonic() > deadline:
                    raise
            await client.close()  # three failed logins end a connection
            await asyncio.sleep(0.5)
            await client.reconnect()


async def trade(client: AsyncClient, flow: Flow, traders: Traders, panel: DemoPanel, report: DemoReport) -> FeedReport:
    """Replays the flow through the sockets of the replay's accounts, no further ahead of the prover than a few batches."""

    async def wait_for_prover() -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while report.pending >= BATCHES_AHEAD_MAX:
            if report.failed:
                raise DemoFailed(f"batch {report.failed[0]['number']} failed: {report.failed[0].get('error')}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"no batch was accepted for {WAIT_SECONDS_MAX:.0f} s")
            await asyncio.sleep(0.1)

    accounts = [credential.account for credential in traders.replay]
    return await Feed(client, REPLAY_MARKET, flow, accounts, progress=panel.replay, gate=wait_for_prover).run()


@dataclass(slots=True)
class Bots:
    """The two bots of the other market, each on a connection of its own."""

    venue: Venue
    traders: Traders
    requests: int = 0
    fills: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Quotes and takes until `stop` is set, then cancels the quotes."""
        maker_settings = MakerSettings(size_lots=BOT_LOTS, requote_seconds=1.0, requote_ticks=5)
        taker_settings = TakerSettings(size_lots=BOT_LOTS // 2, position_max_lots=5 * BOT_LOTS)
        async with open_client(self.venue) as maker_client, open_client(self.venue) as taker_client:
            await maker_client.login(self.traders.maker)
            await taker_client.login(self.traders.taker)
            maker = Maker(maker_client, BOT_MARKET, self.traders.maker.account, maker_settings)
            taker = Taker(taker_client, BOT_MARKET, self.traders.taker.account, taker_settings, seed=1)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(maker.run(stop))
                    tasks.create_task(taker.run(stop))
            finally:
                self.requests, self.fills = maker.requests + taker.requests, taker.fills


async def run_market(
    client: AsyncClient, flow: Flow, venue: Venue, traders: Traders, panel: DemoPanel, report: DemoReport
) -> DemoTrading:
    """Replay and bots at the same time; the bots go on for `BOTS_SECONDS_MAX` after the replay."""
    stop, bots = asyncio.Event(), Bots(venue, traders)
    task = asyncio.create_task(bots.run(stop))
    try:
        replay = await trade(client, flow, traders, panel, report)
        await asyncio.wait({task}, timeout=BOTS_SECONDS_MAX)
    finally:
        stop.set()
        await task
    return DemoTrading(replay, bots.requests, bots.fills)


async def claim(client: AsyncClient, rpc_url: str, venue: Venue, payer: LocalAccount, trader: Credential) -> str:
    """Claims the trader's withdrawal; anybody may pay for the transaction. Returns its hash."""
    withdrawals = [w for w in await client.withdrawals(trader.account) if w["status"] == "claimable"]
    if not withdrawals:
        raise DemoFailed("the withdrawal did not become claimable")
    async with ChainWallet(rpc_url, venue.contract, Key.from_bytes(bytes(payer.key))) as wallet:
        before = await wallet.token_balance(trader.key.address)
        transaction = await wallet.claim(withdrawals[0])
        received = await wallet.token_balance(trader.key.address) - before
    if received != WITHDRAWAL_E6:
        raise DemoFailed(f"claim: expected {WITHDRAWAL_E6} e6, received {received} e6")
    return transaction
