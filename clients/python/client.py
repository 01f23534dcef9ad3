"""The asynchronous SDK: place, cancel, withdraw, read, stream over one WebSocket.

Requests that the venue sequenced return their `Ack`, refused legs included; a request refused before sequencing raises
`VenueError`. When the socket is lost while a request is pending, the client connects again, logs in and sends the same signed
bytes: the venue answers `dup` or sequences them once. All methods may be awaited concurrently from one event loop; cancelling
an await does not withdraw a request that was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from clients.python import wire
from clients.python.envelope import SealingKey, SignedRequest, read_directory, sign_request
from clients.python.errors import ClientError, DirectoryError, ProtocolError, TransportError, VenueError
from clients.python.session import SUBPROTOCOL, Answer, ChannelFrame, Frame, Session
from clients.python.signing import Key, Venue

RETRIES_MAX = 5
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Ack:
    """A sequenced request: its number, the command's code, one result per order or cancel."""

    seq: int
    code: str
    results: tuple[dict[str, Any], ...]
    dup: bool

    @property
    def ok(self) -> bool:
        """Whether the command and every part of it succeeded."""
        return self.code == "OK" and all(result["code"] == "OK" for result in self.results)


@dataclass(frozen=True, slots=True)
class Credential:
    """Who acts for an account: the key in signer slot `slot` (0 = owner, 1..7 agents)."""

    account: int
    key: Key
    slot: int = 0


