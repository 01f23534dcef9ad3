"""Worked examples of rules 20 that need the whole machine: margin tests, matching, liquidation, withdrawal."""

from __future__ import annotations

import pytest

from matching.codec import Arena, OrderAccepted, OrderRemoved, ResultCode, Trade, TrieNode
from matching.spec.margin import compute_cross
from tests.spec.checked import CheckedModel
from tests.spec.venue import (
    BUY,
    GTC,
    IOC,
    POST_ONLY,
    SELL,
    Venue,
    bodies,
    code_of,
    leg_code,
    market_b,
    start,
    tiers_of,
)

# 20x market: imf_0 = 5 %, mmf_0 = 1 %
TWENTY = {"leverage_max": 20, "tiers": tiers_of((5 * 10**12, 50_000, 10_000), (0, 100_000, 50_000)), "tier_count": 2}


@pytest.fixture
def model() -> CheckedModel:
    return CheckedModel()


@pytest.fixture
def venue(model: CheckedModel) -> Venue:
    return start(model)


def set_long(
    venue: Venue, model: CheckedModel, lots: int, cost: int, collateral: int, mark_ticks: int
) -> tuple[int, int]:
    """A fresh account long `lots` at `cost` against another one; collateral exact, fees aside."""
    price = cost // lots
    long, short = venue.deposit(10**12), venue.deposit(10**13)
    venue.place(short, SELL, price, lots, POST_ONLY)
    venue.place(long, BUY, price, lots)
    excess = model.state.accounts[long].header.collateral_e6 - collateral
    model.state.accounts[long].header.collateral_e6 -= excess
    model.state.accounts[short].header.collateral_e6 += excess
    model.state.markets[0].state.mark_fine = mark_ticks * 256
    return long, short


@pytest.mark.parametrize(
    ("collateral", "code"), [(5_045_000_000, ResultCode.OK), (5_044_999_999, ResultCode.INSUFFICIENT_MARGIN)]
)
def test_10_precheck_edge(model: CheckedModel, collateral: int, code: ResultCode) -> None:
    venue = start(model, market_b(**TWENTY))
    account = venue.deposit(collateral)
    assert leg_code(venue.place(account, BUY, 1_000_000, 100_000)) == code


@pytest.mark.parametrize(
    ("price", "code", "equity"),
    [(985_451, ResultCode.OK, 750_377_352), (985_443, ResultCode.STOPPED_MARGIN, 1_500_000_000)],
)
def test_11_shrinking_fill_may_not_worsen_health(
    venue: Venue, model: CheckedModel, price: int, code: ResultCode, equity: int
) -> None:
    long, _ = set_long(venue, model, 100_000, 10**11, 1_500_000_000, 1_000_000)
    buyer = venue.deposit(10**12)
    venue.place(buyer, BUY, price, 50_000)
    events = venue.place(long, SELL, price, 50_000, IOC)
    assert leg_code(events) == code
    assert compute_cross(model.state.accounts[long], model.state.markets).equity == equity
    if code == ResultCode.OK:
        assert bodies(events, Trade)[0].taker_fee_e6 == 22_172_648


@pytest.mark.parametrize(("price", "removed"), [(1_010_045, False), (1_010_050, True)])
def test_12_maker_test_removes_a_maker_that_would_fall_below_maintenance(
    venue: Venue, model: CheckedModel, price: int, removed: bool
) -> None:
    maker, taker = venue.deposit(2_000_000_000), venue.deposit(10**12)
    venue.place(maker, BUY, price, 50_000)
    model.state.accounts[maker].header.collateral_e6 -= 990_000_000
    model.state.accounts[taker].header.collateral_e6 += 990_000_000
    events = venue.place(taker, SELL, 990_000, 50_000, IOC)
    if removed:
        assert leg_code(events) == ResultCode.NO_LIQUIDITY
        assert bodies(events, OrderRemoved)[0].reason == ResultCode.MAKER_MARGIN
    else:
        assert leg_code(events) == ResultCode.OK
        assert compute_cross(model.state.accounts[maker], model.state.markets).equity == 500_174_662


def test_14_band(venue: Venue) -> None:
    account = venue.deposit(10**13)
    assert leg_code(venue.place(account, BUY, 1_050_000, 1)) == ResultCode.OK
    assert leg_code(venue.place(account, SELL, 1_060_000, 1)) == ResultCode.OK
    refused = venue.place(account, BUY, 1_050_001, 1)
    assert leg_code(refused) == ResultCode.PRICE_OUT_OF_BAND
    assert refused[0].body.band_price_ticks == 1_050_000
    low = venue.place(account, SELL, 949_999, 1)
    assert leg_code(low) == ResultCode.PRICE_OUT_OF_BAND
    assert low[0].body.band_price_ticks == 950_000


class Scene:
    """Book of examples 27 to 30: five asks, two of them of the taker or dead, one reduce-only."""

    def __init__(self, venue: Venue, model: CheckedModel) -> None:
        self.venue = venue
        self.taker, self.maker, self.holder = (venue.deposit(10**12) for _ in range(3))
        venue.place(self.maker, SELL, 990_000, 40, POST_ONLY)
        venue.place(self.holder, BUY, 990_000, 40)
        self.ids = [
            self._ask(self.maker, 1_000_010, 100, expiry_ms=venue.now + 500),
            self._ask(self.maker, 1_000_010, 50),
            self._ask(self.taker, 1_000_010, 30),
            self._ask(self.holder, 1_000_020, 40, flags=1),
            self._ask(self.maker, 1_000_030, 100),
        ]
        venue.place(self.maker, BUY, 985_000, 15)
        venue.place(self.holder, SELL, 985_000, 15, IOC)  # long 25 with a reduce-only order of 40
        venue.tick(1000)

    def _ask(self, account: int, price: int, lots: int, **leg: int) -> int:
        accepted = bodies(self.venue.place(account, SELL, price, lots, **leg), OrderAccepted)
        return accepted[0].order_id

    def buy(self, lots: int = 120, tif: int = GTC, price: int = 1_000_020, stp: int = 0) -> list:
        return self.venue.place(self.taker, BUY, price, lots, tif, stp=stp)

    def removed(self, events: list) -> list[tuple[int, int]]:
        """(number of the ask, reason); 0 stands for the taker's remainder."""
        numbers = {order_id: i + 1 for i, order_id in enumerate(self.ids)}
        return [(numbers.get(body.order_id, 0), body.reason) for body in bodies(events, OrderRemoved)]


