"""Worked numbers of rules 20 that are pure arithmetic. The number in each name is the example's."""

from __future__ import annotations

import pytest

from matching.codec import AccountHeader, MarketState, Position, Signer
from matching.spec.account import Account
from matching.spec.fees import compute_maker_fee, compute_taker_fee
from matching.spec.funding import compute_index_step, compute_owed, compute_premium_ppb, compute_rate_ppb
from matching.spec.limits import ORDER_SLOTS
from matching.spec.liquidation import (
    compute_chunk_lots,
    compute_liquidation_fee,
    compute_worst_ticks,
    compute_zero_price,
)
from matching.spec.margin import Margin, initial_margin, maintenance_margin, notional, value, worst_lots
from matching.spec.mark_price import compute_impact, compute_mark
from matching.spec.oracle import compute_step_bound, lower_median
from matching.spec.placing import compute_rest_loss
from matching.spec.position import process_quantity
from matching.spec.refusal import Refused
from matching.spec.signers import use_nonce
from tests.spec.venue import market_b

B = market_b()
MARK = 256_000_000


def test_1_notional() -> None:
    assert notional(100_000, 1, MARK) == 100_000_000_000


def test_2_value_floors_requirement_ceils() -> None:
    assert [value(size, 1, MARK + 1) for size in (100_000, -100_000, 3, -3)] == [
        100_000_000_390,
        -100_000_000_391,
        3_000_000,
        -3_000_001,
    ]
    assert notional(3, 1, MARK + 1) == 3_000_001


def test_3_fee_and_rebate() -> None:
    assert compute_taker_fee(100_000_000_001, 450) == 45_000_001
    assert compute_taker_fee(1, 450) == 1
    assert compute_maker_fee(999_999, -30, 10**9) == -29
    assert compute_maker_fee(10**11, -30, 10**9) == -3_000_000
    assert compute_maker_fee(10**11, -30, 7) == -7, "a rebate is at most the taker's fee"


def test_4_deductions() -> None:
    assert [(tier.im_deduction_e6, tier.mm_deduction_e6) for tier in B.tiers[:3]] == [
        (0, 0),
        (100_000_000_000, 50_000_000_000),
        (1_300_000_000_000, 650_000_000_000),
    ]


@pytest.mark.parametrize(
    ("n", "im", "mm"),
    [
        (5 * 10**12, 100_000_000_000, 50_000_000_000),
        (5 * 10**12 + 1, 100_000_000_001, 50_000_000_001),
        (10 * 10**12, 300_000_000_000, 150_000_000_000),
        (30 * 10**12, 1_700_000_000_000, 850_000_000_000),
    ],
)
def test_5_tier_edges(n: int, im: int, mm: int) -> None:
    assert (initial_margin(B, n, 50), maintenance_margin(B, n)) == (im, mm)


def test_6_leverage_over_tier() -> None:
    assert initial_margin(B, 10 * 10**12, 10) == 1_000_000_000_000


def test_7_apply_open_part_close_flip_close() -> None:
    trader, other = (Account(AccountHeader(collateral_e6=10_000_000_000)) for _ in range(2))
    mine, theirs = Position(), Position()
    seen = []
    for lots, price in ((30_000, 1_000_000), (-10_000, 1_010_000), (-50_000, 990_000), (30_000, 990_001)):
        process_quantity(trader, mine, lots, lots * price, 0)
        process_quantity(other, theirs, -lots, -lots * price, 0)
        seen.append((mine.size_lots, mine.cost_e6, trader.header.collateral_e6))
    assert seen == [
        (30_000, 30_000_000_000, 10_000_000_000),
        (20_000, 19_900_000_000, 10_000_000_000),
        (-30_000, -29_700_000_000, 9_900_000_000),
        (0, 0, 9_899_970_000),
    ]
    assert other.header.collateral_e6 == 10_100_030_000


def test_8_flip_with_uneven_quote() -> None:
    account, position = Account(AccountHeader()), Position(size_lots=-7, cost_e6=-700)
    process_quantity(account, position, 10, 1001, 5)
    assert (position.size_lots, position.cost_e6, account.header.collateral_e6) == (3, 301, 0)
    assert position.funding_index == 5


def test_9_worst_case_of_orders() -> None:
    position = Position(size_lots=50_000)
    assert [worst_lots(position, 1, lots) for lots in (80_000, 100_000, 100_001)] == [50_000, 50_000, 50_001]


def test_13_rest_loss() -> None:
    assert compute_rest_loss(0, 50_000, 1, 1_002_000, MARK) == 100_000_000
    assert compute_rest_loss(0, 3, 1, 1_000_001, MARK + 1) == 3
    assert compute_rest_loss(1, 3, 1, 1_000_001, MARK) == 0


