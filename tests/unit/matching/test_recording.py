"""Replay of a real order flow: the core makes exactly the trades that the venue recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.bench.recording import FOLDER_NAME, CommandMapper, RecordedFill, read_fills, read_rows
from matching.codec import EventKind, Trade, decode_events
from matching.engine import Engine
from tests.spec.venue import FEE_OWNER, FUND_OWNER


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "data" / FOLDER_NAME


def test_replay_makes_exactly_the_recorded_fills(folder: Path) -> None:
    rows = read_rows(folder)
    mapper, engine = CommandMapper(rows), Engine(FUND_OWNER, FEE_OWNER)
    for command in mapper.opening():
        engine.apply(command)
    trades: list[tuple[int, Trade]] = []
    for number, row in enumerate(rows):
        for command in mapper.commands(row):
            events = engine.apply(command)
        mapper.note(events)
        if int.from_bytes(events[:2], "little") in (EventKind.TRADE, EventKind.ORDER_REMOVED):
            trades += [(number, event.body) for event in decode_events(events) if isinstance(event.body, Trade)]
    for command in mapper.closing():
        engine.apply(command)
    recorded = mapper.recorded_ids()
    made = [
        RecordedFill(number, recorded[trade.maker_id], recorded[trade.taker_id], trade.price_ticks, trade.lots)
        for number, trade in trades
    ]
    assert len(rows) == 206_436
    assert len(made) == 284
    assert made == read_fills(folder)