@pytest.fixture
def scene(venue: Venue, model: CheckedModel) -> Scene:
    return Scene(venue, model)


def fills(events: list) -> list[tuple[int, int]]:
    return [(trade.lots, trade.price_ticks) for trade in bodies(events, Trade)]


def test_27_matching_with_dead_own_and_reduce_only_makers(scene: Scene) -> None:
    events = scene.buy()
    assert fills(events) == [(50, 1_000_010), (25, 1_000_020)]
    assert scene.removed(events) == [(1, 122), (2, 120), (3, 125), (4, 127)]
    assert (leg_code(events), bodies(events, OrderAccepted)[0].resting_lots) == (ResultCode.OK, 45)


def test_28_cancel_taker_and_decrement(venue: Venue, model: CheckedModel) -> None:
    stopped = Scene(venue, model).buy(stp=1)
    assert (fills(stopped), leg_code(stopped)) == ([(50, 1_000_010)], ResultCode.STOPPED_SELF_TRADE)
    assert bodies(stopped, OrderRemoved)[-1].remaining_lots == 70
    other = CheckedModel()
    scene = Scene(start(other), other)
    events = scene.buy(stp=3)
    assert fills(events) == [(50, 1_000_010), (25, 1_000_020)]
    assert scene.removed(events) == [(1, 122), (2, 120), (3, 125), (4, 127)]
    assert bodies(events, OrderAccepted)[0].resting_lots == 15


def test_29_ioc_drops_its_rest(scene: Scene) -> None:
    events = scene.buy(tif=IOC)
    assert leg_code(events) == ResultCode.OK
    assert scene.removed(events)[-1] == (0, ResultCode.IOC_REST)
    assert bodies(events, OrderRemoved)[-1].remaining_lots == 45


def test_30_post_only_and_ioc_without_liquidity(scene: Scene) -> None:
    events = scene.buy(tif=POST_ONLY, price=1_000_010)
    assert (leg_code(events), scene.removed(events)) == (ResultCode.POST_ONLY_WOULD_CROSS, [(1, 122)])
    assert leg_code(scene.buy(tif=IOC, price=1_000_009)) == ResultCode.NO_LIQUIDITY


def test_36_health_rises_with_a_market_step_above_the_zero_price(venue: Venue, model: CheckedModel) -> None:
    long, _ = set_long(venue, model, 100_000, 10**11, 800_000_000, 1_000_000)
    buyer = venue.deposit(10**12)
    venue.place(buyer, BUY, 998_000, 20_000)
    model.state.markets[0].config.liq_chunk_e6 = 10**10
    assert code_of(venue.check_liquidation(long)) == ResultCode.OK
    events = venue.liquidate(long)
    assert fills(events) == [(20_000, 998_000)]
    margin = compute_cross(model.state.accounts[long], model.state.markets)
    assert (margin.equity, margin.maintenance) == (660_200_000, 800_000_000)


@pytest.mark.parametrize(("fund", "code"), [(9_400_000_000, ResultCode.OK), (9_399_999_999, ResultCode.BACKSTOP_SHORT)])
def test_37_backstop_needs_a_tenth_of_the_notional(
    venue: Venue, model: CheckedModel, fund: int, code: ResultCode
) -> None:
    long, _ = set_long(venue, model, 100_000, 10**11, 600_000_000, 1_000_000)
    venue.fund(fund)
    venue.check_liquidation(long)
    assert code_of(venue.liquidate(long)) == code
    taken = code == ResultCode.OK
    assert model.state.accounts[0].size(0) == (100_000 if taken else 0)
    assert model.state.accounts[0].header.collateral_e6 == (fund + 600_000_000 if taken else fund)
    assert model.state.accounts[long].in_liquidation is not taken
    if taken:
        assert model.state.accounts[long].header.collateral_e6 == 0


@pytest.mark.parametrize(
    ("amount", "code"), [(2_000_000_000, ResultCode.OK), (2_000_000_001, ResultCode.WITHDRAW_TOO_LARGE)]
)
def test_41_withdrawal_leaves_a_tenth_of_the_notional(
    venue: Venue, model: CheckedModel, amount: int, code: ResultCode
) -> None:
    long, _ = set_long(venue, model, 20_000, 19 * 10**9, 3_000_000_000, 1_000_000)
    assert code_of(venue.withdraw(long, amount)) == code


def test_44_trie_position_of_a_price(venue: Venue, model: CheckedModel) -> None:
    account = venue.deposit(10**12)
    venue.place(account, BUY, 1_000_010, 1)
    for node, bit in ((15_625, 10), (2**18 + 244, 9), (2**18 + 2**12 + 3, 52), (2**18 + 2**12 + 64, 3)):
        assert TrieNode.decode(model.read(Arena.TRIE, node)).bits == 1 << bit