def test_15_impact_prices() -> None:
    bids = [(999_990, 3_000), (999_980, 4_000), (999_900, 50_000)]
    asks = [(1_000_010, 2_000), (1_000_020, 100_000)]
    assert compute_impact(bids, 1, 10**10, is_bid=True) == 255_989_502
    assert compute_impact(asks, 1, 10**10, is_bid=False) == 256_004_608
    assert compute_impact(bids[:1], 1, 10**10, is_bid=True) is None


def test_16_to_18_mark_price() -> None:
    up = compute_mark(B, MARK, 0, 256_040_000, 256_060_000, 1000)
    assert (up.basis_q16, up.mark_fine) == (109_200_000, 256_001_666)
    down = compute_mark(B, MARK, up.basis_q16, 255_000_000, 255_200_000, 1000)
    assert (down.basis_q16, down.mark_fine) == (-1_860_039_112, 255_971_618)
    absent = compute_mark(B, MARK, up.basis_q16, None, 256_060_000, 3000)
    assert (absent.basis_q16, absent.mark_fine) == (98_280_999, 256_001_499)
    capped = compute_mark(B, MARK, 0, 300_000_000, 300_000_000, 60_000)
    assert (capped.basis_q16, capped.mark_fine) == (83_886_080_000, 257_280_000)


def test_19_lower_median() -> None:
    assert lower_median([256_000_100, 256_000_900, 255_999_000, 256_000_300]) == 256_000_100


def test_20_step_bound() -> None:
    assert MARK + compute_step_bound(MARK, 5_000, 3000) == 259_840_000
    assert MARK - compute_step_bound(MARK, 5_000, 1) == 255_998_720


def test_21_premium_is_truncated() -> None:
    assert [compute_premium_ppb(mark, MARK) for mark in (256_012_345, 255_987_655, 256_001_666)] == [
        48_222,
        -48_222,
        6_507,
    ]


def test_22_hourly_rate() -> None:
    sums = (0, 90_000_000, -42_000_000, -59, 6_000_059, 24_000_000_000)
    assert [compute_rate_ppb(total, B) for total in sums] == [12_500, 125_000, -25_000, 12_500, 12_500, 40_000_000]


def test_23_and_24_index_step_and_funding_owed() -> None:
    assert compute_index_step(1, 256_012_345, 125_000) == 34_954_218
    assert compute_index_step(1, 256_012_345, -125_000) == -34_954_218
    state = MarketState(funding_index=34_954_218)
    owed = [compute_owed(Position(size_lots=size), state) for size in (3, 4, -7)]
    assert owed == [7, 9, -14]
    assert sum(owed) == 2


def test_32_and_33_zero_price() -> None:
    for equity, zero, ticks in ((800_000_000, 253_952_000, 992_000), (799_999_999, 253_952_001, 992_001)):
        found = compute_zero_price(Margin(equity, 0, 10**9), 10**9, 100_000, 1, MARK)
        assert (found, compute_worst_ticks(found, 100_000, B)) == (zero, ticks)
    short = compute_zero_price(Margin(700_000_001, 0, 10**9), 10**9, -100_000, 1, MARK)
    assert (short, compute_worst_ticks(short, -100_000, B)) == (257_792_000, 1_007_000)


def test_34_chunk() -> None:
    sizes = (50_000, 300_000, -2_000_000)
    assert [compute_chunk_lots(size, 10**11, 1, MARK) for size in sizes] == [50_000, 100_000, 400_000]


def test_35_liquidation_fee() -> None:
    fees = [
        compute_liquidation_fee(20_000 * price, 20_000, 1, 253_952_000, 5_000, is_long=True)
        for price in (998_000, 993_000, 992_000)
    ]
    assert fees == [99_800_000, 20_000_000, 0]


def test_43_order_id() -> None:
    assert 12_345 * ORDER_SLOTS + 77 == 25_889_341_517


def test_45_nonces() -> None:
    now = 1_000_000
    signer = Signer(count=56, nonces=list(range(1001, 1057)))
    for nonce, code in ((1001, 15), (1000, 16)):
        with pytest.raises(Refused) as caught:
            use_nonce(signer, nonce, now)
        assert caught.value.code == code
    use_nonce(signer, 1057, now)
    assert sorted(signer.nonces) == list(range(1002, 1058))
    with pytest.raises(Refused) as caught:
        use_nonce(signer, 1001, now)
    assert caught.value.code == 16, "a forgotten nonce stays used"
