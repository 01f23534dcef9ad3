"""A mirror of one public book, kept from snapshots and deltas (protocol bb/1, section 5.1)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

from clients.python.errors import BookError

_LEVEL = struct.Struct("<IQ")


class BookMirror:
    """The visible levels of one market. `apply` takes `snap` and `delta` frames in order; BookError on a hole."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.n: int | None = None
        self.checksums = 0

    def apply(self, frame: dict[str, Any]) -> None:
        """Applies one frame of channel `book.<market>`."""
        if frame["t"] == "snap":
            self.bids, self.asks = dict(frame["bids"]), dict(frame["asks"])
        else:
            if self.n is None or frame["prev_n"] != self.n:
                raise BookError(f"book: expected a delta after {self.n}, found one after {frame['prev_n']}")
            _update(self.bids, frame["bids"])
            _update(self.asks, frame["asks"])
        self.n = frame["n"]
        if "crc32" in frame:
            self._check(frame["crc32"])

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(bids, asks), best first, as (price_ticks, lots)."""
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())

    def best(self) -> tuple[int | None, int | None]:
        """(best bid, best ask) in ticks."""
        return max(self.bids, default=None), min(self.asks, default=None)

    def _check(self, expected: int) -> None:
        bids, asks = self.levels()
        found = zlib.crc32(b"".join(_LEVEL.pack(price, lots) for price, lots in bids + asks))
        if found != expected:
            raise BookError(f"book: expected checksum {expected}, found {found}")
        self.checksums += 1


def _update(side: dict[int, int], changes: Iterable[tuple[int, int]]) -> None:
    for price, lots in changes:
        if lots:
            side[price] = lots
        else:
            side.pop(price, None)
