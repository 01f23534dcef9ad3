"""Strategies of the bots and the mapping of recordings."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from clients.bots.generated import generate_flow
from clients.bots.maker import MakerSettings, compute_quotes
from clients.bots.recording import Flow, RecordingError, Slots, load_flow, read_rows
from clients.bots.taker import TakerSettings, choose_order
from clients.bots.wallets import WalletError, read_wallets, write_wallets
from clients.python.client import Credential
from clients.python.signing import Key
from clients.python.wire import Cancel, Order, Side, TimeInForce

HEADER = "ts_ms,op,order_id,side,price_cents,qty_1e8,flag\n"
FILLS = "command_index,maker_id,taker_id,price_cents,qty_1e8\n"


def test_maker_quotes_around_the_mid_without_inventory() -> None:
    quotes = compute_quotes(MakerSettings(size_lots=100), 1000.0, 4.0, 0)
    assert quotes.bid_ticks < 1000 < quotes.ask_ticks
    assert 1000 - quotes.bid_ticks == quotes.ask_ticks - 1000
    assert quotes.bid_lots == quotes.ask_lots == 100


def test_maker_leans_against_its_inventory() -> None:
    settings = MakerSettings(size_lots=100)
    flat, long = compute_quotes(settings, 1000.0, 400.0, 0), compute_quotes(settings, 1000.0, 400.0, 500)
    assert long.bid_ticks < flat.bid_ticks
    assert long.ask_ticks < flat.ask_ticks
    assert long.bid_lots == 50
    assert long.ask_lots == 100


def test_maker_stops_buying_at_its_inventory_limit() -> None:
    assert compute_quotes(MakerSettings(size_lots=100), 1000.0, 4.0, 1000).bid_lots == 0


def test_taker_never_exceeds_its_position_cap() -> None:
    settings = TakerSettings(size_lots=10, position_max_lots=30)
    randomness, position = random.Random(3), 0
    for _ in range(200):
        order = choose_order(settings, 0, 256_000, position, randomness)
        position += order.size_lots if order.side == Side.BUY else -order.size_lots
        assert abs(position) <= 30
        bound = 1005 if order.side == Side.BUY else 995
        assert order.price_ticks == bound


def _write(folder: Path, rows: list[str], fills: list[str]) -> Path:
    with gzip.open(folder / "commands.csv.gz", "wt") as file:
        file.write(HEADER + "\n".join(rows) + "\n")
    (folder / "expected_fills.csv").write_text(FILLS + "\n".join(fills) + "\n")
    return folder


ROWS = [
    "1,S,10,bid,99,5,gtc",
    "1,S,11,ask,101,5,gtc",
    "1,S,12,ask,150,5,gtc",
    "2,N,13,ask,102,7,post_only",
    "3,N,14,bid,102,8,ioc",
    "4,C,11,,0,0,",
    "5,C,13,,0,0,",
    "6,C,12,,0,0,",
    "7,N,15,bid,90,4294967297,post_only",
]


def test_flow_starts_with_the_book_of_its_start_row(tmp_path: Path) -> None:
    folder = _write(tmp_path, ROWS, ["4,11,14,101,5", "4,13,14,102,3"])
    flow = load_flow(folder, Slots(4, 2), market=0, start=4, count=10, opening_orders=4)
    opening = [(order.side, order.price_ticks, order.size_lots) for _, order in flow.opening]
    assert opening == [(Side.BUY, 99, 5), (Side.SELL, 101, 5), (Side.SELL, 102, 7)]
    taker = flow.requests[0]
    assert isinstance(taker.item, Order)
    assert taker.item.tif == TimeInForce.IOC
    assert taker.slot >= 4
    assert [fill.lots for fill in flow.expected] == [5, 3]
    assert [isinstance(request.item, Cancel) for request in flow.requests[1:]] == [True, True]
    assert dict(flow.skipped) == {"cancel of an order outside the part": 1, "order above the bounds": 1}


def test_orders_filled_before_the_start_are_not_in_the_book(tmp_path: Path) -> None:
    folder = _write(tmp_path, ROWS, ["4,11,14,101,5", "4,13,14,102,3"])
    flow = load_flow(folder, Slots(4, 2), market=0, start=5, count=10, opening_orders=10)
    assert [(order.price_ticks, order.size_lots) for _, order in flow.opening] == [(99, 5), (150, 5), (102, 4)]


def test_damaged_recording_names_file_and_row(tmp_path: Path) -> None:
    folder = _write(tmp_path, ["1,S,x,bid,99,5,gtc"], [])
    with pytest.raises(RecordingError, match=r"commands.csv.gz, row 0"):
        list(read_rows(folder / "commands.csv.gz"))
    with pytest.raises(RecordingError, match=r"no commands\.csv"):
        load_flow(tmp_path / "absent", Slots(), market=0, start=0, count=1, opening_orders=0)


def test_recorded_part_holds_the_recorded_fills(shared: Path) -> None:
    folder = shared / "data" / "bitstamp_btcusd_l3_20260502"
    flow = load_flow(folder, Slots(), market=0, start=123_250, count=2_000, opening_orders=190)
    assert len(flow.requests) == 2_000
    assert len(flow.expected) == 37
    known = {order.client_id for _, order in flow.opening}
    known |= {request.item.client_id for request in flow.requests}
    assert all(b"recorded" + fill.maker_id.to_bytes(8, "big") in known for fill in flow.expected)


def _generated(seed: int) -> Flow:
    return generate_flow(seed, Slots(4, 2), market=0, count=500, opening_orders=60, mid_ticks=10_000, size_lots=5)


def test_generated_flow_is_the_same_for_the_same_seed() -> None:
    assert _generated(1) == _generated(1)
    assert _generated(1).requests != _generated(2).requests


def test_generated_flow_trades_and_never_crosses_passively() -> None:
    flow = _generated(1)
    assert len(flow.requests) == 500
    assert flow.expected
    takers = {request.row for request in flow.requests if request.slot >= 4}
    assert {fill.index for fill in flow.expected} <= takers


def test_generated_cancels_name_resting_orders() -> None:
    flow = _generated(3)
    seen = {order.client_id for _, order in flow.opening}
    for request in flow.requests:
        if isinstance(request.item, Cancel):
            assert request.item.client_id in seen
        else:
            seen.add(request.item.client_id)


def test_key_file_is_private_and_round_trips(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    credentials = [Credential(2, Key.generate()), Credential(3, Key.generate(), 1)]
    write_wallets(path, credentials)
    assert [(c.account, c.slot, c.key.address) for c in read_wallets(path)] == [
        (c.account, c.slot, c.key.address) for c in credentials
    ]
    path.chmod(0o644)
    with pytest.raises(WalletError, match="expected mode 0600, found 0644"):
        read_wallets(path)


def test_damaged_key_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_text('{"accounts": [{"account": 2, "key": "0xsecret"}]}')
    with pytest.raises(WalletError) as caught:
        read_wallets(path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("seed", [1, 2])
def test_opening_orders_of_one_level_belong_to_one_account(seed: int) -> None:
    owners: dict[int, set[int]] = {}
    for slot, order in _generated(seed).opening:
        owners.setdefault(order.price_ticks, set()).add(slot)
    assert all(len(slots) == 1 for slots in owners.values())


def test_cancels_come_from_the_account_that_placed_the_order() -> None:
    flow = _generated(1)
    owner = {order.client_id: slot for slot, order in flow.opening}
    for request in flow.requests:
        if isinstance(request.item, Cancel):
            assert owner[request.item.client_id] == request.slot
        else:
            owner[request.item.client_id] = request.slot
