"""Checks of a leg before it may be placed, in the exact order of rules 4.4."""

from __future__ import annotations

from dataclasses import dataclass

from matching.codec import FLAG_REDUCE_ONLY, Leg, MarketStatus, OrderKind, ResultCode, TimeInForce
from matching.spec.account import Account
from matching.spec.fees import tier_of
from matching.spec.fixed_point import FINE, MILLION, ceil_div, clamp, sign
from matching.spec.limits import FREE_ORDERS_MAX, ORDER_EXPIRY_MAX_MS, ORDER_HOLD_E6, ORDERS_PER_ACCOUNT_MAX
from matching.spec.margin import compute_cross, worst_lots
from matching.spec.market import Market
from matching.spec.refusal import Refused, check
from matching.spec.state import State

BUY, SELL = 0, 1


@dataclass(slots=True)
class LegOrder:
    """A leg on its way into the book; its limit may have been cut by the checks."""

    account: Account
    market: Market
    leg: Leg
    price_ticks: int

    @property
    def side(self) -> int:
        return self.leg.side

    @property
    def reduce_only(self) -> bool:
        return bool(self.leg.flags & FLAG_REDUCE_ONLY)

    @property
    def post_only(self) -> bool:
        return self.leg.tif == TimeInForce.POST_ONLY

    @property
    def immediate(self) -> bool:
        """IOC or FOK: never rests, its limit is cut instead of refused."""
        return self.leg.tif in (TimeInForce.IOC, TimeInForce.FOK)

    @property
    def increases(self) -> bool:
        """The worst case of the position becomes worse with this leg (rules 8.1 step 3)."""
        if self.reduce_only:
            return False
        position = self.account.positions.get(self.market.index)
        return worst_lots(position, self.side, self.leg.size_lots) > worst_lots(position)

    @property
    def signed_lots(self) -> int:
        return self.leg.size_lots if self.side == BUY else -self.leg.size_lots


def check_leg(state: State, account: Account, leg: Leg) -> LegOrder:
    """The leg ready to be placed. Raises Refused with a code of 30..49 or 74."""
    check(leg.market < state.system.market_count, ResultCode.MARKET_UNKNOWN)
    order = LegOrder(account, state.market(leg.market), leg, leg.price_ticks)
    _check_market(state, order)
    _check_shape(order)
    _check_price(order)
    _check_size_and_terms(state, order)
    _check_position(order)
    _check_room(state, order)
    return order


def _check_market(state: State, order: LegOrder) -> None:
    status = order.market.state.status
    check(status != MarketStatus.ABSENT, ResultCode.MARKET_UNKNOWN)
    check(status not in (MarketStatus.HALTED, MarketStatus.SETTLED), ResultCode.MARKET_HALTED)
    check(status != MarketStatus.REDUCE_ONLY or order.reduce_only, ResultCode.MARKET_REDUCE_ONLY)
    if not order.reduce_only:
        check(not order.market.is_stale(state.now), ResultCode.INDEX_STALE)
        if order.market.is_catching_up and order.leg.kind <= OrderKind.MARKET:
            _keep_to_raw(order)
    check(not order.market.has_debt(state.now), ResultCode.MARKET_WORK_PENDING)


def _keep_to_raw(order: LegOrder) -> None:
    """While the index catches up, new risk is taken at the raw price or better."""
    raw = order.market.state.raw_fine
    fine = order.price_ticks * FINE
    if not ((order.side == BUY and fine > raw) or (order.side == SELL and fine < raw)):
        return
    check(order.immediate, ResultCode.INDEX_STALE)
    order.price_ticks = raw // FINE if order.side == BUY else ceil_div(raw, FINE)


def _check_shape(order: LegOrder) -> None:
    leg = order.leg
    valid = (
        leg.side in (BUY, SELL)
        and leg.kind in (OrderKind.LIMIT, OrderKind.MARKET)  # triggers come later
        and leg.tif != TimeInForce.FOK  # comes later, with the undo log
        and (leg.kind != OrderKind.MARKET or leg.tif == TimeInForce.IOC)
        and not (leg.expiry_ms and order.immediate)
        and leg.trigger_ticks == 0
    )
    check(valid, ResultCode.SIDE_OR_KIND_INVALID)


