"""Channels: what was published, what can be resumed, and who listens (PROTOCOL.md 5).

Frames are dictionaries without `ch`-independent decoration; subscribers are callables. No clock, no socket.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from exchange.errors import Refusal

Frame = dict[str, Any]
Subscriber = Callable[[str, Frame], None]
DELTAS_KEPT = 4_096
TRADES_KEPT = 65_536
TRADES_SHOWN = 50
ACCOUNT_EVENTS_KEPT = 10_000
BATCHES_SHOWN = 100
CRC_EVERY = 100


@dataclass(slots=True)
class Channel:
    """One ordered channel: counter, frames kept for resuming, listeners."""

    name: str
    kept: int
    is_per_epoch: bool
    n: int = 0
    frames: deque[Frame] = field(default_factory=deque)
    subscribers: dict[int, Subscriber] = field(default_factory=dict)

    def publish(self, frame: Frame) -> Frame:
        """Number a frame, keep it, hand it to the listeners."""
        self.n += 1
        frame = {"ch": self.name, "n": self.n, **frame}
        self.frames.append(frame)
        if len(self.frames) > self.kept:
            self.frames.popleft()
        for subscriber in list(self.subscribers.values()):
            subscriber(self.name, frame)
        return frame

    def missed(self, after: int) -> list[Frame] | None:
        """Frames after `after`, or None when they are no longer all kept."""
        if after > self.n or after < self.n - len(self.frames):
            return None
        return [frame for frame in self.frames if frame["n"] > after]


class BookChannel:
    """Published depth of one market: deltas between what was shown last and what is true now."""

    def __init__(self, market: int) -> None:
        self.channel = Channel(f"book.{market}", DELTAS_KEPT, is_per_epoch=True)
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def update(self, bids: dict[int, int], asks: dict[int, int], decoration: Frame) -> None:
        """Publish the difference to the last state, if any."""
        changes = {"bids": _changes(self._bids, bids), "asks": _changes(self._asks, asks)}
        if not changes["bids"] and not changes["asks"]:
            return
        self._bids, self._asks = bids, asks
        frame: Frame = {"t": "delta", "prev_n": self.channel.n, **changes, **decoration}
        if (self.channel.n + 1) % CRC_EVERY == 0:
            frame["crc32"] = self.checksum()
        self.channel.publish(frame)

    def checksum(self) -> int:
        """CRC-32 over bids then asks, best first."""
        levels = [*sorted(self._bids.items(), reverse=True), *sorted(self._asks.items())]
        return zlib.crc32(b"".join(struct.pack("<IQ", price, lots) for price, lots in levels))

    def snapshot(self) -> Frame:
        """All shown levels, best first."""
        return {
            "bids": [[price, lots] for price, lots in sorted(self._bids.items(), reverse=True)],
            "asks": [[price, lots] for price, lots in sorted(self._asks.items())],
        }


def _changes(old: dict[int, int], new: dict[int, int]) -> list[list[int]]:
    changed = [[price, lots] for price, lots in new.items() if old.get(price) != lots]
    gone = [[price, 0] for price in old if price not in new]
    return sorted(changed + gone)


class Hub:
    """All channels of the exchange. `as_of` and `time_ms` name the newest durable command."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.as_of = 0
        self.time_ms = 0
        self._books: dict[int, BookChannel] = {}
        self._trades: dict[int, Channel] = {}
        self._contexts: dict[int, Channel] = {}
        self._accounts: dict[int, Channel] = {}
        self._batches = Channel("batches", DELTAS_KEPT, is_per_epoch=True)
        self._batch_records: dict[int, Frame] = {}

    def decoration(self) -> Frame:
        """`as_of` and `time_ms` of now."""
        return {"as_of": self.as_of, "time_ms": self.time_ms}

    # ---- publishing

    def publish_account(self, account: int, seq: int, time_ms: int, fields: Frame) -> None:
        """One private event of one account."""
        self.account(account).publish({"t": "event", "as_of": seq, "time_ms": time_ms, **fields})

    def publish_trade(self, market: int, seq: int, time_ms: int, fields: Frame) -> None:
        """One anonymous trade."""
        self._trade_channel(market).publish({"t": "event", "as_of": seq, "time_ms": time_ms, **fields})

    def publish_depth(self, market: int, bids: dict[int, int], asks: dict[int, int]) -> None:
        """New depth of a market."""
        self._book(market).update(bids, asks, self.decoration())

    def publish_context(self, market: int, fields: Frame) -> None:
        """New prices of a market, if they differ from the last ones."""
        channel = self._context(market)
        last = channel.frames[-1] if channel.frames else {}
        if any(last.get(key) != value for key, value in fields.items()):
            channel.publish({"t": "event", **fields, **self.decoration()})

    def publish_batch(self, event: str, record: Frame, **fields: Any) -> None:
        """A step of a batch on its way to the chain."""
        self._batch_records[record["number"]] = record
        self._batches.publish({"t": "event", "event": event, "batch": record, **fields, **self.decoration()})

    def batch_record(self, number: int) -> Frame | None:
        """Newest record of a batch."""
        return self._batch_records.get(number)

    def batch_records(self) -> list[Frame]:
        """All known records by number."""
        return [record for _, record in sorted(self._batch_records.items())]

    # ---- listening

    def subscribe(
        self,
        listener: int,
        subscriber: Subscriber,
        name: str,
        after: int | None,
        epoch: int | None,
        view_account: Callable[[int], Frame] | None = None,
    ) -> tuple[bool, int, list[Frame]]:
        """Join a channel: (resumed, n, frames to send now). Raises UNKNOWN_CHANNEL.

        `view_account` gives the account part of a private snapshot; the caller has checked who asks.
        """
        channel = self._find(name)
        frames: list[Frame] = []
        missed = None
        if after is not None:
            is_other_epoch = channel.is_per_epoch and epoch != self.epoch
            missed = None if is_other_epoch else channel.missed(after)
            if missed is None:
                reason = "epoch" if is_other_epoch or after > channel.n else "retention"
                frames.append({"t": "gap", "ch": name, "reason": reason, **self.decoration()})
        if missed is None:
            frames.append(self._snapshot(channel, view_account))
        channel.subscribers[listener] = subscriber
        return missed is not None, channel.n, frames + (missed or [])

    def unsubscribe(self, listener: int, name: str) -> None:
        """Leave a channel; harmless when not in it."""
        try:
            self._find(name).subscribers.pop(listener, None)
        except Refusal:
            return

    def account(self, number: int) -> Channel:
        """The private channel of an account."""
        channel = self._accounts.get(number)
        if channel is None:
            channel = self._accounts[number] = Channel(f"account.{number}", ACCOUNT_EVENTS_KEPT, is_per_epoch=False)
        return channel

    def add_market(self, market: int) -> None:
        """Open the public channels of a market."""
        self._book(market)
        self._trade_channel(market)
        self._context(market)

    def depth(self, market: int) -> Frame:
        """Shown depth of a market; raises UNKNOWN_CHANNEL."""
        book = self._books.get(market)
        if book is None:
            raise Refusal("UNKNOWN_CHANNEL", f"market {market} does not exist")
        return {"n": book.channel.n, **book.snapshot()}

    def _find(self, name: str) -> Channel:
        kind, _, key = name.partition(".")
        if name == "batches":
            return self._batches
        number = int(key) if key.isascii() and key.isdigit() and len(key) < 9 and str(int(key)) == key else -1
        channels: dict[str, dict[int, Channel]] = {
            "book": {market: book.channel for market, book in self._books.items()},
            "trades": self._trades,
            "ctx": self._contexts,
        }
        if kind == "account" and number >= 0:
            return self.account(number)
        channel = channels.get(kind, {}).get(number)
        if channel is None:
            raise Refusal("UNKNOWN_CHANNEL", f"unknown channel {name}")
        return channel

    def _snapshot(self, channel: Channel, view_account: Callable[[int], Frame] | None) -> Frame:
        kind, _, key = channel.name.partition(".")
        frame: Frame = {"t": "snap", "ch": channel.name, "n": channel.n, **self.decoration()}
        if kind == "book":
            return {**frame, **self._books[int(key)].snapshot()}
        if kind == "trades":
            newest = list(channel.frames)[-TRADES_SHOWN:]
            return {**frame, "trades": [{k: v for k, v in trade.items() if k not in ("t", "ch")} for trade in newest]}
        if kind == "ctx":
            latest = channel.frames[-1] if channel.frames else {}
            return {**latest, **frame}
        if kind == "batches":
            return {**frame, "batches": self.batch_records()[-BATCHES_SHOWN:]}
        return {**frame, **(view_account(int(key)) if view_account is not None else {})}

    def _book(self, market: int) -> BookChannel:
        if market not in self._books:
            self._books[market] = BookChannel(market)
        return self._books[market]

    def _trade_channel(self, market: int) -> Channel:
        if market not in self._trades:
            self._trades[market] = Channel(f"trades.{market}", TRADES_KEPT, is_per_epoch=False)
        return self._trades[market]

    def _context(self, market: int) -> Channel:
        if market not in self._contexts:
            self._contexts[market] = Channel(f"ctx.{market}", 1, is_per_epoch=True)
        return self._contexts[market]
