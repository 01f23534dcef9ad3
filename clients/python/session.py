"""The client's side of the protocol bb/1 as a state machine: frames in, events out; no socket, no clock."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from clients.python.envelope import SealingKey, SignedRequest, seal
from clients.python.errors import ProtocolError, VenueError
from clients.python.signing import Key, Venue, keccak256

PROTOCOL = "bb/1"
SUBPROTOCOL = "bb1.json"
Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The one answer to request `id`: the frame, or the error it carries."""

    id: int
    frame: Frame
    error: VenueError | None


@dataclass(frozen=True, slots=True)
class ChannelFrame:
    """A `snap`, `delta`, `event` or `gap` of a channel."""

    channel: str
    frame: Frame


@dataclass(frozen=True, slots=True)
class Control:
    """`welcome`, `pong`, `notice` or `bye`."""

    frame: Frame


Event = Answer | ChannelFrame | Control


class Session:
    """One connection: numbers requests, makes frames, sorts what comes back."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.welcome: Frame | None = None
        self.as_of = 0
        self.time_ms = 0
        self._next_id = 1

    def hello(self, client: str = "blindbook-python") -> str:
        """The first frame."""
        return _dump({"t": "hello", "v": PROTOCOL, "client": client})

    def login(self, account: int, slot: int, key: Key) -> tuple[int, str]:
        """Logs in for an account: signs the connection's challenge."""
        if self.welcome is None:
            raise ProtocolError("login before welcome")
        challenge = bytes.fromhex(self.welcome["challenge"][2:])
        digest = keccak256(
            b"blindbook/login/v1"
            + self.venue.chain_id.to_bytes(8, "big")
            + self.venue.contract
            + account.to_bytes(4, "big")
            + bytes([slot])
            + challenge
        )
        return self._numbered(
            {"t": "auth", "account": account, "slot": slot, "signature": "0x" + key.sign(digest).hex()}
        )

    def sealed(self, request: SignedRequest, key: SealingKey) -> tuple[int, str]:
        """A signed request inside an envelope."""
        envelope = base64.b64encode(seal(self.venue, key, request)).decode()
        return self._numbered({"t": "sealed", "envelope": envelope})

    def read(self, op: str, **arguments: Any) -> tuple[int, str]:
        """An unsigned read."""
        return self._numbered({"t": "req", "op": op, **arguments})

    def subscribe(self, channel: str, after: int | None = None, epoch: int | None = None) -> tuple[int, str]:
        """Subscribes, resuming after frame number `after` if given."""
        frame: Frame = {"t": "sub", "ch": channel}
        if after is not None:
            frame["after"] = after
            if epoch is not None:
                frame["epoch"] = epoch
        return self._numbered(frame)

    def unsubscribe(self, channel: str) -> tuple[int, str]:
        """Ends a subscription."""
        return self._numbered({"t": "unsub", "ch": channel})

    def ping(self) -> str:
        """A heartbeat."""
        return _dump({"t": "ping"})

    def receive(self, text: str | bytes) -> Event:
        """What a server frame means; ProtocolError if it fits nothing."""
        try:
            frame = json.loads(text)
            event = self._classify(frame)
            self.as_of = max(self.as_of, int(frame.get("as_of", 0)))
            self.time_ms = max(self.time_ms, int(frame.get("time_ms", 0)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ProtocolError(f"server frame is not readable: {error!r}") from error
        if isinstance(event, Control) and event.frame["t"] == "welcome":
            self.welcome = event.frame
        return event

    def _classify(self, frame: Frame) -> Event:
        kind = frame["t"]
        if kind in ("snap", "delta", "event", "gap"):
            return ChannelFrame(str(frame["ch"]), frame)
        if kind == "err":
            refusal = VenueError(
                str(frame["code"]),
                str(frame.get("detail", "")),
                bool(frame.get("retryable")),
                frame.get("retry_after_ms"),
            )
            return Answer(int(frame["id"]), frame, refusal) if "id" in frame else Control(frame)
        if kind in ("ack", "reply", "auth_ok", "sub_ok", "unsub_ok"):
            return Answer(int(frame["id"]), frame, None)
        if kind in ("welcome", "pong", "notice", "bye"):
            return Control(frame)
        raise ProtocolError(f"server frame of unknown type {kind!r}")

    def _numbered(self, frame: Frame) -> tuple[int, str]:
        number = self._next_id
        self._next_id += 1
        return number, _dump({**frame, "id": number})


def _dump(frame: Frame) -> str:
    return json.dumps(frame, separators=(",", ":"))
