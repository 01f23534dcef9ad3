"""The sequencer: numbers, time, due work, batches, and the same result in replay."""

from __future__ import annotations

import json

import pytest

from exchange.errors import Refusal, ReplayMismatch
from exchange.sequencer.machine import Group, Sequencer, SequencerPolicy
from exchange.sequencer.projector import Projection
from exchange.storage.layout import Record, RecordKind
from matching.codec import CancelAll, CommandKind, PlaceOrders, Withdraw
from tests.unit.exchange.kit import (
    BUY,
    GTC,
    IOC,
    POST_ONLY,
    PRICE_FINE,
    PRICE_TICKS,
    SELL,
    T0,
    Trader,
    cancel,
    leg,
    make_policy,
    make_sequencer,
    make_traders,
    open_market,
    order,
    submit,
)


def running(count: int = 2, policy: SequencerPolicy | None = None, **batch: int) -> tuple[Sequencer, list[Trader], int]:
    """A sequencer with an open market, price published, an empty group, and the time of now."""
    sequencer, traders = make_sequencer(policy or make_policy(**batch)), make_traders(count)
    open_market(sequencer, traders)
    now_ms = T0 + 1_000
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS // 2, 1_000), now_ms)
    sequencer.close_batch(now_ms)
    sequencer.take_group()
    return sequencer, traders, now_ms + 1_000


def kinds(group: Group | None) -> list[CommandKind]:
    assert group is not None
    return [command.kind for command in group.commands]


def private_events(projection: Projection, account: int) -> list[str]:
    return [fields["event"] for owner, fields in projection.accounts if owner == account]


def test_sequence_numbers_have_no_gap_and_start_with_one() -> None:
    sequencer, traders = make_sequencer(), make_traders(2)
    open_market(sequencer, traders)
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS, 1_000), T0 + 1_000)
    group = sequencer.take_group()
    assert group is not None
    assert [command.seq for command in group.commands] == list(range(1, len(group.commands) + 1))
    assert group.first_seq == 1


def test_l1_requests_travel_in_batches_of_their_own() -> None:
    sequencer = make_sequencer(make_policy(l1_requests_max=3))
    open_market(sequencer, make_traders(4))
    group = sequencer.take_group()
    assert [len(batch.origins) for batch in group.closed] == [3, 3] if group else False
    assert not sequencer.is_batch_open


def test_batch_opens_with_the_first_command_and_its_price_comes_before_it() -> None:
    sequencer, traders, now_ms = running()
    sequencer.set_price(0, PRICE_FINE, now_ms)
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS, 1_000), now_ms)
    assert kinds(sequencer.take_group())[:3] == [
        CommandKind.BATCH_OPEN,
        CommandKind.ORACLE_ROUND,
        CommandKind.PLACE_ORDERS,
    ]


def test_clock_ticks_only_after_ten_milliseconds() -> None:
    sequencer, traders, now_ms = running()
    for offset_ms in (0, 4, 9, 10, 12, 25):
        submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms + offset_ms)
    assert kinds(sequencer.take_group()).count(CommandKind.CLOCK_TICK) == 2
    assert sequencer.system.time_ms == now_ms + 25


def test_engine_time_never_goes_back() -> None:
    sequencer, traders, now_ms = running()
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS, 1_000), now_ms)
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS, 1_000), now_ms - 3_600_000)
    assert sequencer.system.time_ms == now_ms


def test_market_work_comes_before_the_leg_that_would_meet_it() -> None:
    sequencer, traders, _ = running()
    now_ms = T0 + 120_000
    sequencer.set_price(0, PRICE_FINE, now_ms)
    projection = submit(sequencer, traders[0], order(BUY, PRICE_TICKS, 1_000), now_ms)
    order_of = kinds(sequencer.take_group())
    assert order_of.index(CommandKind.MARKET_WORK) < order_of.index(CommandKind.PLACE_ORDERS)
    assert projection.results[0]["code"] == "OK"


def test_full_batch_closes_and_the_next_command_opens_another() -> None:
    sequencer, traders, now_ms = running(commands_max=3)
    for _ in range(4):
        submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms)
    group = sequencer.take_group()
    assert group is not None
    assert len(group.closed) == 1
    assert sequencer.is_batch_open


