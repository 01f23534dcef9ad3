"""Funding (rules 13): premium sampled and paid by the minute, rate set by the hour."""

from __future__ import annotations

from matching.codec import (
    Event,
    FundingRate,
    FundingSettled,
    MarketConfig,
    MarketState,
    MoneyMoved,
    MoneyReason,
    Position,
    ResultCode,
)
from matching.spec.account import Account
from matching.spec.fixed_point import MILLION, ceil_div, clamp, mul_div_floor, mul_div_trunc, trunc_div
from matching.spec.limits import FUNDING_INDEX_MAX, HOUR_MS, MINUTE_MS
from matching.spec.market import Market
from matching.spec.state import State

BILLION = 10**9
PREMIUM_PPB_MAX = 10**8
FUND, FEE_COLLECTOR = 0, 1


def compute_owed(position: Position, state: MarketState) -> int:
    """Money that the position owes since its last settlement, rounded up."""
    return ceil_div(position.size_lots * (state.funding_index - position.funding_index), 2**24)


def settle_account(state: State, account: Account, events: list[Event]) -> None:
    """Settles the funding of every position, ascending market."""
    for position in account.sorted_positions():
        market = state.market(position.market)
        if position.funding_index == market.state.funding_index:
            continue
        owed = compute_owed(position, market.state)
        account.header.collateral_e6 -= owed
        market.state.funding_pot_e6 += owed
        position.funding_index = market.state.funding_index
        if position.size_lots:
            events.append(Event(FundingSettled(account.id, position.market, owed, position.funding_index)))


def compute_premium_ppb(mark_fine: int, index_fine: int) -> int:
    """How far the mark is from the index."""
    return mul_div_trunc(mark_fine - index_fine, BILLION, index_fine)


def compute_rate_ppb(premium_sum_ppb: int, config: MarketConfig) -> int:
    """Hourly rate from sixty premium samples."""
    average = trunc_div(premium_sum_ppb, 60)
    interest = clamp(config.interest_ppb - average, -config.interest_clamp_ppb, config.interest_clamp_ppb)
    cap = config.funding_cap_ppb
    return clamp(trunc_div(average + interest, 8), -cap, cap)


def compute_index_step(k: int, index_fine: int, rate_ppb: int) -> int:
    """One sixtieth of the hour's rate as money per lot, times 2^24."""
    return trunc_div(k * index_fine * rate_ppb * 65536, 60 * BILLION)


def process_hour(state: State, market: Market, events: list[Event]) -> None:
    """Step 1 of MarketWork: the new rate, and the fees of the hour are shared out (rules 11, 13)."""
    m = market.state
    m.last_rate_ppb = compute_rate_ppb(m.premium_sum_ppb, market.config) if m.index_fine else 0
    m.premium_sum_ppb = 0
    m.funded_hour = state.now // HOUR_MS
    share = mul_div_floor(m.fees_e6, state.system.insurance_share_ppm, MILLION)
    for number, amount, reason in (
        (FUND, share, MoneyReason.INSURANCE),
        (FEE_COLLECTOR, m.fees_e6 - share, MoneyReason.FEES),
    ):
        if amount:
            header = state.account(number).header
            header.collateral_e6 += amount
            events.append(Event(MoneyMoved(number, reason, amount, header.collateral_e6)))
    m.fees_e6 = 0


def process_minute(state: State, market: Market, events: list[Event]) -> None:
    """Step 2 of MarketWork: one premium sample, and one sixtieth of the rate is paid."""
    m = market.state
    if m.index_fine:
        premium = compute_premium_ppb(m.mark_fine, m.index_fine)
        m.premium_sum_ppb += clamp(premium, -PREMIUM_PPB_MAX, PREMIUM_PPB_MAX)
    m.sampled_minute = state.now // MINUTE_MS
    code = ResultCode.OK
    if not market.is_stale(state.now):
        index = m.funding_index + compute_index_step(market.k, m.index_fine, m.last_rate_ppb)
        if abs(index) > FUNDING_INDEX_MAX:
            code = ResultCode.MONEY_LIMIT
        else:
            m.funding_index = index
    events.append(Event(FundingRate(market.index, m.last_rate_ppb, m.funding_index), code))