class AsyncClient:
    """A connection to one venue for any number of accounts (at most 64). Use as an async context manager."""

    def __init__(self, url: str, venue: Venue, identity: bytes) -> None:
        """`url` is http(s)://host:port; `identity` the sequencer's address that signs the key directory."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"url: expected http(s)://host:port, found {url!r}")
        self._http = url.rstrip("/")
        self._ws = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/v1/ws"
        self.venue = venue
        self._identity = identity
        self._session = Session(venue)
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._keys: list[SealingKey] = []
        self._credentials: dict[int, Credential] = {}
        self._pending: dict[int, asyncio.Future[Frame]] = {}
        self._channels: dict[str, list[asyncio.Queue[Frame | None]]] = {}
        self._nonce = 0
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> AsyncClient:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the socket; pending requests fail with TransportError."""
        reader, self._reader = self._reader, None
        if self._socket is not None:
            await self._socket.close()
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        self._lost()

    async def reconnect(self) -> None:
        """Connects again after `close`, and logs in for the accounts that were logged in before."""
        await self._connect()

    @property
    def as_of(self) -> int:
        """Newest sequence number seen."""
        return self._session.as_of

    @property
    def time_ms(self) -> int:
        """Newest engine time seen."""
        return self._session.time_ms

    async def login(self, credential: Credential) -> None:
        """Logs in for an account; needed before its requests, reads and stream."""
        await self._login(credential)
        self._credentials[credential.account] = credential

    async def place(self, account: int, *orders: wire.Order, expires_ms: int = 0) -> Ack:
        """Places 1 to 64 orders in one signed request, applied in order."""
        return await self._signed(account, wire.Kind.PLACE_ORDERS, wire.place_body(orders), expires_ms)

    async def cancel(self, account: int, *cancels: wire.Cancel, expires_ms: int = 0) -> Ack:
        """Cancels 1 to 64 orders in one signed request."""
        return await self._signed(account, wire.Kind.CANCEL_ORDERS, wire.cancel_body(cancels), expires_ms)

    async def cancel_all(self, account: int, market: int | None = None) -> Ack:
        """Cancels every order of the account, in one market or all."""
        return await self._signed(account, wire.Kind.CANCEL_ALL, wire.cancel_all_body(market), 0)

    async def withdraw(self, account: int, amount_e6: int) -> Ack:
        """Moves collateral to the withdrawals of the batch; it can be claimed on chain once the batch is accepted."""
        return await self._signed(account, wire.Kind.WITHDRAW, wire.withdraw_body(amount_e6), 0)

    async def approve_agent(self, account: int, slot: int, address: bytes, expiry_ms: int) -> Ack:
        """Lets another key trade for the account until `expiry_ms` (0 revokes)."""
        return await self._signed(
            account, wire.Kind.APPROVE_AGENT, wire.approve_agent_body(slot, address, expiry_ms), 0
        )

    async def state(self, account: int) -> dict[str, Any]:
        """Collateral, equity, margin and positions of an account."""
        return await self._read("state", account=account)

    async def orders(self, account: int) -> list[dict[str, Any]]:
        """The open orders of an account."""
        return list((await self._read("orders", account=account))["orders"])

    async def withdrawals(self, account: int) -> list[dict[str, Any]]:
        """Withdrawals with their Merkle paths, as `claimWithdrawal` needs them."""
        return list((await self._read("withdrawals", account=account))["withdrawals"])

    async def book(self, market: int) -> dict[str, Any]:
        """A snapshot of the public book."""
        return await self._read("book", market=market)

    async def stream(self, channel: str) -> AsyncIterator[Frame]:
        """Frames of a channel, its snapshot first; after a lost socket the stream resumes by number.

        A channel may be read by several streams; each begins with a snapshot, and a stream may see a further one when another
        begins. Raises TransportError when it cannot be resumed. Closing the last iterator unsubscribes.
        """
        last: int | None = None
        epoch: int | None = None
        queue: asyncio.Queue[Frame | None] = asyncio.Queue()
        try:
            while True:
                queue = asyncio.Queue()
                self._channels.setdefault(channel, []).append(queue)
                await self._request(lambda c=channel, n=last, e=epoch: self._session.subscribe(c, n, e))
                epoch = self._session.welcome["epoch"] if self._session.welcome else None
                while (frame := await queue.get()) is not None:
                    if frame["t"] == "snap" or frame.get("n", 0) > (last or 0):
                        last = frame.get("n", last)
                        yield frame
                    elif frame["t"] == "gap":
                        yield frame
                        if frame.get("reason") == "slow":
                            break
                self._drop(channel, queue)
                await self._connect()
        finally:
            self._drop(channel, queue)
            if self._socket is not None and channel not in self._channels:
                with contextlib.suppress(ClientError):
                    await self._request(lambda: self._session.unsubscribe(channel))

    async def _signed(self, account: int, kind: wire.Kind, body: bytes, expires_ms: int) -> Ack:
        credential = self._credentials.get(account)
        if credential is None:
            raise VenueError("AUTH_REQUIRED", f"no login for account {account}", False, None)
        request = sign_request(
            self.venue, credential.key, kind, body, account, credential.slot, self._next_nonce(), expires_ms
        )
        frame = await self._submit(request)
        return Ack(frame["seq"], frame["code"], tuple(frame["results"]), bool(frame.get("dup")))

    async def _submit(self, request: SignedRequest) -> Frame:
        """Sends the same signed bytes until they are answered."""
        for attempt in range(RETRIES_MAX):
            try:
                return await self._request(lambda: self._session.sealed(request, self._sealing_key()))
            except TransportError:
                if attempt + 1 == RETRIES_MAX:
                    raise
                await asyncio.sleep(0.05 * 2**attempt)
                await self._connect()
            except VenueError as error:
                if error.code == "BAD_ENVELOPE" and attempt == 0:
                    await self._refresh_keys()
                elif error.retryable and attempt + 1 < RETRIES_MAX:
                    await asyncio.sleep((error.retry_after_ms or 100) / 1000)
                else:
                    raise
        raise TransportError("request: no answer")

    async def _read(self, op: str, **arguments: Any) -> dict[str, Any]:
        frame = await self._request(lambda: self._session.read(op, **arguments))
        return dict(frame["data"])

    async def _login(self, credential: Credential) -> None:
        await self._request(lambda: self._session.login(credential.account, credential.slot, credential.key))

    async def _request(self, make: Any) -> Frame:
        socket = self._socket
        if socket is None:
            raise TransportError("not connected")
        number, text = make()
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            await socket.send(text)
        except ConnectionClosed as error:
            self._pending.pop(number, None)
            raise TransportError(f"connection lost: {error}") from error
        return await future

    async def _connect(self) -> None:
        """Connects if there is no live connection, and logs in again."""
        async with self._connecting:
            if self._socket is not None:
                return
            await self._refresh_keys()
            try:
                socket = await connect(
                    self._ws,
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    compression=None,
                    open_timeout=CONNECT_SECONDS,
                    max_size=2**22,
                )
            except (OSError, TimeoutError) as error:
                raise TransportError(f"cannot connect to {self._ws}: {error}") from error
            self._session = Session(self.venue)
            await socket.send(self._session.hello())
            self._session.receive(await asyncio.wait_for(socket.recv(), CONNECT_SECONDS))
            if self._session.welcome is None:
                raise ProtocolError("expected welcome")
            self._socket = socket
            self._reader = asyncio.create_task(self._read_frames(socket))
        for credential in self._credentials.values():
            await self._login(credential)

    async def _refresh_keys(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=CONNECT_SECONDS) as http:
                response = await http.get(f"{self._http}/v1/keys")
                response.raise_for_status()
                document = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TransportError(f"cannot read the key directory: {error}") from error
        self._keys = read_directory(document, self.venue, self._identity, time.time_ns() // 1_000_000)

    async def _read_frames(self, socket: ClientConnection) -> None:
        heartbeat = asyncio.create_task(self._beat(socket))
        try:
            async for text in socket:
                self._dispatch(text)
        except ConnectionClosed:
            pass
        finally:
            heartbeat.cancel()
            if self._socket is socket:
                self._lost()

    async def _beat(self, socket: ClientConnection) -> None:
        interval = self._session.welcome["heartbeat_ms"] / 1000 if self._session.welcome else 5.0
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(interval)
                await socket.send(self._session.ping())

    def _dispatch(self, text: str | bytes) -> None:
        event = self._session.receive(text)
        if isinstance(event, ChannelFrame):
            for queue in self._channels.get(event.channel, ()):
                queue.put_nowait(event.frame)
        elif isinstance(event, Answer):
            future = self._pending.pop(event.id, None)
            if future is None or future.done():
                return
            if event.error is not None:
                future.set_exception(event.error)
            else:
                future.set_result(event.frame)

    def _lost(self) -> None:
        self._socket = None
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(TransportError("connection lost"))
        for queues in self._channels.values():
            for queue in queues:
                queue.put_nowait(None)

    def _drop(self, channel: str, queue: asyncio.Queue[Frame | None]) -> None:
        """Forgets one reader of a channel."""
        left = [other for other in self._channels.get(channel, []) if other is not queue]
        if left:
            self._channels[channel] = left
        else:
            self._channels.pop(channel, None)

    def _sealing_key(self) -> SealingKey:
        now = time.time_ns() // 1_000_000
        keys = [key for key in self._keys if key.not_before_ms <= now < key.not_after_ms]
        if not keys:
            raise DirectoryError("key directory: no key in force")
        return max(keys, key=lambda key: key.not_after_ms)

    def _next_nonce(self) -> int:
        self._nonce = max(self._nonce + 1, time.time_ns() // 1_000_000)
        return self._nonce
