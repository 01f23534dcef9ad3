"""The socket adapter: performs the actions of the Sans-I/O connection over an ASGI WebSocket.

One reader and one sender task per connection. The sender's queue is counted in bytes: a consumer that does not read loses
its subscriptions with a `gap`, then the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from exchange.auth.signature import compute_login_digest, recover_address
from exchange.errors import Refusal
from exchange.sequencer.writer import Writer, wall_ms
from exchange.venue import VenueId
from exchange.ws.channels import Frame
from exchange.ws.frames import encode_frame
from exchange.ws.protocol import (
    Action,
    Authenticate,
    Close,
    CloseCode,
    Connection,
    Limits,
    Read,
    Send,
    Submit,
    Subscribe,
    Unsubscribe,
)
from exchange.ws.reads import Reads

QUEUE_BYTES_MAX = 4 << 20
QUEUE_BYTES_LOW = 1 << 20
SLOW_MS_MAX = 10_000
TICK_SECONDS = 1.0
SUBPROTOCOL = "bb1.json"


class Session:
    """One socket: its connection state, its outbound queue, its two tasks."""

    _next_listener = 0

    def __init__(
        self,
        socket: WebSocket,
        writer: Writer,
        reads: Reads,
        venue: VenueId,
        limits: Limits,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        Session._next_listener += 1
        self._listener = Session._next_listener
        self._socket = socket
        self._writer = writer
        self._reads = reads
        self._venue = venue
        self._clock = clock
        self._connection = Connection(self._welcome(limits), os.urandom(32), clock(), limits)
        self._outbound: deque[str] = deque()
        self._outbound_bytes = 0
        self._wake = asyncio.Event()
        self._close: Close | None = None
        self._slow_since_ms = 0
        self._is_over = False
        self._addresses: dict[int, bytes] = {}  # account -> signer address at login

    async def serve(self) -> None:
        """Until either side ends the connection."""
        offered = self._socket.scope.get("subprotocols", [])
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        sender = asyncio.create_task(self._send_all())
        ticker = asyncio.create_task(self._tick())
        reader = asyncio.create_task(self._receive_all())
        try:
            await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._is_over = True
            for channel in self._connection.subscriptions:
                self._writer.hub.unsubscribe(self._listener, channel)
            for task in (sender, ticker, reader):
                task.cancel()
            await asyncio.gather(sender, ticker, reader, return_exceptions=True)

    def shut(self, code: CloseCode, reason: str) -> None:
        """The server goes away."""
        self._perform(self._connection.close(code, reason))

    def notify(self, frame: Frame) -> None:
        """Send a notice."""
        self._enqueue(frame)

    def _welcome(self, limits: Limits) -> Frame:
        return {
            "epoch": self._writer.hub.epoch,
            "chain_id": self._venue.chain_id,
            "exchange": "0x" + self._venue.exchange.hex(),
            "key": self._writer.keys.current.as_json(),
            "heartbeat_ms": limits.heartbeat_ms,
            "limits": {
                "frame_bytes": 65_536,
                "in_flight": limits.in_flight,
                "subscriptions": limits.subscriptions,
                "legs": 64,
                "accounts": limits.accounts,
            },
        }

    # ---- tasks

    async def _receive_all(self) -> None:
        while self._close is None:
            message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            now_ms = self._clock()
            if text is None:
                self._perform(self._connection.receive_bytes(now_ms))
            else:
                self._perform(self._connection.receive(text, now_ms))
        await asyncio.sleep(3600)  # the sender closes the socket; this task is cancelled then

    async def _send_all(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, ConnectionError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outbound:
                    text = self._outbound.popleft()
                    self._outbound_bytes -= len(text)
                    await self._socket.send_text(text)
                if self._close is not None:
                    await self._socket.close(int(self._close.code), self._close.reason)
                    return

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now_ms = self._clock()
            self._perform(self._connection.tick(now_ms))
            self._check_principals()
            self._check_slow(now_ms)

    # ---- actions

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._enqueue(action.frame)
            elif isinstance(action, Close):
                self._close = action
                self._wake.set()
            elif isinstance(action, Authenticate):
                self._authenticate(action)
            elif isinstance(action, Submit):
                self._writer.submit(action.envelope, self._connection.is_principal, self._replier(action.id))
            elif isinstance(action, Read):
                request = action.request
                self._writer.read(lambda request=request: self._reads.reply(request), self._replier(action.id))  # type: ignore[misc]
            elif isinstance(action, Subscribe):
                self._writer.read(self._subscriber(action), self._replier(action.id))
            elif isinstance(action, Unsubscribe):
                self._writer.hub.unsubscribe(self._listener, action.channel)
                self._perform(self._connection.answer({"t": "unsub_ok", "id": action.id, "ch": action.channel}))

    def _replier(self, frame_id: int) -> Callable[[Frame], None]:
        def reply(frame: Frame) -> None:
            following: list[Frame] = frame.pop("_following", [])
            self._perform(self._connection.answer({**frame, "id": frame_id}))
            for extra in following:
                self._enqueue(extra)

        return reply

    def _subscriber(self, action: Subscribe) -> Callable[[], Frame]:
        def subscribe() -> Frame:
            if self._is_over:
                raise Refusal("UNKNOWN_CHANNEL", "the connection is closed")
            resumed, n, frames = self._writer.hub.subscribe(
                self._listener, self._deliver, action.channel, action.after, action.epoch, self._reads.account_snapshot
            )
            return {"t": "sub_ok", "ch": action.channel, "n": n, "resumed": resumed, "_following": frames}

        return subscribe

    def _authenticate(self, action: Authenticate) -> None:
        def check() -> Frame:
            return {"address": self._login_address(action)}

        def reply(frame: Frame) -> None:
            address = frame.get("address")
            if address is not None:
                self._addresses[action.account] = address
            self._perform(self._connection.answer_auth(action, address is not None))

        self._writer.read(check, reply)

    def _login_address(self, action: Authenticate) -> bytes | None:
        digest = compute_login_digest(
            self._venue.chain_id, self._venue.exchange, action.account, action.slot, self._connection.challenge
        )
        try:
            address = recover_address(digest, action.signature)
        except Refusal:
            return None
        return address if address == self._live_signer(action.account, action.slot) else None

    def _live_signer(self, account: int, slot: int) -> bytes | None:
        reader, system = self._writer.sequencer.reader, self._writer.sequencer.system
        header = reader.account(account)
        if header is None:
            return None
        signer = reader.signer(header.master, slot)
        return signer.address if signer.expiry_ms > max(system.time_ms, self._clock()) else None

    # ---- outbound queue

    def _deliver(self, _: str, frame: Frame) -> None:
        """A channel's frame: dropped, with its channel, when the consumer is too far behind."""
        if self._outbound_bytes > QUEUE_BYTES_MAX:
            self._drop_channels()
        else:
            self._enqueue(frame)

    def _enqueue(self, frame: Frame) -> None:
        if "as_of" not in frame:
            frame = {**frame, **self._writer.hub.decoration()}
        text = encode_frame(frame)
        self._outbound.append(text)
        self._outbound_bytes += len(text)
        self._wake.set()

    def _drop_channels(self) -> None:
        """Too far behind: leave every channel and say so."""
        if not self._slow_since_ms:
            self._slow_since_ms = self._clock()
        for channel in list(self._connection.subscriptions):
            self._writer.hub.unsubscribe(self._listener, channel)
            self._connection.drop_subscription(channel)
            self._enqueue({"t": "gap", "ch": channel, "reason": "slow"})

    def _check_slow(self, now_ms: int) -> None:
        if not self._slow_since_ms:
            return
        if self._outbound_bytes < QUEUE_BYTES_LOW:
            self._slow_since_ms = 0
        elif now_ms - self._slow_since_ms >= SLOW_MS_MAX:
            self._outbound.clear()
            self._outbound_bytes = 0
            self.shut(CloseCode.TOO_SLOW, "too slow")

    def _check_principals(self) -> None:
        """Revoked, expired or replaced signers lose the connection."""
        for account, slot in list(self._connection.principals.items()):
            if self._live_signer(account, slot) != self._addresses[account]:
                self._perform(self._connection.revoke(account))