def test_batch_closes_by_cost_before_the_prover_is_overloaded() -> None:
    sequencer, traders, now_ms = running(cycles_max=250_000)
    body = PlaceOrders([leg(BUY, PRICE_TICKS - i, 1_000) for i in range(1, 30)])
    submit(sequencer, traders[0], body, now_ms)
    assert not sequencer.is_batch_open


def test_batch_closes_by_time_and_when_idle() -> None:
    sequencer, traders, now_ms = running(idle_ms_max=5_000)
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms)
    sequencer.tick(now_ms + 4_000)
    assert sequencer.is_batch_open
    sequencer.tick(now_ms + 5_000)
    assert not sequencer.is_batch_open
    sequencer.tick(now_ms + 60_000)
    assert not sequencer.is_batch_open


def test_batch_never_lasts_longer_than_the_rules_allow() -> None:
    sequencer, traders, now_ms = running()
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms)
    submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms + 40_000)
    group = sequencer.take_group()
    assert group is not None
    assert len(group.closed) == 1
    assert sequencer.system.time_ms == now_ms + 40_000


def test_every_batch_ends_later_than_the_one_before() -> None:
    sequencer, traders, now_ms = running()
    for _ in range(3):
        submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms)
        sequencer.close_batch(now_ms)
    group = sequencer.take_group()
    assert group is not None
    times = [batch.time_ms for batch in group.closed]
    assert times == sorted(set(times))


def test_roots_of_consecutive_batches_join() -> None:
    sequencer, traders, now_ms = running()
    for _ in range(3):
        submit(sequencer, traders[0], order(BUY, PRICE_TICKS - 100, 1_000), now_ms)
        sequencer.close_batch(now_ms)
    group = sequencer.take_group()
    assert group is not None
    for before, after in zip(group.closed, group.closed[1:], strict=False):
        assert before.new_root == after.old_root
        assert before.seq_last + 1 == after.seq_first
        assert after.number == before.number + 1
    assert group.closed[-1].witness is not None


def test_trade_shows_each_account_only_its_own_half() -> None:
    sequencer, (maker, taker), now_ms = running()
    resting = submit(sequencer, maker, order(SELL, PRICE_TICKS, 1_000, POST_ONLY), now_ms)
    trade = submit(sequencer, taker, order(BUY, PRICE_TICKS, 400, IOC), now_ms)
    maker_order = resting.results[0]["order_id"]
    taker_order = trade.results[0]["order_id"]
    for_maker = json.dumps([fields for owner, fields in trade.accounts if owner == maker.account])
    for_taker = json.dumps([fields for owner, fields in trade.accounts if owner == taker.account])
    assert maker_order in for_maker
    assert taker_order not in for_maker
    assert taker_order in for_taker
    assert maker_order not in for_taker
    fills = {fields["maker"]: fields for _, fields in trade.accounts if fields["event"] == "fill"}
    assert (fills[True]["side"], fills[False]["side"]) == ("sell", "buy")
    assert (fills[True]["position_lots"], fills[False]["position_lots"]) == (-400, 400)
    assert trade.trades == [(0, {"price_ticks": PRICE_TICKS, "lots": 400, "taker_side": "buy"})]


def test_every_accepted_order_gets_exactly_one_terminal_event() -> None:
    sequencer, (maker, taker), now_ms = running()
    first = submit(sequencer, maker, order(SELL, PRICE_TICKS, 1_000, POST_ONLY), now_ms)
    full = submit(sequencer, taker, order(BUY, PRICE_TICKS, 400, IOC), now_ms)
    partial = submit(sequencer, taker, order(BUY, PRICE_TICKS, 1_000, IOC), now_ms)
    resting = submit(sequencer, taker, order(BUY, PRICE_TICKS - 5, 1_000, GTC), now_ms)
    ended = submit(sequencer, taker, cancel(int(resting.results[0]["order_id"])), now_ms)
    everything = [f for p in (first, full, partial, resting, ended) for _, f in p.accounts]
    placed = [f["order_id"] for f in everything if f["event"] == "placed"]
    removed = [(f["order_id"], f["reason"]) for f in everything if f["event"] == "removed"]
    assert sorted(placed) == sorted(order_id for order_id, _ in removed)
    assert [reason for _, reason in removed] == ["FILLED", "FILLED", "IOC_REST", "CANCELLED"]