def _check_price(order: LegOrder) -> None:
    if not 1 <= order.price_ticks <= order.market.config.price_ticks_max:
        raise Refused(ResultCode.PRICE_INVALID, nearest_band_price(order))
    fine, mark, config = order.price_ticks * FINE, order.market.state.mark_fine, order.market.config
    band = mark * config.band_ppm // MILLION
    outside = fine > mark + band if order.side == BUY else fine < mark - band
    if outside:
        if not order.immediate:
            raise Refused(ResultCode.PRICE_OUT_OF_BAND, nearest_band_price(order))
        order.price_ticks = (mark + band) // FINE if order.side == BUY else ceil_div(mark - band, FINE)
    elif order.leg.kind == OrderKind.LIMIT:
        passive = mark * config.passive_band_ppm // MILLION
        if fine < mark - passive if order.side == BUY else fine > mark + passive:
            raise Refused(ResultCode.PRICE_OUT_OF_BAND, nearest_band_price(order))


def nearest_band_price(order: LegOrder) -> int:
    """The price inside both bands that is nearest to the refused one (rules 5, OrderRefused)."""
    mark, config = order.market.state.mark_fine, order.market.config
    band, passive = mark * config.band_ppm // MILLION, mark * config.passive_band_ppm // MILLION
    down, up = (passive, band) if order.side == BUY else (band, passive)
    low = clamp(ceil_div(mark - down, FINE), 1, config.price_ticks_max)
    high = clamp((mark + up) // FINE, 1, config.price_ticks_max)
    return clamp(order.price_ticks, low, high)


def _check_size_and_terms(state: State, order: LegOrder) -> None:
    leg, config, now = order.leg, order.market.config, state.now
    check(1 <= leg.size_lots <= config.order_lots_max, ResultCode.SIZE_INVALID)
    money = leg.size_lots * order.price_ticks * order.market.k
    exempt = order.reduce_only and order.immediate
    check(money >= config.order_notional_min_e6 or exempt, ResultCode.NOTIONAL_TOO_SMALL)
    in_time = leg.expiry_ms == 0 or now < leg.expiry_ms <= now + ORDER_EXPIRY_MAX_MS
    check(in_time, ResultCode.EXPIRY_INVALID)
    tier = tier_of(state, order.account)
    least = max(0, tier.maker_ppm) if order.post_only else tier.taker_ppm
    check(leg.fee_max_ppm >= least, ResultCode.FEE_ABOVE_MAX)


def _check_position(order: LegOrder) -> None:
    size = order.account.size(order.market.index)
    if order.reduce_only:
        check(sign(size) == -sign(order.signed_lots), ResultCode.REDUCE_ONLY_INCREASES)
        return
    position = order.account.positions.get(order.market.index)
    open_lots = 0
    if position:
        open_lots = position.open_buy_lots if order.side == BUY else position.open_sell_lots
    most = abs(size) + open_lots + order.leg.size_lots
    check(most <= order.market.config.position_lots_max, ResultCode.POSITION_LIMIT)


def _check_room(state: State, order: LegOrder) -> None:
    account, market = order.account, order.market
    check(len(account.orders) < ORDERS_PER_ACCOUNT_MAX, ResultCode.ACCOUNT_ORDERS_FULL)
    if order.reduce_only and not order.immediate:
        check(account.header.free_orders < FREE_ORDERS_MAX, ResultCode.ACCOUNT_ORDERS_FULL)
        margin = compute_cross(account, state.markets)
        hold = (account.header.free_orders + 1) * ORDER_HOLD_E6
        check(margin.equity >= margin.maintenance + hold, ResultCode.INSUFFICIENT_MARGIN)
    check(not state.slots_exhausted, ResultCode.ORDERS_FULL)
    full = market.state.oi_lots >= market.config.oi_lots_max
    check(not (full and order.increases), ResultCode.OI_CAP)
