"""A running exchange and a plain client for the tests: real sockets, real journal, queue requests without a chain."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import struct
import time
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from websockets.asyncio.client import ClientConnection, connect

from exchange.auth.envelope import SignedRequest, seal_request
from exchange.auth.signature import compute_login_digest, sign
from exchange.service import ensure_keys
from exchange.settings import Settings, load_settings
from exchange.settlement.requests import Request
from exchange.venue import VenueId
from matching.codec import CommandBody, Deposit
from tests.unit.exchange.kit import PRICE_FINE, VENUE, Trader, genesis_requests, make_traders

Frame = dict[str, Any]
TRADERS = 4
WAIT_SECONDS = 10.0
PRICE = {0: PRICE_FINE}


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a test exchange in `folder`, with keys made."""
    folder.mkdir(exist_ok=True)
    fields: dict[str, Any] = {
        "port": 0,
        "data_folder": folder,
        "journal_key_file": folder / "journal.key",
        "identity_key_file": folder / "identity.key",
        "chain_id": VENUE.chain_id,
        "exchange": "0x" + VENUE.exchange.hex(),
        "fund_owner": "0x" + "f0" * 20,
        "fee_owner": "0x" + "fe" * 20,
        "journal_segment_bytes": 1 << 20,
        "book_interval_ms": 20,
        "l1_poll_ms": 20,
        "orders_burst": 5_000,
        "orders_per_second": 5_000,
        "cancels_burst": 5_000,
        "cancels_per_second": 5_000,
        **changes,
    }
    ensure_keys(fields["journal_key_file"], fields["identity_key_file"])
    return load_settings(**fields)


def queue_body(body: CommandBody) -> bytes:
    """Bytes of a queue entry as the contract hashes them (decision 21)."""
    if isinstance(body, Deposit):
        return struct.pack(">20sIH", body.owner, body.account, 0) + body.amount_e6.to_bytes(16, "big")
    return body.encode()[8:]


class GenesisFeed:
    """Delivers the oracle set, the market and the deposits, as a chain would after deployment."""

    def __init__(self, next_id: int, traders: list[Trader] | None = None) -> None:
        self._next_id = next_id
        self._entries = genesis_requests(traders or make_traders(TRADERS))

    async def poll(self) -> list[Request]:
        """What has not been delivered."""
        requests = [
            Request(i, int(body.KIND), bytes(20), origin.sender, origin.timestamp, queue_body(body), bytes(32), 1)
            for i, (body, origin) in enumerate(self._entries)
            if i >= self._next_id
        ]
        self._next_id = len(self._entries)
        return requests


class Client:
    """Speaks bb/1; answers by id, everything else by channel."""

    def __init__(self, port: int, venue: VenueId = VENUE) -> None:
        self.port = port
        self.venue = venue
        self.welcome: Frame = {}
        self.channels: dict[str, list[Frame]] = {}
        self.others: list[Frame] = []
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Frame]] = {}
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._socket = await connect(f"ws://127.0.0.1:{self.port}/v1/ws", subprotocols=["bb1.json"], compression=None)  # type: ignore[list-item]
        self._reader = asyncio.create_task(self._read())
        await self.send_text('{"t":"hello","v":"bb/1","client":"test"}')
        await self.until(lambda: bool(self.welcome))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._socket is not None and self._reader is not None
        await self._socket.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    async def send_text(self, text: str | bytes) -> None:
        await self.socket.send(text)

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Send a frame with the next id and wait for its answer."""
        return await (await self.begin(kind, **fields))

    async def begin(self, kind: str, **fields: Any) -> asyncio.Future[Frame]:
        """Send a frame with the next id; the future is its answer."""
        number = next(self._ids)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        await self.send_text(json.dumps({"t": kind, "id": number, **fields}))
        return asyncio.ensure_future(asyncio.wait_for(future, WAIT_SECONDS))

    async def login(self, trader: Trader) -> Frame:
        """Log in as the trader's signer."""
        challenge = bytes.fromhex(self.welcome["challenge"][2:])
        digest = compute_login_digest(self.venue.chain_id, self.venue.exchange, trader.account, trader.slot, challenge)
        signature = "0x" + sign(trader.key, digest).hex()
        return await self.ask("auth", account=trader.account, slot=trader.slot, signature=signature)

    def seal(self, request: SignedRequest) -> str:
        """Envelope text for the key of the welcome."""
        entry = self.welcome["key"]
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(entry["public_key"][2:]))
        return base64.b64encode(seal_request(request, entry["key_id"], key, self.venue)).decode()

    async def submit(self, trader: Trader, body: CommandBody, *, nonce: int | None = None) -> Frame:
        """Sign, seal, send, wait."""
        return await self.ask("sealed", envelope=self.seal(trader.request(body, nonce=nonce)))

    async def until(self, condition: Any) -> None:
        """Wait for a condition on what was received; a channel or frame that is not there yet counts as false."""

        def holds() -> bool:
            try:
                return bool(condition())
            except LookupError:
                return False

        async with asyncio.timeout(WAIT_SECONDS):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def _read(self) -> None:
        async for text in self.socket:
            frame = json.loads(text)
            kind = frame["t"]
            if kind == "welcome":
                self.welcome = frame
            elif (future := self._answers.pop(frame.get("id"), None)) is not None:
                future.set_result(frame)
            elif "ch" in frame:
                self.channels.setdefault(frame["ch"], []).append(frame)
            else:
                self.others.append(frame)
            self._news.set()


async def wait_for_market(port: int) -> Frame:
    """Wait until the genesis requests have become commands and every market has a price."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http, asyncio.timeout(WAIT_SECONDS):
        while True:
            meta = (await http.get("/v1/meta")).json()
            if meta["markets"] and (await http.get("/health/ready")).status_code == 200:
                return dict(meta)
            await asyncio.sleep(0.02)


async def control(path: Path, **request: Any) -> Frame:
    """One request over the privileged socket."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps(request).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return dict(answer)


def wall_nonces(traders: list[Trader]) -> None:
    """Let nonces count from wall time, as real clients do."""
    for trader in traders:
        trader._nonces = itertools.count(time.time_ns() // 1_000_000)
