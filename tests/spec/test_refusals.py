"""Every refusal of the slice (rules 4.3, 4.4): the code, and that a refused command changes what it may and no more."""

from __future__ import annotations

from typing import Any

import pytest

from matching.codec import (
    ApproveAgent,
    BatchClose,
    BatchOpen,
    CancelItem,
    ClockTick,
    Command,
    CommandBody,
    CreateMarket,
    Deposit,
    InsuranceOrder,
    Leg,
    LiquidationStep,
    MarketWork,
    OracleReport,
    OracleRound,
    PlaceOrders,
    ResultCode,
    ScheduleCancel,
    SetLeverage,
    SetMarketStatus,
    Transfer,
    Withdraw,
)
from matching.errors import CoreHalted
from tests.spec.checked import CheckedModel
from tests.spec.venue import (
    BUY,
    FOK,
    IOC,
    POST_ONLY,
    SELL,
    START_MS,
    Venue,
    code_of,
    leg_code,
    market_b,
    owner_of,
    start,
)

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def model() -> CheckedModel:
    return CheckedModel()


@pytest.fixture
def venue(model: CheckedModel) -> Venue:
    return start(model, market_b(order_notional_min_e6=10_000_000, order_lots_max=1_000_000))


@pytest.fixture
def account(venue: Venue) -> int:
    return venue.deposit(10**12)


LEGS: list[tuple[str, dict[str, Any], ResultCode]] = [
    ("unknown market", {"market": 1}, ResultCode.MARKET_UNKNOWN),
    ("third side", {"side": 2}, ResultCode.SIDE_OR_KIND_INVALID),
    ("trigger", {"kind": 2, "tif": IOC, "trigger_ticks": 5}, ResultCode.SIDE_OR_KIND_INVALID),
    ("fill or kill", {"tif": FOK}, ResultCode.SIDE_OR_KIND_INVALID),
    ("resting market order", {"kind": 1}, ResultCode.SIDE_OR_KIND_INVALID),
    ("expiring IOC", {"tif": IOC, "expiry_ms": START_MS + 5_000}, ResultCode.SIDE_OR_KIND_INVALID),
    ("trigger price of a limit order", {"trigger_ticks": 1}, ResultCode.SIDE_OR_KIND_INVALID),
    ("price 0", {"price_ticks": 0}, ResultCode.PRICE_INVALID),
    ("price above the largest", {"price_ticks": 4_000_001}, ResultCode.PRICE_INVALID),
    ("price outside the band", {"price_ticks": 1_050_001}, ResultCode.PRICE_OUT_OF_BAND),
    ("price outside the passive band", {"price_ticks": 199_999}, ResultCode.PRICE_OUT_OF_BAND),
    ("no lots", {"size_lots": 0}, ResultCode.SIZE_INVALID),
    ("too many lots", {"size_lots": 1_000_001}, ResultCode.SIZE_INVALID),
    ("under the minimum", {"size_lots": 9}, ResultCode.NOTIONAL_TOO_SMALL),
    ("expired", {"expiry_ms": START_MS}, ResultCode.EXPIRY_INVALID),
    ("expiry after 90 days", {"expiry_ms": START_MS + 90 * DAY + 1}, ResultCode.EXPIRY_INVALID),
    ("fee below the tier's", {"fee_max_ppm": 449}, ResultCode.FEE_ABOVE_MAX),
    ("maker fee below the tier's", {"fee_max_ppm": 149, "tif": POST_ONLY}, ResultCode.FEE_ABOVE_MAX),
    ("reduce-only without position", {"flags": 1}, ResultCode.REDUCE_ONLY_INCREASES),
    ("no margin", {"size_lots": 900_000}, ResultCode.OK),
    ("nothing to trade with", {"tif": IOC}, ResultCode.NO_LIQUIDITY),
    ("valid", {}, ResultCode.OK),
    ("valid post-only at the maker's fee", {"tif": POST_ONLY, "fee_max_ppm": 150}, ResultCode.OK),
    ("expiry in 90 days", {"expiry_ms": START_MS + 90 * DAY}, ResultCode.OK),
]


@pytest.mark.parametrize(("name", "changes", "code"), LEGS, ids=[name for name, _, _ in LEGS])
def test_leg(venue: Venue, account: int, name: str, changes: dict[str, Any], code: ResultCode) -> None:
    leg = {"side": BUY, "price_ticks": 999_000, "size_lots": 100, "fee_max_ppm": 450, **changes}
    assert leg_code(venue.sign(account, PlaceOrders([Leg(**leg)]))) == code


