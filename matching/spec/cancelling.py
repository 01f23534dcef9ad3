"""Cancels by name and by watermark, and the sweeping of dead orders (rules 4.4, 14)."""

from __future__ import annotations

from matching.codec import (
    CANCEL_MARKET_ALL,
    CANCEL_MARKET_NONE,
    MARKET_ALL,
    CancelItem,
    CommandKind,
    Event,
    OrderRefused,
    ResultCode,
    WorkDone,
)
from matching.spec.account import Account
from matching.spec.dead_orders import find_death
from matching.spec.fill import remove_with_event
from matching.spec.limits import ACCOUNT_WORK_MAX, ORDER_SLOTS
from matching.spec.refusal import Refused, check
from matching.spec.state import State


def process_cancel(state: State, account: Account, item: CancelItem, index: int, events: list[Event]) -> ResultCode:
    """One item of CancelOrders; its code."""
    try:
        slot = _find_by_client(state, account, item) if item.by_client else _find_by_id(state, account, item)
    except Refused as refusal:
        events.append(Event(OrderRefused(index, account.id, item.id), refusal.code))
        return refusal.code
    remove_with_event(state, slot, ResultCode.CANCELLED, events)
    return ResultCode.OK


def _find_by_id(state: State, account: Account, item: CancelItem) -> int:
    slot = item.order_id % ORDER_SLOTS
    order = state.orders.get(slot)
    if order and (order.order_id, order.account, order.market) == (item.order_id, account.id, item.market):
        return slot
    existed = 0 < item.order_id < (state.system.order_no + 1) * ORDER_SLOTS
    raise Refused(ResultCode.ALREADY_CLOSED if existed else ResultCode.NOT_FOUND)


def _find_by_client(state: State, account: Account, item: CancelItem) -> int:
    """The hinted order if it fits, else the newest that does; a false hint denies nothing."""
    check(any(item.id), ResultCode.NOT_FOUND)
    for slot in (item.hint - 1, *account.orders):
        order = state.orders.get(slot)
        if order and (order.account, order.market, order.client_id) == (account.id, item.market, item.id):
            return slot
    raise Refused(ResultCode.NOT_FOUND)


def process_cancel_all(state: State, account: Account, market: int, events: list[Event]) -> None:
    """Kills the account's orders of one market or all at once, and sweeps the first of them."""
    watermark = CANCEL_MARKET_ALL if market == MARKET_ALL else market
    header = account.header
    check(header.cancel_market in (CANCEL_MARKET_NONE, watermark), ResultCode.ACCOUNT_WORK_PENDING)
    check(market == MARKET_ALL or market < state.system.market_count, ResultCode.MARKET_UNKNOWN)
    raise_watermark(state, account, watermark)
    sweep_account(state, account, events)


def raise_watermark(state: State, account: Account, watermark: int) -> None:
    """Every order numbered until now in the watermark's market is dead."""
    account.header.cancel_before = (state.system.order_no + 1) * ORDER_SLOTS
    account.header.cancel_market = watermark


def sweep_account(state: State, account: Account, events: list[Event]) -> None:
    """AccountWork: removes at most 64 dead orders from the head of the account's list."""
    done = 0
    ended = True
    for slot in list(account.orders):
        if done == ACCOUNT_WORK_MAX:
            ended = False
            break
        death = find_death(state, state.orders[slot])
        if death:
            remove_with_event(state, slot, death, events)
            done += 1
    if ended:
        account.header.cancel_market = CANCEL_MARKET_NONE
        if account.header.cancel_at_ms <= state.now:
            account.header.cancel_at_ms = 0
    events.append(Event(WorkDone(CommandKind.ACCOUNT_WORK, done, int(account.has_debt(state.now)))))


def process_account_work(state: State, number: int, events: list[Event]) -> None:
    """Goes on sweeping an account that has debt."""
    account = state.find_account(number)
    if account is None:
        raise Refused(ResultCode.ACCOUNT_UNKNOWN)
    check(account.has_debt(state.now), ResultCode.NOTHING_DUE)
    sweep_account(state, account, events)


def process_expire_orders(state: State, slots: list[int], events: list[Event]) -> None:
    """Removes those of the named orders that are past their expiry."""
    done = 0
    for slot in slots:
        order = state.orders.get(slot)
        if order and 0 < order.expiry_ms <= state.now:
            remove_with_event(state, slot, ResultCode.EXPIRED, events)
            done += 1
    events.append(Event(WorkDone(CommandKind.EXPIRE_ORDERS, done, 0)))
