"""Part of a real recording through model and core: equal roots, and the trades that the venue recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.bench.recording import FOLDER_NAME, CommandMapper, RecordedFill, Row, read_fills, read_rows
from matching.codec import Order, Side, Trade, decode_events
from matching.engine import Engine
from matching.spec.invariants import check_invariants
from tests.property.matching.duel import Duel, Rates
from tests.spec.venue import FEE_OWNER, FUND_OWNER

FIRST_ROW = 123_250  # here trades are dense
NEAR_TICKS = 15_000  # snapshot orders within 150 USD of the touch


def open_orders_before(rows: list[Row], first: int) -> list[Row]:
    """The orders that are open before a row, with what is left of them, oldest first (the core alone runs so far)."""
    mapper, core = CommandMapper(rows[:first]), Engine(FUND_OWNER, FEE_OWNER)
    opening = mapper.opening()
    core.apply_many(b"".join(opening))
    for row in rows[:first]:
        for command in mapper.commands(row):
            events = core.apply(command)
        mapper.note(events)
    records = [Order.decode(data) for account in range(len(opening)) for data in core.open_orders(account)]
    records.sort(key=lambda order: order.order_id)
    now = rows[first].ts_ms
    return [
        Row(now, "S", int.from_bytes(o.client_id, "little"), Side(o.side), o.price_ticks, o.remaining_lots, "gtc")
        for o in records
    ]


def window_rows(folder: Path, count: int) -> tuple[list[Row], list[RecordedFill]]:
    """Snapshot near the touch and `count` rows from FIRST_ROW on; the fills recorded in them."""
    rows = read_rows(folder)
    inside = [fill for fill in read_fills(folder) if FIRST_ROW <= fill.command_index < FIRST_ROW + count]
    touch = inside[0].price_ticks
    snapshot = [row for row in open_orders_before(rows, FIRST_ROW) if abs(row.price_ticks - touch) < NEAR_TICKS]
    return snapshot + rows[FIRST_ROW : FIRST_ROW + count], inside


def replay(folder: Path, count: int, root_every: int) -> None:
    rows, expected = window_rows(folder, count)
    mapper, duel = CommandMapper(rows), Duel(Rates(), root_every=1)
    for command in mapper.opening():
        duel.apply(command)
    trades: list[tuple[int, int, int]] = []
    for number, row in enumerate(rows):
        for command in mapper.commands(row):
            events = duel.apply(command)
            trades += [
                (e.body.price_ticks, e.body.lots, row.order_id)
                for e in decode_events(events)
                if isinstance(e.body, Trade)
            ]
        mapper.note(events)
        if number % root_every == 0:
            duel.compare_roots()
            check_invariants(duel.model.state)
    for command in mapper.closing():
        duel.apply(command)
    duel.compare_roots()
    assert trades == [(fill.price_ticks, fill.lots, fill.taker_id) for fill in expected]


def test_2000_recorded_commands_give_equal_roots_and_the_recorded_trades(shared: Path) -> None:
    folder = shared / "data" / FOLDER_NAME
    if not folder.is_dir():
        pytest.skip(f"the recording {FOLDER_NAME} is absent")
    replay(folder, count=2_000, root_every=100)
