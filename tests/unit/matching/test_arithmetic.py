"""Worked numbers of rules 20 that are pure arithmetic, on the core. The number in each name is the example's."""

from __future__ import annotations

import random

import pytest

from matching._core import arithmetic
from matching.codec import MarketState, Signer
from tests.spec.venue import market_b

B = market_b().encode()
MARK = 256_000_000


def test_1_and_2_value_floors_requirement_ceils() -> None:
    assert arithmetic.notional(100_000, 1, MARK) == 100_000_000_000
    values = [arithmetic.position_value(size, 1, MARK + 1) for size in (100_000, -100_000, 3, -3)]
    assert values == [100_000_000_390, -100_000_000_391, 3_000_000, -3_000_001]
    assert arithmetic.notional(3, 1, MARK + 1) == 3_000_001


def test_3_fee_and_rebate() -> None:
    assert arithmetic.taker_fee(100_000_000_001, 450, 1_000) == 45_000_001
    assert arithmetic.taker_fee(1, 450, 1_000) == 1
    assert arithmetic.taker_fee(10**9, 450, 100) == 100_000, "never more than the signed maximum"
    assert arithmetic.maker_fee(999_999, -30, 0, 10**9) == -29
    assert arithmetic.maker_fee(10**11, -30, 0, 10**9) == -3_000_000
    assert arithmetic.maker_fee(10**11, -30, 0, 7) == -7, "never more than the taker's fee"


@pytest.mark.parametrize(
    ("notional", "initial", "maintenance"),
    [
        (5 * 10**12, 100_000_000_000, 50_000_000_000),
        (5 * 10**12 + 1, 100_000_000_001, 50_000_000_001),
        (10**13, 300_000_000_000, 150_000_000_000),
        (3 * 10**13, 1_700_000_000_000, 850_000_000_000),
    ],
)
def test_5_tier_edges(notional: int, initial: int, maintenance: int) -> None:
    assert arithmetic.initial_margin(B, notional, 50) == initial
    assert arithmetic.maintenance_margin(B, notional) == maintenance


def test_6_leverage_over_tier() -> None:
    assert arithmetic.initial_margin(B, 10**13, 10) == 10**12


def test_7_open_part_close_flip_close() -> None:
    holding = (0, 0, 10**10)
    seen = []
    for lots, price in ((30_000, 1_000_000), (-10_000, 1_010_000), (-50_000, 990_000), (30_000, 990_001)):
        holding = arithmetic.apply_quantity(*holding, lots, lots * price)
        seen.append(holding)
    assert seen == [
        (30_000, 30_000_000_000, 10**10),
        (20_000, 19_900_000_000, 10**10),
        (-30_000, -29_700_000_000, 9_900_000_000),
        (0, 0, 9_899_970_000),
    ]


def test_8_flip_with_uneven_quote() -> None:
    assert arithmetic.apply_quantity(-7, -700, 0, 10, 1_001) == (3, 301, 0)


def test_9_worst_case_of_orders() -> None:
    assert [arithmetic.worst_lots(50_000, 0, sell) for sell in (80_000, 100_000, 100_001)] == [50_000, 50_000, 50_001]


def test_13_rest_loss() -> None:
    assert arithmetic.rest_loss(B, MARK, 0, 1_002_000, 50_000) == 100_000_000
    assert arithmetic.rest_loss(B, MARK + 1, 0, 1_000_001, 3) == 3
    assert arithmetic.rest_loss(B, MARK, 0, 999_000, 50_000) == 0


def moved(state: MarketState, bid: int, ask: int, elapsed_ms: int) -> MarketState:
    return MarketState.decode(arithmetic.move_mark(state.encode(), B, bid, ask, elapsed_ms))


