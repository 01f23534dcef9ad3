"""Dead orders (rules 8.2): they never trade and wait to be swept."""

from __future__ import annotations

from matching.codec import CANCEL_MARKET_ALL, Order, ResultCode
from matching.spec.state import State


def find_death(state: State, order: Order) -> ResultCode | None:
    """Why an order is dead: expiry, its owner's watermark, its owner's dead-man time; None when alive."""
    owner = state.account(order.account).header
    if 0 < order.expiry_ms <= state.now:
        return ResultCode.EXPIRED
    if order.order_id < owner.cancel_before and owner.cancel_market in (CANCEL_MARKET_ALL, order.market):
        return ResultCode.WATERMARK
    if 0 < owner.cancel_at_ms <= state.now:
        return ResultCode.DEAD_MAN
    return None
