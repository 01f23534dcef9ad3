"""Index prices from the reports of oracle signers (rules 12)."""

from __future__ import annotations

from itertools import pairwise

from matching.codec import Event, MarkChanged, OracleReport, OracleRound, ResultCode
from matching.spec.book import ASKS, BIDS
from matching.spec.fixed_point import FINE, clamp
from matching.spec.limits import REPORT_AGE_MAX_MS
from matching.spec.mark_price import compute_mark, find_impact
from matching.spec.market import Market
from matching.spec.refusal import check
from matching.spec.state import State

FLAG_STEP_CLAMPED, FLAG_BID_ABSENT, FLAG_ASK_ABSENT = 1, 2, 4


def lower_median(values: list[int]) -> int:
    """The middle element, the lower one of two."""
    return sorted(values)[(len(values) - 1) // 2]


def compute_step_bound(index_fine: int, step_ppm_per_s: int, dt_ms: int) -> int:
    """How far the index may move in dt."""
    return index_fine * min(10**9, step_ppm_per_s * min(dt_ms, 10**6)) // 10**9


def process_oracle_round(state: State, body: OracleRound, events: list[Event]) -> None:
    """Judges a round of reports and moves index and mark of every market they quote."""
    reports = body.reports
    _check_round(state, reports)
    for market in list(state.markets):
        if market.trades:
            _process_market(state, market, reports, events)


def _check_round(state: State, reports: list[OracleReport]) -> None:
    system = state.system
    check(0 < system.oracle_k <= len(reports), ResultCode.ORACLE_QUORUM)
    signers = [report.signer for report in reports]
    in_order = all(a < b for a, b in pairwise(signers))
    check(in_order and signers[-1] < system.oracle_n, ResultCode.ORACLE_SIGNER_ORDER)
    ages = [abs(report.time_ms - state.now) for report in reports]
    check(max(ages) <= REPORT_AGE_MAX_MS, ResultCode.ORACLE_REPORT_AGE)


def _process_market(state: State, market: Market, reports: list[OracleReport], events: list[Event]) -> None:
    quotes = [(r.price_fine[market.index], r.time_ms) for r in reports if r.price_fine[market.index]]
    if len(quotes) < state.system.oracle_k:
        return
    m = state.market(market.index).state
    time_ms = lower_median([t for _, t in quotes])
    if time_ms <= m.index_time_ms:
        return
    raw = clamp(lower_median([price for price, _ in quotes]), 1, FINE * market.config.price_ticks_max)
    price, dt_ms = raw, 0
    if m.index_fine:
        dt_ms = time_ms - m.index_time_ms
        bound = compute_step_bound(m.index_fine, market.config.step_ppm_per_s, dt_ms)
        price = clamp(raw, m.index_fine - bound, m.index_fine + bound)
    bid, ask = (
        find_impact(market.book.sides[kind], state.orders, market.k, market.config.impact_notional_e6)
        for kind in (BIDS, ASKS)
    )
    mark = compute_mark(market.config, price, m.basis_q16, bid, ask, dt_ms)
    m.index_fine, m.index_time_ms = price, time_ms
    m.raw_fine = raw if price != raw else 0
    m.basis_q16, m.mark_fine = mark.basis_q16, mark.mark_fine
    flags = FLAG_STEP_CLAMPED * (price != raw) + FLAG_BID_ABSENT * (bid is None) + FLAG_ASK_ABSENT * (ask is None)
    events.append(Event(MarkChanged(market.index, flags, price, mark.mark_fine)))
