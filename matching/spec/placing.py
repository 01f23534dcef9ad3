"""Placing a leg: checks, matching, and what happens to the rest (rules 8.1)."""

from __future__ import annotations

from matching.codec import Event, Leg, Order, OrderAccepted, OrderRefused, OrderRemoved, ResultCode
from matching.spec.account import Account
from matching.spec.dead_orders import find_death
from matching.spec.fees import compute_taker_fee, roll_volume, tier_of
from matching.spec.fill import remove_with_event
from matching.spec.fixed_point import FINE, ceil_div
from matching.spec.funding import settle_account
from matching.spec.leg_checks import LegOrder, check_leg
from matching.spec.limits import ORDER_SLOTS
from matching.spec.margin import ExtraOrder, compute_cross, notional
from matching.spec.matching import Budget, Taker, crosses, match
from matching.spec.refusal import Refused, check
from matching.spec.state import State


def process_leg(
    state: State, account: Account, leg: Leg, leg_index: int, budget: Budget, events: list[Event]
) -> ResultCode:
    """Places one leg and emits what became of it; the leg's code."""
    try:
        order = check_leg(state, account, leg)
        increases = _prepare(state, order, budget, events)
    except Refused as refusal:
        body = OrderRefused(leg_index, account.id, leg.client_id, refusal.price_ticks)
        events.append(Event(body, refusal.code))
        return refusal.code
    finally:
        if leg.market < len(state.markets):
            state.drop_empty_position(account, state.markets[leg.market])
    return _process_order(state, order, increases, leg_index, budget, events)


def _prepare(state: State, order: LegOrder, budget: Budget, events: list[Event]) -> bool:
    """Steps 1 to 4 of rules 8.1 before an order number is taken; whether the leg increases the worst case."""
    account, market = order.account, order.market
    roll_volume(state, account)
    settle_account(state, account, events)
    state.position(account, market)
    increases = order.increases
    if increases:
        extra = ExtraOrder(market.index, order.side, order.leg.size_lots)
        margin = compute_cross(account, state.markets, extra)
        money = notional(order.leg.size_lots, market.k, market.state.mark_fine)
        fee = compute_taker_fee(money, tier_of(state, account).taker_ppm)
        check(margin.equity - fee >= margin.initial, ResultCode.INSUFFICIENT_MARGIN)
    if order.post_only:
        _clear_dead_heads(state, order, budget, events)
        crossing = crosses(order.side, order.price_ticks, market.book.opposite(order.side).best)
        check(not crossing, ResultCode.POST_ONLY_WOULD_CROSS)
    return increases


def _clear_dead_heads(state: State, order: LegOrder, budget: Budget, events: list[Event]) -> None:
    """Removes dead orders that a post-only leg would cross."""
    opposite = order.market.book.opposite(order.side)
    while crosses(order.side, order.price_ticks, opposite.best):
        slot = opposite.levels[opposite.best][0]
        death = find_death(state, state.order(slot))
        if not death:
            return
        check(budget.left > 0, ResultCode.STOPPED_FILL_LIMIT)
        budget.left -= 1
        remove_with_event(state, slot, death, events)


def _process_order(
    state: State, order: LegOrder, increases: bool, leg_index: int, budget: Budget, events: list[Event]
) -> ResultCode:
    """Takes number and slot, matches, rests or drops the remainder (steps 4 to 7)."""
    state.system.order_no += 1
    slot = state.pop_slot()
    order_id = state.system.order_no * ORDER_SLOTS + slot
    taker = _new_taker(state, order, order_id)
    state.position(order.account, order.market)
    code = match(state, taker, budget, events)
    resting = 0
    reason = ResultCode.IOC_REST
    if code is not ResultCode.OK:
        reason = code
    elif taker.remaining and order.immediate:
        code = ResultCode.OK if taker.filled else ResultCode.NO_LIQUIDITY
    elif taker.remaining:
        resting, code = _find_resting_lots(state, order, taker, increases)
        reason = code
    if resting:
        state.insert_order(slot, _new_record(order, order_id, resting))
    else:
        state.push_slot(slot)
    state.drop_empty_position(order.account, order.market)
    accepted = OrderAccepted(leg_index, order.account.id, order_id, order.leg.client_id, resting, taker.filled)
    events.append(Event(accepted, code))
    if taker.remaining and not resting:
        events.append(Event(OrderRemoved(order_id, order.account.id, reason, taker.remaining, taker.filled)))
    return code


def _new_taker(state: State, order: LegOrder, order_id: int) -> Taker:
    fee_ppm = min(tier_of(state, order.account).taker_ppm, order.leg.fee_max_ppm)
    return Taker(
        order.account,
        order.market,
        order.side,
        order.price_ticks,
        order.leg.size_lots,
        order_id,
        order.reduce_only,
        order.leg.stp,
        fee_ppm,
    )


def _find_resting_lots(state: State, order: LegOrder, taker: Taker, increases: bool) -> tuple[int, ResultCode]:
    """How much of the remainder may rest, and the leg's code (step 7)."""
    market = order.market
    if order.reduce_only:
        lots = min(taker.remaining, order.account.reducible_lots(market.index, order.side))
        enough = lots and lots * order.price_ticks * market.k >= market.config.order_notional_min_e6
        return (lots, ResultCode.OK) if enough else (0, ResultCode.NOTIONAL_TOO_SMALL)
    if increases:
        extra = ExtraOrder(market.index, order.side, taker.remaining)
        margin = compute_cross(order.account, state.markets, extra)
        loss = compute_rest_loss(order.side, taker.remaining, market.k, order.price_ticks, market.state.mark_fine)
        if margin.equity - loss < margin.initial:
            return 0, ResultCode.STOPPED_MARGIN if taker.filled else ResultCode.INSUFFICIENT_MARGIN
    return taker.remaining, ResultCode.OK


def compute_rest_loss(side: int, lots: int, k: int, price_ticks: int, mark_fine: int) -> int:
    """What filling a resting order at once would lose against the mark (rules 9.4 c)."""
    distance = FINE * price_ticks - mark_fine if side == 0 else mark_fine - FINE * price_ticks
    return max(0, ceil_div(lots * k * distance, FINE))


def _new_record(order: LegOrder, order_id: int, resting: int) -> Order:
    leg = order.leg
    return Order(
        order_id=order_id,
        account=order.account.id,
        market=leg.market,
        list=leg.side,
        side=leg.side,
        price_ticks=order.price_ticks,
        remaining_lots=resting,
        original_lots=leg.size_lots,
        expiry_ms=leg.expiry_ms,
        client_id=leg.client_id,
        fee_max_ppm=leg.fee_max_ppm,
        kind=leg.kind,
        tif=leg.tif,
        stp=leg.stp,
        flags=leg.flags,
    )