def test_16_17_18_mark_follows_the_averaged_basis() -> None:
    start = MarketState(index_fine=MARK, mark_fine=MARK)
    up = moved(start, 256_040_000, 256_060_000, 1_000)
    assert (up.basis_q16, up.mark_fine) == (109_200_000, 256_001_666)
    down = moved(up, 255_000_000, 255_200_000, 1_000)
    assert (down.basis_q16, down.mark_fine) == (-1_860_039_112, 255_971_618)
    absent = moved(up, 0, 256_060_000, 3_000)
    assert (absent.basis_q16, absent.mark_fine) == (98_280_999, 256_001_499)
    capped = moved(start, 300_000_000, 300_000_000, 60_000)
    assert (capped.basis_q16, capped.mark_fine) == (83_886_080_000, 257_280_000)


def test_19_lower_median() -> None:
    assert arithmetic.lower_median([256_000_100, 256_000_900, 255_999_000, 256_000_300]) == 256_000_100


def test_20_step_clamp() -> None:
    assert arithmetic.clamp_step(MARK, 262_000_000, 5_000, 3_000) == 259_840_000
    assert arithmetic.clamp_step(MARK, 250_000_001, 5_000, 1) == 255_998_720


def test_21_22_23_premium_rate_and_minute_step() -> None:
    assert [arithmetic.premium(mark, MARK) for mark in (256_012_345, 255_987_655, 256_001_666)] == [
        48_222,
        -48_222,
        6_507,
    ]
    sums = (0, 90_000_000, -42_000_000, -59, 6_000_059, 24_000_000_000)
    assert [arithmetic.hour_rate(B, value) for value in sums] == [12_500, 125_000, -25_000, 12_500, 12_500, 40_000_000]
    assert [arithmetic.minute_step(1, 256_012_345, rate) for rate in (125_000, -125_000)] == [34_954_218, -34_954_218]


def test_24_funding_owed_leaves_the_pot_with_the_rounding() -> None:
    owed = [arithmetic.funding_owed(size, 0, 34_954_218) for size in (3, 4, -7)]
    assert owed == [7, 9, -14]
    assert sum(owed) == 2


def test_32_33_zero_price() -> None:
    assert arithmetic.zero_price(B, MARK, 100_000, 10**9, 800_000_000, 10**9) == (253_952_000, 992_000)
    assert arithmetic.zero_price(B, MARK, 100_000, 10**9, 799_999_999, 10**9) == (253_952_001, 992_001)
    assert arithmetic.zero_price(B, MARK, -100_000, 10**9, 700_000_001, 10**9) == (257_792_000, 1_007_000)


def test_34_chunk() -> None:
    assert [arithmetic.chunk_lots(B, MARK, size) for size in (50_000, 300_000, 2_000_000)] == [50_000, 100_000, 400_000]


def test_43_order_id() -> None:
    assert arithmetic.order_id(12_345, 77) == 25_889_341_517


def test_45_nonces() -> None:
    now = 10_000
    signer = Signer(count=56, nonces=list(range(1_001, 1_057))).encode()
    assert arithmetic.use_nonce(signer, 1_001, now, 15) == signer
    assert arithmetic.use_nonce(signer, 1_000, now, 16) == signer
    after = Signer.decode(arithmetic.use_nonce(signer, 1_057, now, 0))
    assert sorted(after.nonces) == list(range(1_002, 1_058))


def test_128_bit_operations_agree_with_python_and_with_the_portable_form() -> None:
    rng = random.Random(128)
    words = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
    for _ in range(3_000):
        a, b, c, d = (rng.choice([*words, rng.getrandbits(64), rng.getrandbits(20)]) for _ in range(4))
        lo, hi, portable_lo, portable_hi = arithmetic.multiply_both(a, b)
        assert (lo, hi) == (portable_lo, portable_hi) == (a * b % 2**64, a * b >> 64)
        dividend, divisor = a | b << 64, c | d << 64
        short = rng.randrange(1, 2**16)
        assert arithmetic.divide_by_short(a, b, short) == (dividend // short % 2**64, dividend // short >> 64)
        if divisor == 0:
            continue
        lo, hi, portable_lo, portable_hi = arithmetic.divide_both(a, b, c, d)
        assert (lo, hi) == (portable_lo, portable_hi) == (dividend // divisor % 2**64, dividend // divisor >> 64)