def test_results_name_each_leg_and_item() -> None:
    sequencer, (trader, _), now_ms = running()
    body = PlaceOrders([leg(BUY, PRICE_TICKS - 10, 1_000), leg(BUY, 1, 1_000), leg(BUY, PRICE_TICKS - 11, 1_000)])
    placed = submit(sequencer, trader, body, now_ms)
    assert [result["code"] for result in placed.results] == ["OK", "PRICE_OUT_OF_BAND", "OK"]
    assert placed.results[1]["nearest_ticks"] > 1
    first = int(placed.results[0]["order_id"])
    again = submit(sequencer, trader, cancel(first), now_ms)
    assert again.results == [{"code": "OK", "oid": first >> 21, "order_id": str(first), "remaining": 1_000}]
    assert submit(sequencer, trader, cancel(first), now_ms).results == [{"code": "ALREADY_CLOSED"}]
    assert submit(sequencer, trader, cancel(2**60), now_ms).results == [{"code": "NOT_FOUND"}]


def test_expired_orders_are_swept() -> None:
    sequencer, (trader, _), now_ms = running()
    body = order(BUY, PRICE_TICKS - 10, 1_000, expiry_ms=now_ms + 500)
    submit(sequencer, trader, body, now_ms)
    sequencer.tick(now_ms + 400)
    assert CommandKind.EXPIRE_ORDERS not in kinds(sequencer.take_group())
    sequencer.tick(now_ms + 500)
    group = sequencer.take_group()
    assert CommandKind.EXPIRE_ORDERS in kinds(group)
    assert [f["reason"] for p in group.projections for _, f in p.accounts] == ["EXPIRED"] if group else False


def test_cancel_all_of_many_orders_is_worked_off_at_once() -> None:
    sequencer, (trader, _), now_ms = running()
    for start in (0, 60, 120):
        legs = [leg(BUY, PRICE_TICKS - 10 - start - i, 1_000) for i in range(60)]
        submit(sequencer, trader, PlaceOrders(legs), now_ms)
    submit(sequencer, trader, CancelAll(0xFFFF), now_ms)
    assert sequencer.reader.open_orders(trader.account) == []
    assert submit(sequencer, trader, order(BUY, PRICE_TICKS - 10, 1_000), now_ms).code == 0


