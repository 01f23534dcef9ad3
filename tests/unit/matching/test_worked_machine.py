"""Worked examples of rules 20 that need the whole machine, on the core. The number in each name is the example's."""

from __future__ import annotations

import pytest

from matching.codec import (
    Arena,
    Event,
    MarkChanged,
    MarketConfig,
    MarketState,
    MoneyMoved,
    OrderAccepted,
    OrderRemoved,
    Position,
    ResultCode,
    SystemRecord,
    Trade,
    TrieNode,
)
from tests.spec.venue import (
    BUY,
    FOK,
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
from tests.unit.matching.editable import EditableEngine

TWENTY = {"leverage_max": 20, "tiers": tiers_of((5 * 10**12, 50_000, 10_000), (0, 100_000, 50_000)), "tier_count": 2}


@pytest.fixture
def machine() -> EditableEngine:
    return EditableEngine()


@pytest.fixture
def venue(machine: EditableEngine) -> Venue:
    return start(machine)


def position_of(machine: EditableEngine, account: int) -> Position:
    """The account's only position."""
    record = machine.read(Arena.ACCOUNT, account)
    assert len(record) == 128 + 64
    return Position.decode(record[128:])


def equity_of(machine: EditableEngine, account: int, mark_ticks: int = 1_000_000) -> int:
    """Collateral + value - cost at a whole-tick mark of market B."""
    position = position_of(machine, account)
    return machine.account(account).collateral_e6 + position.size_lots * mark_ticks - position.cost_e6


def set_long(venue: Venue, machine: EditableEngine, lots: int, cost: int, collateral: int) -> tuple[int, int]:
    """A fresh account long `lots` at `cost` against another one, its collateral exact, fees aside; mark 1,000,000."""
    price = cost // lots
    long, short = venue.deposit(10**12), venue.deposit(10**13)
    venue.place(short, SELL, price, lots, POST_ONLY)
    venue.place(long, BUY, price, lots)
    machine.move_collateral(long, short, machine.account(long).collateral_e6 - collateral)
    machine.edit(Arena.MARKET_STATE, 0, MarketState, mark_fine=256_000_000)
    return long, short


@pytest.mark.parametrize(("collateral", "code"), [(5_045_000_000, 0), (5_044_999_999, 74)])
def test_10_precheck_edge(machine: EditableEngine, collateral: int, code: int) -> None:
    venue = start(machine, market_b(**TWENTY))
    assert leg_code(venue.place(venue.deposit(collateral), BUY, 1_000_000, 100_000)) == code


@pytest.mark.parametrize(("price", "code", "equity"), [(985_451, 0, 750_377_352), (985_443, 75, 1_500_000_000)])
def test_11_shrinking_fill_may_not_worsen_health(
    venue: Venue, machine: EditableEngine, price: int, code: int, equity: int
) -> None:
    long, _ = set_long(venue, machine, 100_000, 10**11, 1_500_000_000)
    venue.place(venue.deposit(10**12), BUY, price, 50_000)
    assert leg_code(venue.place(long, SELL, price, 50_000, IOC)) == code
    assert equity_of(machine, long) == equity


@pytest.mark.parametrize(("price", "is_removed"), [(1_010_045, False), (1_010_050, True)])
def test_12_maker_test_removes_a_maker_that_would_fall_below_maintenance(
    venue: Venue, machine: EditableEngine, price: int, is_removed: bool
) -> None:
    maker, taker = venue.deposit(2_000_000_000), venue.deposit(10**12)
    venue.place(maker, BUY, price, 50_000)
    machine.move_collateral(maker, taker, 990_000_000)
    events = venue.place(taker, SELL, 990_000, 50_000, IOC)
    if is_removed:
        assert leg_code(events) == ResultCode.NO_LIQUIDITY
        assert bodies(events, OrderRemoved)[0].reason == ResultCode.MAKER_MARGIN
    else:
        assert leg_code(events) == ResultCode.OK
        assert equity_of(machine, maker) == 500_174_662


def test_15_impact_prices_move_the_mark(venue: Venue, machine: EditableEngine) -> None:
    account = venue.deposit(10**13)
    for price, lots in ((999_990, 3_000), (999_980, 4_000), (999_900, 50_000)):
        venue.place(account, BUY, price, lots, POST_ONLY)
    venue.tick(1_000)
    assert bodies(venue.prices(256_000_000), MarkChanged)[0].flags == 4, "asks are absent"
    for price, lots in ((1_000_010, 2_000), (1_000_020, 100_000)):
        venue.place(account, SELL, price, lots, POST_ONLY)
    venue.tick(1_000)
    changed = bodies(venue.prices(256_000_000), MarkChanged)[0]
    # bid 255,989,502 and ask 256,004,608: target -2,945, weight 2,184 of 65,536
    target = (255_989_502 + 256_004_608) // 2 - 256_000_000
    basis = target * 65_536 * 2_184 // 65_536
    assert MarketState.decode(machine.read(Arena.MARKET_STATE, 0)).basis_q16 == basis
    assert (changed.flags, changed.mark_fine) == (0, 256_000_000 + (basis >> 16))


class Scene:
    """Book of examples 27 to 30: five asks, two of them of the taker or dead, one reduce-only."""

    def __init__(self, machine: EditableEngine) -> None:
        self.machine, self.venue = machine, start(machine)
        venue = self.venue
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
        venue.tick(1_000)

    def _ask(self, account: int, price: int, lots: int, **leg: int) -> int:
        return bodies(self.venue.place(account, SELL, price, lots, **leg), OrderAccepted)[0].order_id

    def buy(self, lots: int = 120, tif: int = GTC, price: int = 1_000_020, stp: int = 0) -> list[Event]:
        return self.venue.place(self.taker, BUY, price, lots, tif, stp=stp)

    def removed(self, events: list[Event]) -> list[tuple[int, int]]:
        """(number of the ask, reason); 0 stands for the taker's remainder."""
        numbers = {order_id: i + 1 for i, order_id in enumerate(self.ids)}
        return [(numbers.get(body.order_id, 0), body.reason) for body in bodies(events, OrderRemoved)]


@pytest.fixture
def scene(machine: EditableEngine) -> Scene:
    return Scene(machine)


def fills(events: list[Event]) -> list[tuple[int, int]]:
    return [(trade.lots, trade.price_ticks) for trade in bodies(events, Trade)]


def test_27_matching_with_dead_own_and_reduce_only_makers(scene: Scene) -> None:
    events = scene.buy()
    assert fills(events) == [(50, 1_000_010), (25, 1_000_020)]
    assert scene.removed(events) == [(1, 122), (2, 120), (3, 125), (4, 127)]
    assert (leg_code(events), bodies(events, OrderAccepted)[0].resting_lots) == (0, 45)


def test_28_cancel_taker(scene: Scene) -> None:
    events = scene.buy(stp=1)
    assert (fills(events), leg_code(events)) == ([(50, 1_000_010)], ResultCode.STOPPED_SELF_TRADE)
    assert bodies(events, OrderRemoved)[-1].remaining_lots == 70


def test_28_decrement(scene: Scene) -> None:
    events = scene.buy(stp=3)
    assert fills(events) == [(50, 1_000_010), (25, 1_000_020)]
    assert scene.removed(events) == [(1, 122), (2, 120), (3, 125), (4, 127)]
    assert bodies(events, OrderAccepted)[0].resting_lots == 15


def test_29_ioc_drops_its_rest_and_fok_comes_later(scene: Scene) -> None:
    assert leg_code(scene.buy(tif=FOK)) == ResultCode.SIDE_OR_KIND_INVALID
    events = scene.buy(tif=IOC)
    assert (leg_code(events), scene.removed(events)[-1]) == (0, (0, ResultCode.IOC_REST))
    assert bodies(events, OrderRemoved)[-1].remaining_lots == 45


def test_30_post_only_and_ioc_without_liquidity(scene: Scene) -> None:
    events = scene.buy(tif=POST_ONLY, price=1_000_010)
    assert (leg_code(events), scene.removed(events)) == (ResultCode.POST_ONLY_WOULD_CROSS, [(1, 122)])
    assert leg_code(scene.buy(tif=IOC, price=1_000_009)) == ResultCode.NO_LIQUIDITY


def test_31_fill_limit_of_4096(venue: Venue) -> None:
    makers, taker = [venue.deposit(10**12) for _ in range(5)], venue.deposit(10**12)
    for i in range(5_000):
        venue.place(makers[i % 5], SELL, 1_000_000, 1, POST_ONLY)
    events = venue.place(taker, BUY, 1_000_000, 5_000)
    assert leg_code(events) == ResultCode.STOPPED_FILL_LIMIT
    assert bodies(events, OrderAccepted)[0].filled_lots == 4_096
    assert bodies(events, OrderRemoved)[-1].remaining_lots == 904


def test_35_and_36_liquidation_fee_and_health_after_a_market_step(venue: Venue, machine: EditableEngine) -> None:
    long, _ = set_long(venue, machine, 100_000, 10**11, 800_000_000)
    venue.place(venue.deposit(10**12), BUY, 998_000, 20_000)
    machine.edit(Arena.MARKET_CONFIG, 0, MarketConfig, liq_chunk_e6=10**10)
    assert code_of(venue.check_liquidation(long)) == ResultCode.OK
    events = venue.liquidate(long)
    assert fills(events) == [(20_000, 998_000)]
    assert [body.amount_e6 for body in bodies(events, MoneyMoved)] == [99_800_000]
    assert equity_of(machine, long) == 660_200_000


@pytest.mark.parametrize(("fund", "is_taken"), [(9_400_000_000, True), (9_399_999_999, False)])
def test_37_backstop_needs_a_tenth_of_the_notional(
    venue: Venue, machine: EditableEngine, fund: int, is_taken: bool
) -> None:
    long, _ = set_long(venue, machine, 100_000, 10**11, 600_000_000)
    venue.fund(fund)
    venue.check_liquidation(long)
    assert code_of(venue.liquidate(long)) == (ResultCode.OK if is_taken else ResultCode.BACKSTOP_SHORT)
    assert machine.account(0).collateral_e6 == (fund + 600_000_000 if is_taken else fund)
    assert (machine.account(long).liq_since_ms == 0) is is_taken
    if is_taken:
        assert position_of(machine, 0).size_lots == 100_000
        assert machine.account(long).collateral_e6 == 0
        assert SystemRecord.decode(machine.read(Arena.SYSTEM, 0)).liq_count == 0


@pytest.mark.parametrize(("amount", "code"), [(2_000_000_000, 0), (2_000_000_001, 91)])
def test_41_withdrawal_leaves_a_tenth_of_the_notional(
    venue: Venue, machine: EditableEngine, amount: int, code: int
) -> None:
    long, _ = set_long(venue, machine, 20_000, 19 * 10**9, 3_000_000_000)
    assert code_of(venue.withdraw(long, amount)) == code


def test_44_trie_position_of_a_price(venue: Venue, machine: EditableEngine) -> None:
    venue.place(venue.deposit(10**12), BUY, 1_000_010, 1)
    for node, bit in ((15_625, 10), (2**18 + 244, 9), (2**18 + 2**12 + 3, 52), (2**18 + 2**12 + 64, 3)):
        assert TrieNode.decode(machine.read(Arena.TRIE, node)).bits == 1 << bit
