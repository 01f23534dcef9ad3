"""A market: parameters, state and book (rules 3.3), and when its prices may be used (12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from matching.codec import MarketConfig, MarketState, MarketStatus
from matching.spec.book import Book
from matching.spec.limits import HOUR_MS, MINUTE_MS


@dataclass(slots=True)
class Market:
    """Everything about one market."""

    index: int
    config: MarketConfig
    state: MarketState
    book: Book = field(default_factory=Book)

    @property
    def k(self) -> int:
        """Money of one lot moved by one tick."""
        return self.config.lot_tick_value_e6

    @property
    def trades(self) -> bool:
        return self.state.status in (MarketStatus.ACTIVE, MarketStatus.REDUCE_ONLY, MarketStatus.HALTED)

    def is_stale(self, now: int) -> bool:
        """No index price yet, or the last one is too old (rules 12)."""
        return self.state.index_fine == 0 or now - self.state.index_time_ms > self.config.index_age_max_ms

    @property
    def is_catching_up(self) -> bool:
        """The step clamp bites: the coming marks are known (rules 12)."""
        return self.state.raw_fine != 0

    def hour_is_due(self, now: int) -> bool:
        return self.state.funded_hour < now // HOUR_MS

    def minute_is_due(self, now: int) -> bool:
        return self.state.sampled_minute < now // MINUTE_MS

    def has_debt(self, now: int) -> bool:
        """Steps 1 or 2 of MarketWork are due (rules 14)."""
        return self.trades and (self.hour_is_due(now) or self.minute_is_due(now))
