"""Events that the machine emits (rules 5): a 24-byte header, then the body, zero-padded to a multiple of 8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from matching.codec.codes import EventKind
from matching.codec.layout import Structure, i64, raw, u8, u16, u32, u64
from matching.errors import CodecError, CodecReason


@dataclass(slots=True)
class EventBody(Structure):
    """Base of event bodies."""

    KIND: ClassVar[EventKind]


@dataclass(slots=True)
class CommandDone(EventBody):
    """Last event of every command; the header code is the command's code."""

    KIND: ClassVar[EventKind] = EventKind.COMMAND_DONE
    SIZE: ClassVar[int] = 8
    account: int = u32(0)
    legs_ok: int = u32(4)


@dataclass(slots=True)
class OrderAccepted(EventBody):
    """A leg that filled or rests; the header code says why a remainder was dropped."""

    KIND: ClassVar[EventKind] = EventKind.ORDER_ACCEPTED
    SIZE: ClassVar[int] = 48
    leg_index: int = u32(0)
    account: int = u32(4)
    order_id: int = u64(8)
    client_id: bytes = raw(16, 16)
    resting_lots: int = u64(32)
    filled_lots: int = u64(40)


@dataclass(slots=True)
class OrderRefused(EventBody):
    """A leg or item that had no effect on the book; the header code says why."""

    KIND: ClassVar[EventKind] = EventKind.ORDER_REFUSED
    SIZE: ClassVar[int] = 32
    leg_index: int = u32(0)
    account: int = u32(4)
    client_id: bytes = raw(8, 16)
    band_price_ticks: int = u32(24)


@dataclass(slots=True)
class Trade(EventBody):
    """One fill between a resting order and a taker."""

    KIND: ClassVar[EventKind] = EventKind.TRADE
    SIZE: ClassVar[int] = 80
    market: int = u16(0)
    taker_side: int = u8(2)
    maker_id: int = u64(8)
    taker_id: int = u64(16)
    maker: int = u32(24)
    taker: int = u32(28)
    price_ticks: int = u32(32)
    lots: int = u64(40)
    maker_fee_e6: int = i64(48)
    taker_fee_e6: int = i64(56)
    maker_size_after: int = i64(64)
    taker_size_after: int = i64(72)


@dataclass(slots=True)
class OrderRemoved(EventBody):
    """An order, or the remainder of a taker, left the book."""

    KIND: ClassVar[EventKind] = EventKind.ORDER_REMOVED
    SIZE: ClassVar[int] = 32
    order_id: int = u64(0)
    account: int = u32(8)
    reason: int = u16(12)
    remaining_lots: int = u64(16)
    filled_lots: int = u64(24)


@dataclass(slots=True)
class OrderReduced(EventBody):
    """A resting order lost size without a trade."""

    KIND: ClassVar[EventKind] = EventKind.ORDER_REDUCED
    SIZE: ClassVar[int] = 16
    order_id: int = u64(0)
    remaining_lots: int = u64(8)


@dataclass(slots=True)
class FundingSettled(EventBody):
    """Funding money that a position paid (positive) or received."""

    KIND: ClassVar[EventKind] = EventKind.FUNDING_SETTLED
    SIZE: ClassVar[int] = 24
    account: int = u32(0)
    market: int = u16(4)
    owed_e6: int = i64(8)
    index: int = i64(16)


@dataclass(slots=True)
class FundingRate(EventBody):
    """The funding index moved by one minute."""

    KIND: ClassVar[EventKind] = EventKind.FUNDING_RATE
    SIZE: ClassVar[int] = 24
    market: int = u16(0)
    rate_ppb: int = i64(8)
    index_after: int = i64(16)


@dataclass(slots=True)
class MarkChanged(EventBody):
    """New index and mark price; flags: 1 step-clamped, 2 bid side absent, 4 ask side absent."""

    KIND: ClassVar[EventKind] = EventKind.MARK_CHANGED
    SIZE: ClassVar[int] = 16
    market: int = u16(0)
    flags: int = u16(2)
    index_fine: int = u32(4)
    mark_fine: int = u32(8)


