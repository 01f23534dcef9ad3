"""Longer stories: an hour of funding, a liquidation from flag to backstop, a day of volume."""

from __future__ import annotations

import pytest

from matching.codec import (
    FundingRate,
    FundingSettled,
    LiquidationEventStep,
    LiquidationState,
    MarkChanged,
    MoneyMoved,
    ResultCode,
    Trade,
)
from matching.spec.funding import compute_index_step
from tests.spec.checked import CheckedModel
from tests.spec.venue import BUY, IOC, POST_ONLY, SELL, Venue, bodies, code_of, leg_code, market_b, start

MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def model() -> CheckedModel:
    return CheckedModel()


def open_pair(venue: Venue, lots: int, collateral: int = 10**12) -> tuple[int, int]:
    """A long and a short of `lots` at 1,000,000 ticks."""
    long, short = venue.deposit(collateral), venue.deposit(10**13)
    venue.place(short, SELL, 1_000_000, lots, POST_ONLY)
    assert leg_code(venue.place(long, BUY, 1_000_000, lots)) == ResultCode.OK
    return long, short


def test_an_hour_of_funding_is_paid_by_the_minute_and_the_pot_keeps_the_rounding(model: CheckedModel) -> None:
    venue = start(model, market_b(index_age_max_ms=HOUR))
    long, short = open_pair(venue, 100_000)
    venue.pass_time(HOUR)  # the hour sets the rate: no premium, so the interest alone: 100,000 / 8
    venue.prices(256_000_000)
    rates = []
    for _ in range(60):
        venue.close_batch()
        venue.open_batch(venue.now + MINUTE)
        rates += bodies(venue.work(0), FundingRate)
        venue.prices(256_000_000)
    assert [rate.rate_ppb for rate in rates] == [12_500] * 60
    step = compute_index_step(1, 256_000_000, 12_500)
    # the index was fresh at the hour too: 61 payments
    assert rates[-1].index_after == 61 * step
    paid = bodies(venue.place(long, SELL, 1_000_001, 1), FundingSettled)[0]
    received = bodies(venue.place(short, BUY, 999_999, 1), FundingSettled)[0]
    assert paid.owed_e6 == -(-100_000 * 61 * step // 2**24)
    assert received.owed_e6 == -(100_000 * 61 * step // 2**24)
    assert model.state.markets[0].state.funding_pot_e6 == paid.owed_e6 + received.owed_e6 in (0, 1)
    # one hour at 12,500 ppb of 1e11, and one minute more
    assert abs(paid.owed_e6 - 10**11 * 12_500 // 10**9 * 61 // 60) <= 1


def test_stale_index_pays_no_funding(model: CheckedModel) -> None:
    venue = start(model)
    open_pair(venue, 100)
    venue.pass_time(HOUR)
    assert model.state.markets[0].state.funding_index == 0
    assert model.state.markets[0].state.last_rate_ppb == 12_500


def test_hourly_fees_are_shared_between_fund_and_collector(model: CheckedModel) -> None:
    venue = start(model)
    open_pair(venue, 100_000)
    fees = model.state.markets[0].state.fees_e6
    assert fees == 45_000_000 + 15_000_000
    venue.close_batch()
    venue.open_batch(venue.now + HOUR)
    moved = [(body.account, body.amount_e6) for body in bodies(venue.work(0), MoneyMoved)]
    assert moved == [(0, 6_000_000), (1, 54_000_000)]
    assert model.state.markets[0].state.fees_e6 == 0


def test_liquidation_from_flag_through_book_to_backstop(model: CheckedModel) -> None:
    venue = start(model)
    long, _ = open_pair(venue, 100_000, 2_100_000_000)
    rest = venue.place(long, BUY, 980_000, 1)
    assert leg_code(rest) == ResultCode.OK
    venue.fund(2 * 10**10)
    venue.tick(3_000)
    assert bodies(venue.prices(252_761_600), MarkChanged)[0].mark_fine == 252_761_600
    entered = venue.check_liquidation(long)
    assert bodies(entered, LiquidationState)[0].step == LiquidationEventStep.ENTERED
    assert not model.state.accounts[long].orders, "its orders died"
    assert code_of(venue.check_liquidation(long)) == ResultCode.ALREADY_IN_LIQUIDATION
    assert code_of(venue.place(long, SELL, 990_000, 1, IOC)) == ResultCode.ACCOUNT_IN_LIQUIDATION
    assert code_of(venue.withdraw(long, 1)) == ResultCode.ACCOUNT_IN_LIQUIDATION
    # nobody buys above the zero price: nothing is filled, the flag stays
    nothing = venue.liquidate(long)
    assert (code_of(nothing), bodies(nothing, Trade)) == (ResultCode.OK, [])
    # after 60 s the fund takes over at mark; account and fund keep their money together
    for _ in range(6):
        venue.pass_time(10_000)
    venue.prices(252_761_600)
    before = model.state.accounts[0].header.collateral_e6
    taken = bodies(venue.liquidate(long), LiquidationState)[0]
    assert taken.step == LiquidationEventStep.BACKSTOP
    assert model.state.accounts[0].size(0) == 100_000
    assert model.state.accounts[long].header.collateral_e6 == 0
    assert model.state.accounts[0].header.collateral_e6 == before + taken.equity_e6
    assert (model.state.system.liq_count, code_of(venue.liquidate(long))) == (0, ResultCode.NOT_IN_LIQUIDATION)


def test_deposit_clears_a_liquidation(model: CheckedModel) -> None:
    venue = start(model)
    long, _ = open_pair(venue, 100_000, 2_100_000_000)
    venue.tick(3_000)
    venue.prices(252_761_600)
    venue.check_liquidation(long)
    venue.deposit(10**9, long)
    assert code_of(venue.liquidate(long)) == ResultCode.CLEARED
    assert not model.state.accounts[long].in_liquidation


def test_volume_starts_anew_each_day(model: CheckedModel) -> None:
    venue = start(model)
    long, short = open_pair(venue, 100)
    header = model.state.accounts[long].header
    assert header.volume_today_e6 == 100_000_000
    venue.pass_time(24 * HOUR)
    venue.tick(1_000)
    venue.prices(256_000_000)
    venue.place(short, BUY, 999_000, 10)
    assert leg_code(venue.place(long, SELL, 999_000, 10, IOC)) == ResultCode.OK
    assert model.state.accounts[long].header.volume_today_e6 == 9_990_000
    assert model.state.accounts[long].header.volume_day == venue.now // (24 * HOUR)
