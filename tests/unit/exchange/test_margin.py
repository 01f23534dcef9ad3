"""The margin shown to owners and used to choose whom to check: the worked numbers of rules 20, and the engine's own verdict."""

from __future__ import annotations

import pytest

from exchange.sequencer.margin import (
    compute_funding_owed_e6,
    compute_initial_e6,
    compute_maintenance_e6,
    compute_margin,
    compute_notional_e6,
    compute_value_e6,
)
from matching.codec import MarketState, Position
from tests.unit.exchange.kit import (
    BUY,
    DEPOSIT_E6,
    PRICE_FINE,
    PRICE_TICKS,
    SELL,
    T0,
    make_sequencer,
    make_traders,
    market_config,
    open_market,
    order,
    submit,
)

MARKET = market_config()


@pytest.mark.parametrize(
    ("lots", "value"), [(100_000, 100_000_000_390), (-100_000, -100_000_000_391), (3, 3_000_000), (-3, -3_000_001)]
)
def test_value_is_floored(lots: int, value: int) -> None:
    assert compute_value_e6(MARKET, MarketState(mark_fine=256_000_001), lots) == value


def test_requirement_is_rounded_up() -> None:
    assert compute_notional_e6(MARKET, MarketState(mark_fine=256_000_001), 3) == 3_000_001


@pytest.mark.parametrize(
    ("notional", "initial", "maintenance"),
    [
        (5_000_000_000_000, 100_000_000_000, 50_000_000_000),
        (5_000_000_000_001, 100_000_000_001, 50_000_000_001),
        (10_000_000_000_000, 300_000_000_000, 150_000_000_000),
        (30_000_000_000_000, 1_700_000_000_000, 850_000_000_000),
    ],
)
def test_tier_edges(notional: int, initial: int, maintenance: int) -> None:
    assert compute_initial_e6(MARKET, notional, 50) == initial
    assert compute_maintenance_e6(MARKET, notional) == maintenance


def test_leverage_over_tier() -> None:
    assert compute_initial_e6(MARKET, 10_000_000_000_000, 10) == 1_000_000_000_000


@pytest.mark.parametrize(("lots", "owed"), [(3, 7), (4, 9), (-7, -14)])
def test_funding_owed_is_rounded_against_the_account(lots: int, owed: int) -> None:
    assert compute_funding_owed_e6(MarketState(funding_index=34_954_218), Position(size_lots=lots)) == owed


def test_equity_of_both_sides_of_a_trade_sums_to_the_deposits_less_fees() -> None:
    sequencer, (seller, buyer) = make_sequencer(), make_traders(2)
    open_market(sequencer, [seller, buyer])
    now_ms = T0 + 1_000
    sequencer.set_price(0, PRICE_FINE, now_ms)
    submit(sequencer, seller, order(SELL, PRICE_TICKS, 50_000), now_ms)
    filled = submit(sequencer, buyer, order(BUY, PRICE_TICKS, 50_000), now_ms)
    fees = sum(fields["fee_e6"] for _, fields in filled.accounts if fields["event"] == "fill")
    margins = []
    for trader in (seller, buyer):
        header = sequencer.reader.account(trader.account)
        assert header is not None
        margins.append(compute_margin(sequencer.reader, header, sequencer.reader.positions(trader.account)))
    assert sum(margin.equity_e6 for margin in margins) == 2 * DEPOSIT_E6 - fees
    assert [margin.maintenance_e6 for margin in margins] == [500_000_000] * 2
    assert [margin.initial_e6 for margin in margins] == [1_000_000_000] * 2
