"""Order book of one market: per side a sorted map from price to the FIFO list of slots (rules 6).

The records of levels, trie and links are views of these lists; `pages` derives them.
"""

from __future__ import annotations

from sortedcontainers import SortedDict

BIDS, ASKS = 0, 1


class BookSide:
    """One side: price -> slots in order of arrival."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.levels: SortedDict[int, list[int]] = SortedDict()

    @property
    def best(self) -> int:
        """Best price, 0 when empty."""
        if not self.levels:
            return 0
        price: int = self.levels.peekitem(-1 if self.kind == BIDS else 0)[0]
        return price

    @property
    def order_count(self) -> int:
        return sum(len(slots) for slots in self.levels.values())

    def prices(self) -> list[int]:
        """All prices, best first."""
        return list(reversed(self.levels)) if self.kind == BIDS else list(self.levels)

    def insert(self, price: int, slot: int) -> None:
        """Appends an order at the tail of its level."""
        self.levels.setdefault(price, []).append(slot)

    def remove(self, price: int, slot: int) -> None:
        """Takes an order out of its level; an empty level disappears."""
        slots = self.levels[price]
        slots.remove(slot)
        if not slots:
            del self.levels[price]

    def any_between(self, low: int, high: int) -> bool:
        """Whether a level lies in low..high."""
        return next(self.levels.irange(low, high), None) is not None


class Book:
    """The two sides of a market (trigger lists come later) and its last trade."""

    def __init__(self) -> None:
        self.sides = [BookSide(BIDS), BookSide(ASKS)]
        self.last_trade_ticks = 0

    def opposite(self, side: int) -> BookSide:
        """The side that an order of `side` (0 buy, 1 sell) trades with."""
        return self.sides[1 - side]
