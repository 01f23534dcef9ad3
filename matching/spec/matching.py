"""The matching loop (rules 8.3) and the margin tests of its fills (9.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matching.codec import Event, Order, OrderReduced, ResultCode, SelfTradePrevention
from matching.spec.account import Account
from matching.spec.dead_orders import find_death
from matching.spec.fees import compute_maker_fee, compute_taker_fee, roll_volume, tier_of
from matching.spec.fill import (
    Fill,
    is_within_limits,
    long_lots_after,
    process_fill,
    remove_with_event,
    try_maker,
    try_taker,
)
from matching.spec.fixed_point import FINE, ceil_div
from matching.spec.funding import settle_account
from matching.spec.margin import compute_cross, is_health_kept, position_value
from matching.spec.market import Market
from matching.spec.position import grows
from matching.spec.state import State


@dataclass(slots=True)
class Budget:
    """Matching steps left to a command."""

    left: int


@dataclass(slots=True)
class Taker:
    """An order that takes from the book."""

    account: Account
    market: Market
    side: int
    limit_ticks: int
    remaining: int
    order_id: int = 0
    reduce_only: bool = False
    stp: int = SelfTradePrevention.CANCEL_MAKER
    fee_ppm: int = 0
    is_liquidation: bool = False  # steps b and g are skipped
    on_fill: Callable[[Fill], None] | None = None  # called after each fill
    filled: int = 0


def crosses(side: int, limit_ticks: int, best_ticks: int) -> bool:
    """An order of this side and limit trades at the opposite best price (0 = empty side)."""
    if best_ticks == 0:
        return False
    return best_ticks <= limit_ticks if side == 0 else best_ticks >= limit_ticks


def match(state: State, taker: Taker, budget: Budget, events: list[Event]) -> ResultCode:
    """Runs the loop; OK = nothing left or nothing to trade with, else the stop code 75..80."""
    opposite = taker.market.book.opposite(taker.side)
    while taker.remaining > 0:
        if not crosses(taker.side, taker.limit_ticks, opposite.best):
            return ResultCode.OK
        if budget.left == 0:
            return ResultCode.STOPPED_FILL_LIMIT
        budget.left -= 1
        stop = _step(state, taker, opposite.levels[opposite.best][0], events)
        if stop is not None:
            return stop
    return ResultCode.OK


def _step(state: State, taker: Taker, slot: int, events: list[Event]) -> ResultCode | None:
    """One turn with the head of the best level; a code ends the loop."""
    order = state.order(slot)
    death = find_death(state, order)
    if death:
        remove_with_event(state, slot, death, events)
        return None
    maker = state.account(order.account)
    if not taker.is_liquidation and maker.header.master == taker.account.header.master:
        return _prevent_self_trade(state, taker, slot, order, events)
    lots = min(taker.remaining, order.remaining_lots)
    if order.flags & 1:
        lots = min(lots, maker.reducible_lots(order.market, order.side))
        if lots == 0:
            remove_with_event(state, slot, ResultCode.MAKER_REDUCE_ONLY, events)
            return None
    if taker.reduce_only:
        lots = min(lots, taker.account.reducible_lots(order.market, taker.side))
        if lots == 0:
            return ResultCode.STOPPED_REDUCE_ONLY
    return _trade(state, taker, _new_fill(state, taker, slot, order, lots), events)


def _prevent_self_trade(state: State, taker: Taker, slot: int, order: Order, events: list[Event]) -> ResultCode | None:
    if taker.stp == SelfTradePrevention.CANCEL_TAKER:
        return ResultCode.STOPPED_SELF_TRADE
    if taker.stp == SelfTradePrevention.DECREMENT:
        lots = min(taker.remaining, order.remaining_lots)
        taker.remaining -= lots
        state.reduce_order(slot, lots)
        if order.remaining_lots:
            events.append(Event(OrderReduced(order.order_id, order.remaining_lots)))
            return None
    remove_with_event(state, slot, ResultCode.SELF_TRADE, events)
    return ResultCode.STOPPED_SELF_TRADE if taker.stp == SelfTradePrevention.CANCEL_BOTH else None


def _new_fill(state: State, taker: Taker, slot: int, order: Order, lots: int) -> Fill:
    n = lots * order.price_ticks * taker.market.k
    taker_fee = compute_taker_fee(n, taker.fee_ppm)
    maker_rate = min(tier_of(state, state.account(order.account)).maker_ppm, order.fee_max_ppm)
    maker_fee = compute_maker_fee(n, maker_rate, taker_fee)
    return Fill(taker.market, taker.side, taker.order_id, slot, order, lots, n, taker_fee, maker_fee)


def _trade(state: State, taker: Taker, fill: Fill, events: list[Event]) -> ResultCode | None:
    """Steps d to h of the loop."""
    market, maker = taker.market, state.account(fill.maker.account)
    taker_after, maker_after = try_taker(fill, taker.account, state), try_maker(fill, maker, state)
    oi = long_lots_after(
        market,
        (taker.account.size(market.index), taker_after.size(market.index)),
        (maker.size(market.index), maker_after.size(market.index)),
    )
    if oi > market.config.oi_lots_max and oi > market.state.oi_lots:
        return ResultCode.STOPPED_OI_CAP
    if not is_within_limits(taker_after, market):
        return ResultCode.STOPPED_POSITION_LIMIT
    if not is_within_limits(maker_after, market):
        remove_with_event(state, fill.slot, ResultCode.MAKER_LIMIT, events)
        return None
    settle_account(state, maker, events)
    roll_volume(state, maker)
    if not maker_may_fill(state, fill, maker):
        remove_with_event(state, fill.slot, ResultCode.MAKER_MARGIN, events)
        return None
    if not taker.is_liquidation and not taker_may_fill(state, fill, taker.account):
        return ResultCode.STOPPED_MARGIN
    process_fill(state, fill, taker.account, events)
    taker.remaining -= fill.lots
    taker.filled += fill.lots
    if taker.on_fill:
        taker.on_fill(fill)
    return None


def taker_may_fill(state: State, fill: Fill, taker: Account) -> bool:
    """Test (b): after growing, equity covers IM; after shrinking, the scope is sound or not worse."""
    after = try_taker(fill, taker, state)
    margin = compute_cross(after, state.markets)
    if grows(taker.size(fill.market.index), after.size(fill.market.index)):
        return margin.equity >= margin.initial
    return is_health_kept(compute_cross(taker, state.markets), margin)


def maker_may_fill(state: State, fill: Fill, maker: Account) -> bool:
    """Test (d): a resting order may not be used to hand margin to somebody else."""
    market = fill.market
    after = try_maker(fill, maker, state)
    before_margin, margin = compute_cross(maker, state.markets), compute_cross(after, state.markets)
    if grows(maker.size(market.index), after.size(market.index)):
        return margin.equity >= margin.maintenance + _catching_up_reserve(fill)
    gain = position_value(after, market) - position_value(maker, market) + fill.taker_quote - fill.maker_fee
    keeps_position = any(position.size_lots for position in after.positions.values())
    if gain >= 0 and (keeps_position or margin.equity >= 0):
        return True
    return is_health_kept(before_margin, margin)


def _catching_up_reserve(fill: Fill) -> int:
    """While the index catches up, growth at a price worse than raw pays the coming loss in advance."""
    m = fill.market.state
    fine = fill.maker.price_ticks * FINE
    worse = fine > m.raw_fine if fill.maker.side == 0 else fine < m.raw_fine
    if not fill.market.is_catching_up or not worse:
        return 0
    return ceil_div(fill.lots * fill.market.k * abs(m.raw_fine - m.mark_fine), FINE)