def test_legs_of_a_bulk_request_are_judged_one_by_one(venue: Venue, account: int) -> None:
    legs = [Leg(0, BUY, price_ticks=price, size_lots=100, fee_max_ppm=450) for price in (999_000, 0, 999_001)]
    events = venue.sign(account, PlaceOrders(legs))
    assert [event.code for event in events] == [ResultCode.OK, ResultCode.PRICE_INVALID, ResultCode.OK, ResultCode.OK]
    assert events[-1].body.legs_ok == 2


def test_margin_position_limit_and_open_interest(model: CheckedModel) -> None:
    venue = start(model, market_b(position_lots_max=1_000, order_lots_max=1_000, oi_lots_max=500))
    poor, rich, other = venue.deposit(10**6), venue.deposit(10**12), venue.deposit(10**12)
    assert leg_code(venue.place(poor, BUY, 1_000_000, 100)) == ResultCode.INSUFFICIENT_MARGIN
    assert leg_code(venue.place(rich, BUY, 1_000_000, 600)) == ResultCode.OK
    assert leg_code(venue.place(rich, BUY, 1_000_000, 401)) == ResultCode.POSITION_LIMIT
    assert leg_code(venue.place(other, SELL, 1_000_000, 500)) == ResultCode.OK
    assert leg_code(venue.place(other, SELL, 1_000_000, 1)) == ResultCode.OI_CAP
    assert model.state.markets[0].state.oi_lots == 500


def test_reduce_only_order_cannot_flip_a_position(venue: Venue, model: CheckedModel, account: int) -> None:
    other = venue.deposit(10**12)
    venue.place(other, SELL, 1_000_000, 100)
    venue.place(account, BUY, 1_000_000, 100)
    venue.place(other, BUY, 999_000, 500)
    assert leg_code(venue.place(account, BUY, 1_000_000, 100, flags=1)) == ResultCode.REDUCE_ONLY_INCREASES
    assert leg_code(venue.place(account, SELL, 999_000, 300, flags=1)) == ResultCode.STOPPED_REDUCE_ONLY
    assert model.state.accounts[account].size(0) == 0


def test_market_status_and_stale_index(venue: Venue, account: int) -> None:
    venue.set_status(0, 2)
    assert leg_code(venue.place(account, BUY, 999_000, 100)) == ResultCode.MARKET_REDUCE_ONLY
    venue.set_status(0, 3)
    assert leg_code(venue.place(account, BUY, 999_000, 100)) == ResultCode.MARKET_HALTED
    venue.set_status(0, 1)
    venue.tick(10_000)
    assert leg_code(venue.place(account, BUY, 999_000, 100)) == ResultCode.OK
    venue.tick(1)
    assert leg_code(venue.place(account, BUY, 999_000, 100)) == ResultCode.INDEX_STALE
    assert code_of(venue.withdraw(account, 1)) == ResultCode.INDEX_STALE, "the account has an order there"


def test_catching_up_index_admits_new_risk_only_at_the_raw_price(venue: Venue, account: int) -> None:
    venue.tick(1_000)
    venue.prices(250_000_000)  # the index may move by 0.5 % only
    raw = 250_000_000 // 256
    assert leg_code(venue.place(account, BUY, raw + 1, 100)) == ResultCode.INDEX_STALE
    assert leg_code(venue.place(account, BUY, raw, 100)) == ResultCode.OK
    assert leg_code(venue.place(account, BUY, raw + 1, 100, IOC)) == ResultCode.NO_LIQUIDITY, "cut, not refused"


def test_legs_wait_for_market_work(venue: Venue, account: int) -> None:
    venue.close_batch()
    venue.open_batch(venue.now + 60_000)
    venue.prices(256_000_000)
    assert leg_code(venue.place(account, BUY, 999_000, 100)) == ResultCode.MARKET_WORK_PENDING
    assert code_of(venue.work(0)) == ResultCode.OK
    assert code_of(venue.work(0)) == ResultCode.NOTHING_DUE
    assert code_of(venue.send(MarketWork(9))) == ResultCode.MARKET_UNKNOWN
    assert leg_code(venue.place(account, BUY, 999_000, 100)) == ResultCode.OK


