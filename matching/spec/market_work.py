"""MarketWork (rules 14): hour, then minute."""

from __future__ import annotations

from matching.codec import CommandKind, Event, ResultCode, WorkDone
from matching.spec.funding import process_hour, process_minute
from matching.spec.refusal import check
from matching.spec.state import State


def process_market_work(state: State, number: int, events: list[Event]) -> None:
    """Does what is due in a market; refuses with 107 when nothing is."""
    check(number < state.system.market_count, ResultCode.MARKET_UNKNOWN)
    market = state.market(number)
    check(market.has_debt(state.now), ResultCode.NOTHING_DUE)
    done = 0
    if market.hour_is_due(state.now):
        process_hour(state, market, events)
        done += 1
    if market.minute_is_due(state.now):
        process_minute(state, market, events)
        done += 1
    events.append(Event(WorkDone(CommandKind.MARKET_WORK, done, 0)))
