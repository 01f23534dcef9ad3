"""One fill: what it would leave behind (for the tests of rules 9.4) and how it is written (8.4)."""

from __future__ import annotations

from dataclasses import dataclass

from matching.codec import Event, Order, OrderRemoved, ResultCode, Trade
from matching.spec.account import Account, opens_margin_free
from matching.spec.fees import add_volume
from matching.spec.limits import MONEY_ABS_MAX
from matching.spec.market import Market
from matching.spec.position import process_quantity
from matching.spec.state import State


@dataclass(frozen=True, slots=True)
class Fill:
    """Lots and prices of a trade about to happen."""

    market: Market
    taker_side: int
    taker_id: int  # 0 for a liquidation
    slot: int
    maker: Order
    lots: int
    notional: int
    taker_fee: int
    maker_fee: int

    @property
    def taker_lots(self) -> int:
        """Signed lots that the taker gains."""
        return self.lots if self.taker_side == 0 else -self.lots

    @property
    def taker_quote(self) -> int:
        """Signed money that the taker pays."""
        return self.notional if self.taker_side == 0 else -self.notional


def apply_taker(fill: Fill, taker: Account, state: State) -> None:
    """The taker's half: position, then fee."""
    position = state.position(taker, fill.market)
    process_quantity(taker, position, fill.taker_lots, fill.taker_quote, fill.market.state.funding_index)
    taker.header.collateral_e6 -= fill.taker_fee


def apply_maker(fill: Fill, maker: Account, state: State) -> None:
    """The maker's half: position, then fee."""
    position = state.position(maker, fill.market)
    process_quantity(maker, position, -fill.taker_lots, -fill.taker_quote, fill.market.state.funding_index)
    maker.header.collateral_e6 -= fill.maker_fee


def try_taker(fill: Fill, taker: Account, state: State) -> Account:
    """The taker as it would be after the fill."""
    after = taker.trial()
    apply_taker(fill, after, state)
    return after


def try_maker(fill: Fill, maker: Account, state: State) -> Account:
    """The maker as it would be after the fill, the order's open lots or hold included."""
    after = maker.trial()
    apply_maker(fill, after, state)
    position = after.positions[fill.market.index]
    if not opens_margin_free(fill.maker):
        state.add_open_lots(position, fill.maker.side, -fill.lots)
    elif fill.lots == fill.maker.remaining_lots or position.size_lots == 0:
        after.header.free_orders -= 1
    return after


def is_within_limits(account: Account, market: Market) -> bool:
    """Size, cost and wallet after a fill stay in their fields (rules 8.3 d)."""
    position = account.positions[market.index]
    return (
        abs(position.cost_e6) <= MONEY_ABS_MAX
        and abs(account.header.collateral_e6) <= MONEY_ABS_MAX
        and abs(position.size_lots) <= market.config.position_lots_max
    )


def long_lots_after(market: Market, *changes: tuple[int, int]) -> int:
    """Open interest after positions changed from a size to another."""
    return market.state.oi_lots + sum(max(after, 0) - max(before, 0) for before, after in changes)


def track_sizes(state: State, market: Market, *changes: tuple[int, int]) -> None:
    """Open interest and the number of positions follow changed sizes (rules 7)."""
    market.state.oi_lots = long_lots_after(market, *changes)
    state.system.positions_count += sum((after != 0) - (before != 0) for before, after in changes)


def process_fill(state: State, fill: Fill, taker: Account, events: list[Event]) -> None:
    """Writes a fill, in the order of rules 8.4."""
    market, maker, order = fill.market, state.account(fill.maker.account), fill.maker
    taker_before, maker_before = taker.size(market.index), maker.size(market.index)
    apply_taker(fill, taker, state)
    apply_maker(fill, maker, state)
    market.state.fees_e6 += fill.taker_fee + fill.maker_fee
    add_volume(taker, fill.notional)
    add_volume(maker, fill.notional)
    state.reduce_order(fill.slot, fill.lots)
    taker_size, maker_size = taker.size(market.index), maker.size(market.index)
    track_sizes(state, market, (taker_before, taker_size), (maker_before, maker_size))
    market.book.last_trade_ticks = order.price_ticks
    events.append(Event(_trade(fill, taker.id, maker_size, taker_size)))
    if order.remaining_lots == 0:
        remove_with_event(state, fill.slot, ResultCode.FILLED, events)
    elif opens_margin_free(order) and maker_size == 0:
        remove_with_event(state, fill.slot, ResultCode.MAKER_REDUCE_ONLY, events)


def _trade(fill: Fill, taker: int, maker_size: int, taker_size: int) -> Trade:
    return Trade(
        fill.market.index,
        fill.taker_side,
        fill.maker.order_id,
        fill.taker_id,
        fill.maker.account,
        taker,
        fill.maker.price_ticks,
        fill.lots,
        fill.maker_fee,
        fill.taker_fee,
        maker_size,
        taker_size,
    )


def remove_with_event(state: State, slot: int, reason: ResultCode, events: list[Event]) -> None:
    """Takes an order out of the book and says why."""
    order = state.remove_order(slot)
    filled = order.original_lots - order.remaining_lots
    events.append(Event(OrderRemoved(order.order_id, order.account, reason, order.remaining_lots, filled)))
