"""The Sans-I/O connection of bb/1: text in, actions out. No clock, no socket, no engine.

The adapter calls `receive` with each text frame and the time, `tick` about once a second, performs the returned actions in order,
and answers questions (`Authenticate`, `Submit`, `Read`, `Subscribe`) by the `answer_*` methods, whose actions it performs too.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from exchange.errors import Refusal
from exchange.ws.frames import (
    AnyFrame,
    Auth,
    Bye,
    Hello,
    Ping,
    Request,
    Sealed,
    Sub,
    Unsub,
    decode_frame,
)

PROTOCOL_VERSION = "bb/1"
HELLO_TIMEOUT_MS = 5_000
AUTH_FAILURES_MAX = 3
BAD_FRAMES_BURST = 100
BAD_FRAMES_PER_SECOND = 20
BAD_REQUESTS_BURST = 20
BAD_REQUESTS_PER_MINUTE = 20
COSTLY_REFUSALS = frozenset(
    {"BAD_ENVELOPE", "BAD_SIGNATURE", "UNKNOWN_SIGNER"}
)  # each costs the server curve arithmetic
PUBLIC_READS = frozenset({"batch", "book"})
PRIVATE_READS = frozenset({"state", "orders", "order", "events", "withdrawals", "limits"})
SIGNED_OPERATIONS = frozenset(
    {
        "place",
        "place_bulk",
        "cancel",
        "cancel_bulk",
        "cancel_all",
        "withdraw",
        "approve_agent",
        "modify",
        "replace_quotes",
    }
)
ARGUMENTS: dict[str, tuple[frozenset[str], frozenset[str]]] = {  # op: (required, allowed)
    "state": (frozenset({"account"}), frozenset()),
    "orders": (frozenset({"account"}), frozenset()),
    "order": (frozenset({"account"}), frozenset({"order_id", "client_id"})),
    "events": (frozenset({"account", "after"}), frozenset({"limit"})),
    "withdrawals": (frozenset({"account"}), frozenset()),
    "limits": (frozenset({"account"}), frozenset()),
    "batch": (frozenset({"number"}), frozenset()),
    "book": (frozenset({"market"}), frozenset()),
}


class CloseCode(int, Enum):
    """Why the server ends a connection."""

    BYE = 1000
    SHUTDOWN = 1012
    NO_HELLO = 4001
    HELLO_EXPECTED = 4002
    NOT_AUTHORISED = 4003
    SILENCE = 4004
    TOO_SLOW = 4005
    ABUSE = 4008


@dataclass(frozen=True, slots=True)
class Send:
    """Send this frame (the adapter adds `as_of` and `time_ms`)."""

    frame: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """Send nothing more and close."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Check a login and call `answer_auth`."""

    id: int
    account: int
    slot: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Submit:
    """Open, check, sequence; then call `answer` with an ack or err frame."""

    id: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """Perform a read this connection may make; then call `answer`."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Join a channel this connection may see; then call `answer`."""

    id: int
    channel: str
    after: int | None
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Leave a channel."""

    id: int
    channel: str


Action = Send | Close | Authenticate | Submit | Read | Subscribe | Unsubscribe


class State(Enum):
    """Where a connection is in its life."""

    OPENED = "opened"
    GREETED = "greeted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection."""

    in_flight: int = 256
    subscriptions: int = 1000
    accounts: int = 64
    heartbeat_ms: int = 5_000