def test_cancel_tells_never_existed_from_already_closed(venue: Venue, account: int) -> None:
    other = venue.deposit(10**12)
    accepted = venue.place(account, BUY, 999_000, 100, client_id=b"c" * 16)[0].body
    order_id = accepted.order_id
    by_id, by_client = CancelItem.by_order_id, CancelItem.by_client_id
    assert leg_code(venue.cancel(other, by_id(0, order_id))) == ResultCode.ALREADY_CLOSED, "not yours looks closed"
    assert leg_code(venue.cancel(account, by_id(1, order_id))) == ResultCode.ALREADY_CLOSED
    assert leg_code(venue.cancel(account, by_id(0, 0))) == ResultCode.NOT_FOUND
    assert leg_code(venue.cancel(account, by_id(0, 2 * 2**21))) == ResultCode.NOT_FOUND
    assert leg_code(venue.cancel(account, by_client(0, b"d" * 16))) == ResultCode.NOT_FOUND
    assert leg_code(venue.cancel(account, by_client(0, bytes(16)))) == ResultCode.NOT_FOUND
    assert venue.cancel(account, by_client(0, b"c" * 16, hint=99))[0].body.reason == ResultCode.CANCELLED
    assert leg_code(venue.cancel(account, by_id(0, order_id))) == ResultCode.ALREADY_CLOSED


def test_signer_checks_and_nonces(venue: Venue, model: CheckedModel, account: int) -> None:
    agent = b"\x0a" * 20
    body = PlaceOrders([Leg(0, BUY, price_ticks=999_000, size_lots=100, fee_max_ppm=450)])
    assert code_of(venue.sign(99, body)) == ResultCode.ACCOUNT_UNKNOWN
    assert code_of(venue.sign(account, body, slot=1)) == ResultCode.SIGNER_UNKNOWN
    assert code_of(venue.sign(account, body, slot=8)) == ResultCode.SIGNER_UNKNOWN
    assert code_of(venue.approve(account, 1, agent, venue.now + 5_000)) == ResultCode.OK
    assert code_of(venue.sign(account, body, slot=1, nonce=START_MS)) == ResultCode.NONCE_TOO_OLD, "below the approval"
    assert code_of(venue.sign(account, body, slot=1, nonce=START_MS + 50)) == ResultCode.OK
    assert code_of(venue.sign(account, body, slot=1, nonce=START_MS + 50)) == ResultCode.NONCE_USED
    assert code_of(venue.sign(account, Withdraw(1), slot=1, nonce=START_MS + 51)) == ResultCode.SIGNER_NOT_ALLOWED
    assert code_of(venue.sign(account, body, nonce=venue.now + DAY)) == ResultCode.NONCE_OUT_OF_WINDOW
    assert code_of(venue.sign(account, body, nonce=venue.now - 2 * DAY)) == ResultCode.NONCE_OUT_OF_WINDOW
    assert code_of(venue.sign(account, body, expires=venue.now)) == ResultCode.REQUEST_EXPIRED
    assert code_of(venue.sign(account, body, nonce=venue.nonces[account, 0])) == ResultCode.NONCE_USED, (
        "19 uses the nonce"
    )
    venue.tick(5_000)
    assert code_of(venue.sign(account, body, slot=1, nonce=START_MS + 60)) == ResultCode.SIGNER_EXPIRED
    assert len(model.state.accounts[account].orders) == 1


AGENTS = [
    ("slot 0", 0, b"\x0b" * 20, DAY),
    ("slot 8", 8, b"\x0b" * 20, DAY),
    ("no address", 2, bytes(20), DAY),
    ("the owner", 2, owner_of(2), DAY),
    ("an agent of another slot", 2, b"\x0a" * 20, DAY),
    ("after 180 days", 2, b"\x0b" * 20, 180 * DAY + 1),
]


@pytest.mark.parametrize(("name", "slot", "address", "lasting"), AGENTS, ids=[row[0] for row in AGENTS])
def test_agent_is_refused(venue: Venue, account: int, name: str, slot: int, address: bytes, lasting: int) -> None:
    assert code_of(venue.approve(account, 1, b"\x0a" * 20, venue.now + DAY)) == ResultCode.OK
    assert code_of(venue.sign(account, ApproveAgent(slot, 0, address, venue.now + lasting))) == ResultCode.AGENT_INVALID


def test_withdrawals(venue: Venue, model: CheckedModel, account: int) -> None:
    assert code_of(venue.withdraw(account, 0)) == ResultCode.AMOUNT_INVALID
    assert code_of(venue.withdraw(account, 2**56 + 1)) == ResultCode.AMOUNT_INVALID
    assert code_of(venue.withdraw(account, 10**12 + 1)) == ResultCode.WITHDRAW_TOO_LARGE
    chain = model.state.system.withdraw_chain
    assert code_of(venue.withdraw(account, 10**12)) == ResultCode.OK
    assert model.state.system.withdraw_chain != chain
    assert (model.state.system.withdraw_pending_e6, model.state.system.vault_total_e6) == (10**12, 10**12)
    venue.pass_time(1)
    assert (model.state.system.withdraw_pending_e6, model.state.system.vault_total_e6) == (0, 0)


