"""Invariants of single fills (rules 17, I8 and I9), judged from the orders before a command and the state after it."""

from __future__ import annotations

from dataclasses import dataclass

from matching.codec import CommandKind, Order, Trade, decode_command, decode_events
from matching.spec.account import Account
from matching.spec.dead_orders import find_death
from matching.spec.fixed_point import ceil_div, sign
from matching.spec.margin import compute_cross
from matching.spec.state import State


@dataclass(frozen=True)
class Resting:
    """What matters of an order before the command."""

    account: int
    price_ticks: int
    remaining_lots: int
    fee_max_ppm: int
    is_dead: bool


def resting_orders(state: State) -> dict[int, Resting]:
    """All open orders by id."""
    return {order.order_id: _resting(state, order) for order in state.orders.values()}


def _resting(state: State, o: Order) -> Resting:
    return Resting(o.account, o.price_ticks, o.remaining_lots, o.fee_max_ppm, find_death(state, o) is not None)


def check_fills(before: dict[int, Resting], command: bytes, events: bytes, state: State) -> None:
    """Raises AssertionError naming I8 or I9."""
    trades = [event.body for event in decode_events(events) if isinstance(event.body, Trade)]
    if not trades:
        return
    filled: dict[int, int] = {}
    for trade in trades:
        maker = before[trade.maker_id]
        filled[trade.maker_id] = filled.get(trade.maker_id, 0) + trade.lots
        n = trade.lots * trade.price_ticks * state.markets[trade.market].k
        assert not maker.is_dead, f"I8: order {trade.maker_id} traded dead"
        assert (trade.maker, trade.price_ticks) == (maker.account, maker.price_ticks), "I8: not the maker's price"
        assert filled[trade.maker_id] <= maker.remaining_lots, "I8: more than was left"
        assert trade.maker_fee_e6 <= ceil_div(n * maker.fee_max_ppm, 10**6), "I8: maker fee above its maximum"
        assert trade.taker_fee_e6 + trade.maker_fee_e6 >= 0, "I8: fees fall"
    if state.system.seq and command[0] == CommandKind.PLACE_ORDERS:
        _check_taker(command, trades, state)
    _check_makers(trades, state)


def _check_taker(command: bytes, trades: list[Trade], state: State) -> None:
    legs = decode_command(command).body.legs  # type: ignore[attr-defined]
    if len(legs) > 1:
        return
    leg, last = legs[0], trades[-1]
    for trade in trades:
        inside = trade.price_ticks <= leg.price_ticks if leg.side == 0 else trade.price_ticks >= leg.price_ticks
        assert inside, "I8: outside the taker's limit"
        n = trade.lots * trade.price_ticks * state.markets[trade.market].k
        assert trade.taker_fee_e6 <= ceil_div(n * leg.fee_max_ppm, 10**6), "I8: taker fee above its maximum"
    assert sum(trade.lots for trade in trades) <= leg.size_lots, "I8: more than was asked"
    taker = state.accounts[last.taker]
    if _grew(last.taker_size_after, 1 - 2 * leg.side):
        margin = compute_cross(taker, state.markets)
        assert margin.equity >= margin.initial, f"I9: taker {taker.id} below its initial margin"


def _check_makers(trades: list[Trade], state: State) -> None:
    if len({trade.taker_side for trade in trades}) > 1:
        return
    for trade in {trade.maker: trade for trade in trades}.values():
        maker: Account = state.accounts[trade.maker]
        if _grew(trade.maker_size_after, 2 * trade.taker_side - 1):
            margin = compute_cross(maker, state.markets)
            assert margin.equity >= margin.maintenance, f"I9: maker {maker.id} pushed below maintenance"


def _grew(size_after: int, direction: int) -> bool:
    """The last fill enlarged a position: it now lies in the direction of the fill."""
    return sign(size_after) == direction
