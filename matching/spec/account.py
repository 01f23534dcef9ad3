"""An account: its header, its positions by market, and its open orders, newest first (rules 3.3, 6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from matching.codec import CANCEL_MARKET_NONE, AccountHeader, Order, Position


@dataclass(slots=True)
class Account:
    """One margin pool. `orders` holds slots; head and count of the record follow from it."""

    header: AccountHeader
    positions: dict[int, Position] = field(default_factory=dict)
    orders: list[int] = field(default_factory=list)

    @property
    def id(self) -> int:
        return self.header.account_id

    @property
    def exists(self) -> bool:
        return any(self.header.owner)

    @property
    def in_liquidation(self) -> bool:
        return self.header.liq_since_ms != 0

    def has_debt(self, now: int) -> bool:
        """Dead orders still wait for AccountWork (rules 14)."""
        header = self.header
        return header.cancel_market != CANCEL_MARKET_NONE or 0 < header.cancel_at_ms <= now

    def sorted_positions(self) -> list[Position]:
        """Position records, ascending market."""
        return [self.positions[market] for market in sorted(self.positions)]

    def size(self, market: int) -> int:
        """Signed lots held in a market."""
        return self.positions[market].size_lots if market in self.positions else 0

    def reducible_lots(self, market: int, side: int) -> int:
        """Lots that an order of this side can take off the position."""
        size = self.size(market)
        return max(0, -size) if side == 0 else max(0, size)

    def trial(self) -> Account:
        """A copy on which a fill can be tried out."""
        return Account(replace(self.header), {m: replace(p) for m, p in self.positions.items()}, self.orders)


def opens_margin_free(order: Order) -> bool:
    """Triggers and resting reduce-only orders take no margin but one unit of hold (rules 9.3)."""
    return bool(order.flags & 1) or order.trigger_ticks != 0
