"""Mark price (rules 10): the index plus the averaged distance of the book's impact prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matching.codec import MarketConfig, Order
from matching.spec.book import BIDS, BookSide
from matching.spec.fixed_point import FINE, MILLION, ceil_div, clamp
from matching.spec.limits import IMPACT_LEVELS_MAX


def compute_impact(levels: Iterable[tuple[int, int]], k: int, money: int, *, is_bid: bool) -> int | None:
    """Average price in fine units of spending `money` on (price, lots) levels, best first; None when too little is there."""
    taken_lots = taken_money = 0
    for _, (price, lots) in zip(range(IMPACT_LEVELS_MAX), levels, strict=False):
        need = ceil_div(money - taken_money, price * k)
        take = min(need, lots)
        taken_lots += take
        taken_money += take * price * k
        if taken_money >= money:
            total = taken_money * FINE
            return total // (taken_lots * k) if is_bid else ceil_div(total, taken_lots * k)
    return None


def find_impact(side: BookSide, orders: dict[int, Order], k: int, money: int) -> int | None:
    """Impact price of a book side; reduce-only orders do not count, dead ones do."""
    levels = (
        (price, sum(orders[slot].remaining_lots for slot in side.levels[price] if not orders[slot].flags & 1))
        for price in side.prices()[:IMPACT_LEVELS_MAX]
    )
    return compute_impact(levels, k, money, is_bid=side.kind == BIDS)


@dataclass(frozen=True, slots=True)
class Mark:
    """New averaged basis (fine * 2^16) and mark price (fine)."""

    basis_q16: int
    mark_fine: int


def compute_mark(
    config: MarketConfig, index_fine: int, basis_q16: int, bid_fine: int | None, ask_fine: int | None, dt_ms: int
) -> Mark:
    """Moves the basis toward the book's middle by the share dt / tau and adds it to the index."""
    cap = index_fine * config.basis_cap_ppm // MILLION
    target = 0
    if bid_fine is not None and ask_fine is not None:
        target = clamp((bid_fine + ask_fine) // 2 - index_fine, -cap, cap)
    weight = min(65536, dt_ms * 65536 // config.basis_tau_ms)
    moved = basis_q16 + (target * 65536 - basis_q16) * weight // 65536
    basis = clamp(moved, -cap * 65536, cap * 65536)
    return Mark(basis, clamp(index_fine + basis // 65536, 1, FINE * config.price_ticks_max))
