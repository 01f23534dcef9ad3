"""Client frames of bb/1: strict decoding of untrusted text.

Every frame is a flat JSON object. Floats, duplicate keys, NaN, unknown fields and wrong types are refused with BAD_FRAME.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import msgspec

from exchange.errors import Refusal

FRAME_BYTES_MAX = 65_536
BRACKETS_MAX = 256  # a frame is flat; deep nesting overflows the stack where a library raised the recursion limit
ID_MAX = 2**53 - 1

FrameId = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]
AccountNumber = Annotated[int, msgspec.Meta(ge=0, lt=1 << 24)]
ChannelName = Annotated[str, msgspec.Meta(max_length=64)]
Counter = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]
HexSignature = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-f]{130}$")]


class Frame(msgspec.Struct, tag_field="t", forbid_unknown_fields=True):
    """Base of all client frames."""


class Hello(Frame, tag="hello"):
    """First frame of a connection."""

    v: Annotated[str, msgspec.Meta(max_length=16)]
    client: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Auth(Frame, tag="auth"):
    """Login for one account by its owner or an agent."""

    id: FrameId
    account: AccountNumber
    slot: Annotated[int, msgspec.Meta(ge=0, le=7)]
    signature: HexSignature


class Sub(Frame, tag="sub"):
    """Subscribe or resume."""

    id: FrameId
    ch: ChannelName
    after: Counter | None = None
    epoch: Counter | None = None


class Unsub(Frame, tag="unsub"):
    """Unsubscribe; idempotent."""

    id: FrameId
    ch: ChannelName


class Sealed(Frame, tag="sealed"):
    """A signed command in an envelope."""

    id: FrameId
    envelope: Annotated[str, msgspec.Meta(max_length=8192)]


class Request(Frame, tag="req"):
    """An unsigned read."""

    id: FrameId
    op: Annotated[str, msgspec.Meta(max_length=32)]
    account: AccountNumber | None = None
    market: Annotated[int, msgspec.Meta(ge=0, lt=62)] | None = None
    number: Counter | None = None
    order_id: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,20}$")] | None = None
    client_id: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-f]{32}$")] | None = None
    after: Counter | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None


class Ping(Frame, tag="ping"):
    """Keeps the connection alive."""

    nonce: Counter | None = None


class Bye(Frame, tag="bye"):
    """Polite end."""


AnyFrame = Hello | Auth | Sub | Unsub | Sealed | Request | Ping | Bye


def decode_frame(text: str) -> AnyFrame:
    """Decode one text frame; raises Refusal BAD_FRAME, with `id` in its extras when it could be read."""
    if len(text.encode("utf-8", "surrogatepass")) > FRAME_BYTES_MAX:
        raise Refusal("BAD_FRAME", f"frame is above {FRAME_BYTES_MAX} bytes")
    if text.count("[") + text.count("{") > BRACKETS_MAX:
        raise Refusal("BAD_FRAME", f"nested too deeply: more than {BRACKETS_MAX} brackets")
    try:
        value = json.loads(
            text, object_pairs_hook=_object_without_duplicates, parse_float=_refuse_float, parse_constant=_refuse_float
        )
    except ValueError as error:
        raise Refusal("BAD_FRAME", f"not JSON: {error}"[:200]) from None
    if not isinstance(value, dict):
        raise Refusal("BAD_FRAME", "expected an object")
    try:
        msgspec.json.encode(value)  # fails for lone surrogates, which no answer could echo
        return _convert(value)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        refusal = Refusal("BAD_FRAME", str(error)[:200])
        refusal.extra.update(_readable_id(value))
        raise refusal from None


def _convert(value: dict[str, Any]) -> AnyFrame:
    frame: AnyFrame = msgspec.convert(value, AnyFrame)
    return frame


def _readable_id(value: dict[str, Any]) -> dict[str, int]:
    frame_id = value.get("id")
    is_id = isinstance(frame_id, int) and not isinstance(frame_id, bool) and 0 <= frame_id <= ID_MAX
    return {"id": frame_id} if is_id and isinstance(frame_id, int) else {}


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _refuse_float(text: str) -> NoReturn:
    raise ValueError(f"numbers must be integers, found {text[:32]}")


def encode_frame(frame: dict[str, Any]) -> str:
    """JSON text of a server frame."""
    return msgspec.json.encode(frame).decode()