@dataclass(slots=True)
class MoneyMoved(EventBody):
    """Collateral changed outside trading; `reason` is a MoneyReason."""

    KIND: ClassVar[EventKind] = EventKind.MONEY_MOVED
    SIZE: ClassVar[int] = 24
    account: int = u32(0)
    reason: int = u32(4)
    amount_e6: int = i64(8)
    collateral_after_e6: int = i64(16)


@dataclass(slots=True)
class LiquidationState(EventBody):
    """A scope entered, left, or was worked on in liquidation; `step` is a LiquidationEventStep."""

    KIND: ClassVar[EventKind] = EventKind.LIQUIDATION_STATE
    SIZE: ClassVar[int] = 24
    account: int = u32(0)
    scope: int = u16(4)
    step: int = u16(6)
    equity_e6: int = i64(8)
    maintenance_e6: int = i64(16)


@dataclass(slots=True)
class Adl(EventBody):
    """Positions closed against each other in a deleveraging."""

    KIND: ClassVar[EventKind] = EventKind.ADL
    SIZE: ClassVar[int] = 32
    bankrupt: int = u32(0)
    counterparty: int = u32(4)
    market: int = u16(8)
    lots: int = i64(16)
    quote_e6: int = i64(24)


@dataclass(slots=True)
class TriggerFired(EventBody):
    """A trigger order fired."""

    KIND: ClassVar[EventKind] = EventKind.TRIGGER_FIRED
    SIZE: ClassVar[int] = 16
    order_id: int = u64(0)
    mark_fine: int = u32(8)
    code: int = u16(12)


@dataclass(slots=True)
class WorkDone(EventBody):
    """Bounded work of one command; `what` is a CommandKind, `remaining` 1 while debt is left."""

    KIND: ClassVar[EventKind] = EventKind.WORK_DONE
    SIZE: ClassVar[int] = 16
    what: int = u32(0)
    done: int = u32(4)
    remaining: int = u32(8)


EVENT_BODIES: dict[EventKind, type[EventBody]] = {
    body.KIND: body
    for body in (
        CommandDone,
        OrderAccepted,
        OrderRefused,
        Trade,
        OrderRemoved,
        OrderReduced,
        FundingSettled,
        FundingRate,
        MarkChanged,
        MoneyMoved,
        LiquidationState,
        Adl,
        TriggerFired,
        WorkDone,
    )
}


@dataclass(slots=True)
class EventHeader(Structure):
    """The 24 bytes before every event body."""

    SIZE: ClassVar[int] = 24
    kind: int = u16(0)
    code: int = u16(2)
    body_len: int = u32(4)
    seq: int = u64(8)
    time_ms: int = u64(16)


@dataclass(slots=True)
class Event:
    """An event: its body with code, sequence number and engine time."""

    body: EventBody
    code: int = 0
    seq: int = 0
    time_ms: int = 0

    @property
    def kind(self) -> EventKind:
        return self.body.KIND

    def encode(self) -> bytes:
        """Header and body. Raises CodecError(RANGE)."""
        body = self.body.encode()
        return EventHeader(self.kind, self.code, len(body), self.seq, self.time_ms).encode() + body


def decode_events(data: bytes) -> list[Event]:
    """The events of a byte string, in order. Raises CodecError when it is not a whole number of valid events."""
    events = []
    position = 0
    while position < len(data):
        header = EventHeader.decode(data[position : position + EventHeader.SIZE])
        if header.kind not in EVENT_BODIES:
            raise CodecError(CodecReason.ENUM, f"event kind {header.kind} is unknown")
        kind = EVENT_BODIES[EventKind(header.kind)]
        position += EventHeader.SIZE
        if header.body_len != kind.SIZE:
            raise CodecError(
                CodecReason.LENGTH, f"{kind.__name__}: expected body_len {kind.SIZE}, found {header.body_len}"
            )
        body = kind.decode(data[position : position + kind.SIZE])
        position += kind.SIZE
        events.append(Event(body, header.code, header.seq, header.time_ms))
    return events
