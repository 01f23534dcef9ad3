"""Bytes of the requests that a client signs (rules, sections 4.1 and 4.2). Integers are little-endian; money is in e6."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
_HEADER = struct.Struct("<HHI")
_LEG = struct.Struct("<HBBBBBxIIQQ16sH6x")
_CANCEL = struct.Struct("<HBxI16s")
_APPROVE = struct.Struct("<BB2x20sQ")
_AMOUNT = struct.Struct("<Q")
_COUNT = struct.Struct("<I4x")
LEGS_MAX = 64
CANCELS_MAX = 64


class Kind(IntEnum):
    """Command numbers of what a client can sign."""

    PLACE_ORDERS = 1
    CANCEL_ORDERS = 2
    CANCEL_ALL = 4
    APPROVE_AGENT = 8
    WITHDRAW = 11


class Side(IntEnum):
    """Side of an order."""

    BUY = 0
    SELL = 1


class OrderKind(IntEnum):
    """Kinds of the first release."""

    LIMIT = 0
    MARKET = 1


class TimeInForce(IntEnum):
    """How long an order may rest."""

    GTC = 0
    IOC = 1
    POST_ONLY = 3


class SelfTrade(IntEnum):
    """What happens when an order meets another of the same owner."""

    CANCEL_MAKER = 0
    CANCEL_TAKER = 1
    CANCEL_BOTH = 2
    DECREMENT = 3


class WireError(ValueError):
    """A value does not fit the request format."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order: price in ticks, size in lots, `expiry_ms` 0 = none, `client_id` 16 bytes (zero = none).

    `fee_max_ppm` bounds the fee in parts per million of the notional. A market order is IOC; its price is the worst one.
    """

    market: int
    side: Side
    price_ticks: int
    size_lots: int
    kind: OrderKind = OrderKind.LIMIT
    tif: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.CANCEL_MAKER
    expiry_ms: int = 0
    client_id: bytes = bytes(16)
    fee_max_ppm: int = 10_000

    def encode(self) -> bytes:
        """The leg, 56 bytes."""
        try:
            return _LEG.pack(
                self.market,
                self.side,
                self.kind,
                self.tif,
                self.self_trade,
                int(self.reduce_only),
                self.price_ticks,
                0,
                self.size_lots,
                self.expiry_ms,
                _exactly(self.client_id, 16, "client_id"),
                self.fee_max_ppm,
            )
        except struct.error as error:
            raise WireError(f"order: {error}") from error


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancels one order, by number or by client id."""

    market: int
    order_id: int = 0
    client_id: bytes = bytes(16)

    def encode(self) -> bytes:
        """The item, 24 bytes; its hint is zero in what is signed."""
        by_client = self.client_id != bytes(16)
        if by_client == bool(self.order_id):
            raise WireError("cancel: give either order_id or client_id")
        try:
            identity = _exactly(self.client_id, 16, "client_id") if by_client else struct.pack("<Q8x", self.order_id)
            return _CANCEL.pack(self.market, int(by_client), 0, identity)
        except struct.error as error:
            raise WireError(f"cancel: {error}") from error


def place_body(orders: Sequence[Order]) -> bytes:
    """Body of PlaceOrders: 1 to 64 legs."""
    return _list(orders, LEGS_MAX, "orders")


def cancel_body(cancels: Sequence[Cancel]) -> bytes:
    """Body of CancelOrders: 1 to 64 items."""
    return _list(cancels, CANCELS_MAX, "cancels")


def cancel_all_body(market: int | None = None) -> bytes:
    """Body of CancelAll, for one market or all."""
    return struct.pack("<H6x", 0xFFFF if market is None else market)


def withdraw_body(amount_e6: int) -> bytes:
    """Body of Withdraw."""
    try:
        return _AMOUNT.pack(amount_e6)
    except struct.error as error:
        raise WireError(f"withdraw: {error}") from error


def approve_agent_body(slot: int, address: bytes, expiry_ms: int) -> bytes:
    """Body of ApproveAgent for slot 1..7; expiry 0 revokes."""
    try:
        return _APPROVE.pack(slot, 0, _exactly(address, 20, "address"), expiry_ms)
    except struct.error as error:
        raise WireError(f"approve agent: {error}") from error


def canonical_body(kind: Kind, body: bytes) -> bytes:
    """kind, version, length, body: what the signature covers (decision 26). Bodies are padded to 8 bytes."""
    padded = body + bytes(-len(body) % 8)
    return _HEADER.pack(kind, VERSION, len(padded)) + padded


def _list(items: Sequence[Order] | Sequence[Cancel], most: int, what: str) -> bytes:
    if not 1 <= len(items) <= most:
        raise WireError(f"{what}: expected 1 to {most}, found {len(items)}")
    return _COUNT.pack(len(items)) + b"".join(item.encode() for item in items)


def _exactly(value: bytes, length: int, what: str) -> bytes:
    if len(value) != length:
        raise WireError(f"{what}: expected {length} bytes, found {len(value)}")
    return value