def test_refused_deposit_is_listed_for_its_owner_and_the_queue_goes_on(
    venue: Venue, model: CheckedModel, account: int
) -> None:
    done = model.state.system.priority_done
    cases = [
        (Deposit(done + 1, owner_of(9), 3, 5), ResultCode.PRIORITY_ORDER),
        (Deposit(done, owner_of(9), account, 5), ResultCode.ACCOUNT_UNKNOWN),
        (Deposit(done + 1, owner_of(9), 7, 5), ResultCode.ACCOUNT_UNKNOWN),
        (Deposit(done + 2, owner_of(9), 3, 2**56 + 1), ResultCode.MONEY_LIMIT),
        (Deposit(done + 3, owner_of(9), 3, 0), ResultCode.MONEY_LIMIT),
    ]
    for body, code in cases:
        assert code_of(venue.send(body)) == code
    assert model.state.system.priority_done == done + 4
    assert model.state.system.account_count == 4, "the account exists though its money was refused"
    assert [(w.recipient, w.amount_e6) for w in model.withdrawals] == [
        (owner_of(9), 5),
        (owner_of(9), 5),
        (owner_of(9), 2**56 + 1),
    ]
    assert model.state.system.withdraw_pending_e6 == 0


def test_oracle_round_is_refused_as_a_whole(venue: Venue, model: CheckedModel) -> None:
    venue.signers(k=2, n=3)
    prices = [257_000_000] + [0] * 61
    venue.tick(6_000)

    def report(signer: int, age: int = 0) -> OracleReport:
        return OracleReport(signer, venue.now - age, prices)

    for reports, code in (
        ([report(0)], ResultCode.ORACLE_QUORUM),
        ([report(1), report(0)], ResultCode.ORACLE_SIGNER_ORDER),
        ([report(1), report(1)], ResultCode.ORACLE_SIGNER_ORDER),
        ([report(1), report(3)], ResultCode.ORACLE_SIGNER_ORDER),
        ([report(0), report(1, 5_001)], ResultCode.ORACLE_REPORT_AGE),
        ([report(0), report(1, -5_001)], ResultCode.ORACLE_REPORT_AGE),
    ):
        assert code_of(venue.send(OracleRound(reports))) == code
    assert model.state.markets[0].state.index_fine == 256_000_000
    assert code_of(venue.send(OracleRound([report(0), report(2, 5_000)]))) == ResultCode.OK
    assert model.state.markets[0].state.index_fine == 257_000_000


CONFIGS: list[dict[str, Any]] = [
    {"lot_tick_value_e6": 0},
    {"lot_tick_value_e6": 4_097},
    {"price_ticks_max": 2**24},
    {"lot_tick_value_e6": 100},  # K * price_ticks_max
    {"order_lots_max": 10_000_001},
    {"position_lots_max": 2**32 + 1},
    {"oi_lots_max": 2**36 + 1},
    {"basis_cap_ppm": 5_001},
    {"leverage_max": 49},
    {"leverage_max": 0},
    {"tier_count": 2},
    {"tier_count": 0},
    {"band_ppm": 1_000_001},
    {"funding_cap_ppb": 40_000_001},
    {"basis_tau_ms": 0},
    {"impact_notional_e6": 0},
    {"liq_chunk_e6": 2**48 + 1},
    {"index_age_max_ms": 0},
]


@pytest.mark.parametrize("changes", CONFIGS, ids=[str(row) for row in CONFIGS])
def test_market_config_is_refused(venue: Venue, model: CheckedModel, changes: dict[str, Any]) -> None:
    assert code_of(venue.create_market(market_b(**changes))) == ResultCode.FEE_OR_MARKET_CONFIG
    assert model.state.system.market_count == 1