@dataclass(slots=True)
class Connection:
    """One client connection; `welcome` is the body of the welcome frame, `challenge` its 32 random bytes."""

    welcome: dict[str, Any]
    challenge: bytes
    opened_ms: int
    limits: Limits = field(default_factory=Limits)
    state: State = State.OPENED
    principals: dict[int, int] = field(default_factory=dict)  # account -> signer slot
    subscriptions: set[str] = field(default_factory=set)
    _open_ids: set[int] = field(default_factory=set)
    _last_id: int = -1
    _heard_ms: int = 0
    _auth_failures: int = 0
    _bad_frames: float = 0.0
    _bad_frame_ms: int = 0
    _bad_requests: float = 0.0
    _bad_request_ms: int = 0

    def __post_init__(self) -> None:
        self._heard_ms = self._bad_frame_ms = self._bad_request_ms = self.opened_ms

    def receive(self, text: str, now_ms: int) -> list[Action]:
        """One text frame of the client."""
        if self.state is State.CLOSED:
            return []
        self._heard_ms = now_ms
        try:
            return self._handle(decode_frame(text))
        except Refusal as refusal:
            return self._refuse(refusal, refusal.extra.pop("id", None), now_ms)

    def receive_bytes(self, now_ms: int) -> list[Action]:
        """A binary frame: not part of the protocol."""
        self._heard_ms = now_ms
        return self._refuse(Refusal("BAD_FRAME", "expected a text frame"), None, now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Time passes: hello timer and heartbeat."""
        if self.state is State.OPENED and now_ms - self.opened_ms >= HELLO_TIMEOUT_MS:
            return [self._close(CloseCode.NO_HELLO, "no hello")]
        if self.state is State.GREETED and now_ms - self._heard_ms >= 3 * self.limits.heartbeat_ms:
            return [self._close(CloseCode.SILENCE, "silence")]
        return []

    def answer(self, frame: dict[str, Any]) -> list[Action]:
        """The one answer to an open id; a second answer is dropped."""
        if self.state is State.CLOSED or frame.get("id") not in self._open_ids:
            return []
        self._open_ids.discard(frame["id"])
        if frame["t"] == "sub_ok":
            self.subscriptions.add(frame["ch"])
        if frame["t"] == "err" and frame["code"] in COSTLY_REFUSALS and self._is_flooding():
            return [Send(frame), self._close(CloseCode.ABUSE, "too many bad requests")]
        return [Send(frame)]

    def answer_auth(self, request: Authenticate, is_valid: bool) -> list[Action]:
        """Result of an `Authenticate`."""
        if is_valid:
            self.principals[request.account] = request.slot
            return self.answer({"t": "auth_ok", "id": request.id, "account": request.account, "slot": request.slot})
        self._auth_failures += 1
        actions = self.answer(Refusal("AUTH_FAILED", "login refused").as_frame(request.id))
        if self._auth_failures >= AUTH_FAILURES_MAX:
            actions.append(self._close(CloseCode.NOT_AUTHORISED, "authorisation failed"))
        return actions

    def revoke(self, account: int) -> list[Action]:
        """The signer of a login is no longer valid."""
        if account not in self.principals:
            return []
        return [self._close(CloseCode.NOT_AUTHORISED, "authorisation withdrawn")]

    def close(self, code: CloseCode, reason: str) -> list[Action]:
        """The server ends the connection."""
        return [] if self.state is State.CLOSED else [self._close(code, reason)]

    def drop_subscription(self, channel: str) -> None:
        """The hub has unsubscribed a slow consumer."""
        self.subscriptions.discard(channel)

    def is_principal(self, account: int) -> bool:
        """True when this connection is logged in for `account`."""
        return account in self.principals

    def _handle(self, frame: AnyFrame) -> list[Action]:
        if isinstance(frame, Hello):
            return self._greet(frame)
        if self.state is State.OPENED:
            return [self._close(CloseCode.HELLO_EXPECTED, "hello expected")]
        if isinstance(frame, Ping):
            return [Send({"t": "pong"} if frame.nonce is None else {"t": "pong", "nonce": frame.nonce})]
        if isinstance(frame, Bye):
            return [Send({"t": "bye"}), self._close(CloseCode.BYE, "bye")]
        self._open(frame.id)
        try:
            return [self._ask(frame)]
        except Refusal as refusal:
            return self.answer(refusal.as_frame(frame.id))

    def _greet(self, frame: Hello) -> list[Action]:
        if self.state is State.GREETED:
            raise Refusal("BAD_FRAME", "hello was already said")
        if frame.v != PROTOCOL_VERSION:
            raise Refusal("BAD_FRAME", f"expected version {PROTOCOL_VERSION}")
        self.state = State.GREETED
        return [Send({"t": "welcome", "v": PROTOCOL_VERSION, "challenge": "0x" + self.challenge.hex(), **self.welcome})]

    def _open(self, frame_id: int) -> None:
        if frame_id <= self._last_id:
            # Not answered as this id: the id may still be open, and each id gets exactly one answer.
            raise Refusal("BAD_ID", f"expected an id above {self._last_id}, found {frame_id}", refused_id=frame_id)
        self._last_id = frame_id
        if len(self._open_ids) >= self.limits.in_flight:
            raise Refusal(
                "TOO_MANY_IN_FLIGHT", f"{self.limits.in_flight} requests are unanswered", id=frame_id, retryable=True
            )
        self._open_ids.add(frame_id)

    def _ask(self, frame: Auth | Sub | Unsub | Sealed | Request) -> Action:
        if isinstance(frame, Auth):
            if len(self.principals) >= self.limits.accounts and frame.account not in self.principals:
                raise Refusal("AUTH_FAILED", f"at most {self.limits.accounts} accounts on one connection")
            return Authenticate(frame.id, frame.account, frame.slot, bytes.fromhex(frame.signature[2:]))
        if isinstance(frame, Sub):
            return self._subscribe(frame)
        if isinstance(frame, Unsub):
            self.subscriptions.discard(frame.ch)
            return Unsubscribe(frame.id, frame.ch)
        if isinstance(frame, Sealed):
            return self._submit(frame)
        return self._read(frame)

    def _subscribe(self, frame: Sub) -> Action:
        name, _, key = frame.ch.partition(".")
        if name == "account":
            self._check_principal(int(key) if key.isascii() and key.isdigit() and len(key) < 9 else -1)
        if frame.ch not in self.subscriptions and len(self.subscriptions) >= self.limits.subscriptions:
            raise Refusal("SUB_LIMIT", f"at most {self.limits.subscriptions} subscriptions on one connection")
        return Subscribe(frame.id, frame.ch, frame.after, frame.epoch)

    def _submit(self, frame: Sealed) -> Action:
        if not self.principals:
            raise Refusal("AUTH_REQUIRED", "log in before sending commands")
        try:
            envelope = base64.b64decode(frame.envelope, validate=True)
        except (binascii.Error, ValueError):
            raise Refusal("BAD_ENVELOPE", "not base64") from None
        return Submit(frame.id, envelope)

    def _read(self, frame: Request) -> Action:
        if frame.op in SIGNED_OPERATIONS:
            raise Refusal("SEALED_ONLY", f"{frame.op} must be signed and sealed")
        if frame.op not in ARGUMENTS:
            raise Refusal("UNKNOWN_OP", f"unknown operation {frame.op[:32]}")
        self._check_arguments(frame)
        if frame.op in PRIVATE_READS:
            self._check_principal(-1 if frame.account is None else frame.account)
        return Read(frame.id, frame)

    def _check_arguments(self, frame: Request) -> None:
        required, optional = ARGUMENTS[frame.op]
        names = ("account", "market", "number", "order_id", "client_id", "after", "limit")
        given = {name for name in names if getattr(frame, name) is not None}
        if missing := required - given:
            raise Refusal("BAD_FRAME", f"{frame.op}: missing {', '.join(sorted(missing))}")
        if surplus := given - required - optional:
            raise Refusal("BAD_FRAME", f"{frame.op}: unexpected {', '.join(sorted(surplus))}")
        if frame.op == "order" and (frame.order_id is None) == (frame.client_id is None):
            raise Refusal("BAD_FRAME", "order: expected order_id or client_id")

    def _check_principal(self, account: int) -> None:
        if not self.principals:
            raise Refusal("AUTH_REQUIRED", "log in first")
        if account not in self.principals:
            raise Refusal("FORBIDDEN", "not logged in for this account")

    def _refuse(self, refusal: Refusal, frame_id: int | None, now_ms: int) -> list[Action]:
        if self.state is State.CLOSED:
            return []
        elapsed_ms = max(0, now_ms - self._bad_frame_ms)
        self._bad_frames = max(0.0, self._bad_frames - elapsed_ms * BAD_FRAMES_PER_SECOND / 1000) + 1
        self._bad_frame_ms = now_ms
        if self._bad_frames > BAD_FRAMES_BURST:
            return [self._close(CloseCode.ABUSE, "too many bad frames")]
        return [Send(refusal.as_frame(frame_id))]

    def _is_flooding(self) -> bool:
        """Counts one costly refusal; true when they come faster than any honest client makes them."""
        elapsed_ms = max(0, self._heard_ms - self._bad_request_ms)
        self._bad_requests = max(0.0, self._bad_requests - elapsed_ms * BAD_REQUESTS_PER_MINUTE / 60_000) + 1
        self._bad_request_ms = self._heard_ms
        return self._bad_requests > BAD_REQUESTS_BURST

    def _close(self, code: CloseCode, reason: str) -> Close:
        self.state = State.CLOSED
        self._open_ids.clear()
        return Close(code, reason)