def test_losing_account_is_flagged_and_liquidated_after_a_new_mark() -> None:
    sequencer, (loser, winner, helper), now_ms = running(3, SequencerPolicy(prices_open_batches=True))
    sequencer.set_price(0, PRICE_FINE, now_ms)
    size = 4_000_000  # 4e12 notional on 1e11 collateral: 40x
    submit(sequencer, winner, order(SELL, PRICE_TICKS, size, POST_ONLY), now_ms)
    projection = submit(sequencer, loser, order(BUY, PRICE_TICKS, size, IOC), now_ms)
    assert projection.results[0]["filled"] > 0
    submit(sequencer, helper, order(BUY, PRICE_TICKS * 99 // 100, 1_000_000), now_ms)
    sequencer.take_group()
    seen: list[CommandKind] = []
    for second in range(1, 12):
        at_ms = now_ms + second * 1_000
        sequencer.set_price(0, PRICE_FINE * 98 // 100, at_ms)
        sequencer.tick(at_ms)
        seen += kinds(sequencer.take_group())
    assert CommandKind.LIQUIDATION_CHECK in seen
    assert CommandKind.LIQUIDATION_STEP in seen


def test_silent_feed_issues_no_oracle_round() -> None:
    sequencer, (trader, _), now_ms = running()
    sequencer.set_price(0, PRICE_FINE, now_ms)
    submit(sequencer, trader, order(BUY, PRICE_TICKS - 10, 1_000), now_ms)
    sequencer.take_group()
    for second in range(1, 5):
        sequencer.tick(now_ms + 1_000 * second)
    assert sequencer.take_group() is None


def test_time_alone_issues_no_clock_tick() -> None:
    sequencer, (trader, _), now_ms = running()
    submit(sequencer, trader, order(BUY, PRICE_TICKS - 10, 1_000), now_ms)
    sequencer.take_group()
    sequencer.tick(now_ms + 50)
    assert sequencer.take_group() is None
    submit(sequencer, trader, order(BUY, PRICE_TICKS - 11, 1_000), now_ms + 60)
    assert kinds(sequencer.take_group())[0] == CommandKind.CLOCK_TICK


def test_prices_out_of_range_and_unknown_markets_are_refused() -> None:
    sequencer, _, now_ms = running()
    for market, price in ((1, PRICE_FINE), (0, 0), (0, 2**32), (-1, 5)):
        with pytest.raises(Refusal):
            sequencer.set_price(market, price, now_ms)


def test_withdrawal_is_listed_with_its_index_and_recipient() -> None:
    sequencer, (trader, other), now_ms = running()
    submit(sequencer, trader, Withdraw(5_000_000), now_ms)
    submit(sequencer, other, Withdraw(7_000_000), now_ms)
    submit(sequencer, other, Withdraw(2**50), now_ms)
    sequencer.close_batch(now_ms)
    group = sequencer.take_group()
    assert group is not None
    (batch,) = group.closed
    listed = [(w.index, w.recipient, w.amount_e6) for w in batch.withdrawals]
    assert listed == [(0, trader.address, 5_000_000), (1, other.address, 7_000_000)]


def busy_session() -> tuple[Sequencer, list[Record]]:
    sequencer, traders = make_sequencer(make_policy(commands_max=5)), make_traders(2)
    open_market(sequencer, traders)
    now_ms = T0 + 1_000
    for number in range(17):
        side = number % 2
        body = order(side, PRICE_TICKS + (1 if side else -1) * (number % 3), 1_000 + number, expiry_ms=0)
        submit(sequencer, traders[number % 2], body, now_ms + 37 * number)
    submit(sequencer, traders[0], Withdraw(1_000_000), now_ms + 2_000)
    submit(sequencer, traders[0], CancelAll(0xFFFF), now_ms + 2_000)
    group = sequencer.take_group()
    assert group is not None
    return sequencer, group.records


def test_replay_gives_the_same_state_events_and_open_batch() -> None:
    live, records = busy_session()
    again = make_sequencer(make_policy(commands_max=5))
    for record in records:
        again.replay(record)
    again.take_group()
    assert again.system == live.system
    assert again.is_batch_open == live.is_batch_open
    assert again.root == live.root
    if live.open_batch is not None and again.open_batch is not None:
        assert again.open_batch.commands == live.open_batch.commands
        assert again.open_batch.user_commands == live.open_batch.user_commands
    live.close_batch(T0 + 5_000)
    again.close_batch(T0 + 5_000)
    assert again.root == live.root


def test_replay_notices_missing_altered_and_misnumbered_commands() -> None:
    _, records = busy_session()
    commands = [i for i, record in enumerate(records) if record.kind is RecordKind.COMMAND]
    missing = records[: commands[5]] + records[commands[5] + 1 :]
    checkpoint = next(i for i, record in enumerate(records) if record.kind is RecordKind.CHECKPOINT)
    payload = records[checkpoint].payload
    false_root = Record(RecordKind.CHECKPOINT, records[checkpoint].source, 0, payload[:-1] + bytes([payload[-1] ^ 1]))
    orphan = [record for record in records if record.kind is not RecordKind.L1_ORIGIN]
    garbled = Record(RecordKind.COMMAND, records[commands[5]].source, 0, b"\xff" * 48)
    for bad in (
        missing,
        orphan,
        [*records[:checkpoint], false_root],
        [*records[: commands[5]], garbled],
    ):
        sequencer = make_sequencer(make_policy(commands_max=5))
        with pytest.raises(ReplayMismatch):
            for record in bad:
                sequencer.replay(record)


def test_prices_are_fresh_only_while_every_market_has_a_young_one() -> None:
    sequencer, _, now_ms = running()
    assert not sequencer.has_fresh_prices(now_ms + 10_000)
    sequencer.set_price(0, PRICE_FINE, now_ms)
    assert sequencer.has_fresh_prices(now_ms + 5_000)
    assert not sequencer.has_fresh_prices(now_ms + 5_001)