def test_market_updates_keep_what_positions_depend_on(venue: Venue) -> None:
    good = market_b(order_notional_min_e6=5)
    assert code_of(venue.update_market(0, good)) == ResultCode.OK
    assert code_of(venue.update_market(1, good)) == ResultCode.MARKET_UNKNOWN
    for changes in ({"symbol": bytes(16)}, {"price_ticks_max": 3_999_999}, {"lot_tick_value_e6": 2}):
        assert code_of(venue.update_market(0, market_b(**changes))) == ResultCode.FEE_OR_MARKET_CONFIG
    assert code_of(venue.set_status(0, 4)) == ResultCode.FEE_OR_MARKET_CONFIG
    assert code_of(venue.set_status(5, 1)) == ResultCode.MARKET_UNKNOWN
    assert code_of(venue.signers(k=2, n=1)) == ResultCode.FEE_OR_MARKET_CONFIG


def test_liquidation_refusals(venue: Venue, account: int) -> None:
    assert code_of(venue.check_liquidation(77)) == ResultCode.ACCOUNT_UNKNOWN
    assert code_of(venue.check_liquidation(account)) == ResultCode.NOT_LIQUIDATABLE
    assert code_of(venue.liquidate(account)) == ResultCode.NOT_IN_LIQUIDATION
    assert code_of(venue.send(LiquidationStep(account, 0))) == ResultCode.NOT_IN_LIQUIDATION


def test_only_the_fund_sends_insurance_orders_and_they_only_reduce(venue: Venue, account: int) -> None:
    leg = Leg(0, BUY, price_ticks=999_000, size_lots=100, fee_max_ppm=450)
    assert code_of(venue.sign(account, InsuranceOrder([leg]))) == ResultCode.SIGNER_NOT_ALLOWED
    assert leg_code(venue.sign(0, InsuranceOrder([leg]))) == ResultCode.REDUCE_ONLY_INCREASES


@pytest.mark.parametrize("body", [ScheduleCancel(1), SetLeverage(0, 5, 0), Transfer(3, 0)])
def test_later_signed_kinds_are_recorded_as_malformed(
    venue: Venue, model: CheckedModel, account: int, body: CommandBody
) -> None:
    signer = model.state.signers[account * 8].encode()
    assert code_of(venue.sign(account, body)) == ResultCode.MALFORMED
    assert model.state.system.seq == venue.seq
    assert model.state.signers[account * 8].encode() == signer, "the nonce is untouched"


HALTS: list[tuple[str, CommandBody, dict[str, int], ResultCode]] = [
    ("gap", ClockTick(START_MS + 1), {"seq": 9}, ResultCode.SEQUENCE_GAP),
    ("second opening", BatchOpen(2, START_MS, bytes(32)), {}, ResultCode.BATCH_STATE),
    ("time stands still", ClockTick(START_MS), {}, ResultCode.TIME_INVALID),
    ("more than 30 s", ClockTick(START_MS + 30_001), {}, ResultCode.TIME_INVALID),
    ("signer fields of an unsigned kind", ClockTick(START_MS + 1), {"account": 1}, ResultCode.MALFORMED),
    ("kind not released", LiquidationStep(), {"kind": 39}, ResultCode.MALFORMED),
]


@pytest.mark.parametrize(("name", "body", "header", "code"), HALTS, ids=[row[0] for row in HALTS])
def test_faulty_sequencer_halts_the_machine_and_changes_nothing(
    model: CheckedModel, name: str, body: CommandBody, header: dict[str, int], code: ResultCode
) -> None:
    venue = Venue(model)
    venue.open_batch()
    root = model.state_root()
    data = bytearray(Command(header.get("seq", 2), body, account=header.get("account", 0)).encode())
    data[0] = header.get("kind", data[0])
    with pytest.raises(CoreHalted) as caught:
        model.apply(bytes(data))
    assert caught.value.code == code
    assert model.state_root() == root


def test_batch_must_be_open_and_done_with_market_work_to_close(venue: Venue, model: CheckedModel) -> None:
    venue.close_batch()
    for body in (ClockTick(START_MS + 1), SetMarketStatus(), CreateMarket()):
        with pytest.raises(CoreHalted) as caught:
            venue.send(body)
        assert caught.value.code == ResultCode.BATCH_NOT_OPEN
    for number, time, code in ((3, START_MS, ResultCode.BATCH_STATE), (2, START_MS - 1, ResultCode.TIME_INVALID)):
        with pytest.raises(CoreHalted) as caught:
            venue.send(BatchOpen(number, time, bytes(32)))
        assert caught.value.code == code
    venue.open_batch(START_MS + HOUR)
    with pytest.raises(CoreHalted) as caught:
        venue.send(BatchClose())
    assert caught.value.code == ResultCode.BATCH_STATE
    venue.work(0)
    assert code_of(venue.close_batch()) == ResultCode.OK
