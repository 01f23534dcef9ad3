"""Limits that random streams do not reach (rules 14, 18), through model and core at once."""

from __future__ import annotations

import pytest

from matching.codec import (
    CancelAll,
    Leg,
    LiquidationEventStep,
    LiquidationState,
    MoneyMoved,
    OrderAccepted,
    OrderRefused,
    OrderRemoved,
    PlaceOrders,
    ResultCode,
    Trade,
    WorkDone,
)
from matching.spec.invariants import check_invariants
from tests.property.matching.duel import Duel, Rates
from tests.spec.venue import BUY, GTC, IOC, POST_ONLY, SELL, Venue, bodies, code_of, leg_code, start


@pytest.fixture
def duel() -> Duel:
    return Duel(Rates(), root_every=1)


@pytest.fixture
def venue(duel: Duel) -> Venue:
    return start(duel)


def place_many(
    venue: Venue, account: int, count: int, side: int, price: int, tif: int = POST_ONLY, flags: int = 0
) -> list[int]:
    """Codes of `count` orders of one lot, sent 64 at a time."""
    codes: list[int] = []
    while len(codes) < count:
        leg = Leg(0, side, price_ticks=price, size_lots=1, tif=tif, flags=flags, fee_max_ppm=500)
        events = venue.sign(account, PlaceOrders([leg] * min(64, count - len(codes))))
        codes += [event.code for event in events if isinstance(event.body, OrderAccepted | OrderRefused)]
    return codes


def test_31_a_command_stops_after_4096_matching_steps(venue: Venue, duel: Duel) -> None:
    makers, taker = [venue.deposit(10**12) for _ in range(5)], venue.deposit(10**12)
    for maker in makers:
        assert set(place_many(venue, maker, 1_000, SELL, 1_000_000)) == {ResultCode.OK}
    events = venue.place(taker, BUY, 1_000_000, 5_000)
    assert leg_code(events) == ResultCode.STOPPED_FILL_LIMIT
    assert bodies(events, OrderAccepted)[0].filled_lots == len(bodies(events, Trade)) == 4_096
    assert bodies(events, OrderRemoved)[-1].remaining_lots == 904
    duel.state_root()
    check_invariants(duel.model.state)


def test_account_holds_1000_orders_and_cancels_them_64_at_a_time(venue: Venue, duel: Duel) -> None:
    account = venue.deposit(10**13)
    codes = place_many(venue, account, 1_001, BUY, 999_000)
    assert codes[:1_000] == [ResultCode.OK] * 1_000
    assert codes[1_000] == ResultCode.ACCOUNT_ORDERS_FULL
    swept = bodies(venue.cancel_all(account), WorkDone)[0]
    assert (swept.done, swept.remaining) == (64, 1)
    assert code_of(venue.place(account, BUY, 999_000, 1)) == ResultCode.ACCOUNT_WORK_PENDING
    assert code_of(venue.sign(account, CancelAll(0))) == ResultCode.ACCOUNT_WORK_PENDING
    for _ in range(14):
        assert code_of(venue.cancel_all(account)) == ResultCode.OK
    last = bodies(venue.cancel_all(account), WorkDone)[0]
    assert (last.done, last.remaining) == (1_000 - 15 * 64, 0)
    assert leg_code(venue.place(account, BUY, 999_000, 1)) == ResultCode.OK
    duel.state_root()


def test_dead_orders_do_not_trade_before_they_are_swept(venue: Venue, duel: Duel) -> None:
    maker, taker = venue.deposit(10**12), venue.deposit(10**12)
    place_many(venue, maker, 200, SELL, 1_000_001)
    venue.cancel_all(maker)
    assert duel.core.levels(0, 1, 1) == [(1_000_001, 136)]
    events = venue.place(taker, BUY, 1_000_001, 10, IOC)
    assert leg_code(events) == ResultCode.NO_LIQUIDITY
    assert {body.reason for body in bodies(events, OrderRemoved)} == {ResultCode.WATERMARK, ResultCode.IOC_REST}
    duel.state_root()


def test_128_reduce_only_orders_rest_without_margin_but_their_hold(venue: Venue, duel: Duel) -> None:
    maker, holder = venue.deposit(10**13), venue.deposit(10**13)
    venue.place(maker, SELL, 1_000_000, 500, POST_ONLY)
    venue.place(holder, BUY, 1_000_000, 500)
    codes = place_many(venue, holder, 129, SELL, 1_000_500, GTC, flags=1)
    assert codes == [ResultCode.OK] * 128 + [ResultCode.ACCOUNT_ORDERS_FULL]
    assert duel.model.state.accounts[holder].header.free_orders == 128
    duel.state_root()


def test_liquidation_step_walks_at_most_256_orders(venue: Venue, duel: Duel) -> None:
    long, short, buyer = venue.deposit(2_100_000_000), venue.deposit(10**13), venue.deposit(10**13)
    venue.place(short, SELL, 1_000_000, 100_000, POST_ONLY)
    assert leg_code(venue.place(long, BUY, 1_000_000, 100_000)) == ResultCode.OK
    venue.tick(3_000)
    venue.prices(252_761_600)  # equity is 0.8 of the maintenance margin
    assert code_of(venue.check_liquidation(long)) == ResultCode.OK
    place_many(venue, buyer, 400, BUY, 987_000)
    events = venue.liquidate(long)
    assert len(bodies(events, Trade)) == 256
    assert bodies(events, LiquidationState)[0].step == LiquidationEventStep.MARKET
    fees = bodies(events, MoneyMoved)
    assert len(fees) == 256
    assert all(fee.amount_e6 == 987_000 * 5_000 // 1_000_000 for fee in fees)
    duel.state_root()
