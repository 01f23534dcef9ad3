"""Liquidation (rules 15): check, market step through the book, backstop by the insurance fund."""

from __future__ import annotations

from matching.codec import (
    CANCEL_MARKET_ALL,
    CANCEL_MARKET_NONE,
    SCOPE_CROSS,
    Event,
    LiquidationEventStep,
    LiquidationState,
    MarketConfig,
    MarketStatus,
    MoneyMoved,
    MoneyReason,
    Position,
    ResultCode,
)
from matching.spec.account import Account
from matching.spec.cancelling import raise_watermark, sweep_account
from matching.spec.fees import roll_volume
from matching.spec.fill import Fill, is_within_limits, track_sizes
from matching.spec.fixed_point import FINE, MILLION, ceil_div, clamp
from matching.spec.funding import FUND, settle_account
from matching.spec.limits import LIQUIDATION_MARKET_MS, LIQUIDATION_STEPS_MAX
from matching.spec.margin import Margin, compute_cross, maintenance_margin, notional, total_notional, value
from matching.spec.market import Market
from matching.spec.matching import Budget, Taker, match
from matching.spec.position import process_quantity
from matching.spec.refusal import Refused, check
from matching.spec.state import State

I64_MIN, I64_MAX = -(2**63), 2**63 - 1


def process_check(state: State, number: int, scope: int, events: list[Event]) -> None:
    """LiquidationCheck: flags an account below its maintenance margin and kills its orders."""
    account = _find(state, number)
    check(scope == SCOPE_CROSS, ResultCode.NOT_LIQUIDATABLE)
    watermark = account.header.cancel_market
    check(watermark in (CANCEL_MARKET_NONE, CANCEL_MARKET_ALL), ResultCode.ACCOUNT_WORK_PENDING)
    settle_account(state, account, events)
    margin = compute_cross(account, state.markets)
    check(margin.equity < margin.maintenance, ResultCode.NOT_LIQUIDATABLE)
    check(not account.in_liquidation, ResultCode.ALREADY_IN_LIQUIDATION)
    account.header.liq_since_ms = state.now
    state.system.liq_count += 1
    raise_watermark(state, account, CANCEL_MARKET_ALL)
    sweep_account(state, account, events)
    _report(account, LiquidationEventStep.ENTERED, margin, events)


def process_step(state: State, number: int, scope: int, events: list[Event]) -> ResultCode:
    """LiquidationStep: clears the flag, sells through the book, or hands the scope to the fund."""
    account = _find(state, number)
    check(scope == SCOPE_CROSS and account.in_liquidation, ResultCode.NOT_IN_LIQUIDATION)
    settle_account(state, account, events)
    margin = compute_cross(account, state.markets)
    if margin.equity >= margin.maintenance:
        check(not _is_mostly_stale(state, account), ResultCode.INDEX_STALE)
        _clear(state, account)
        _report(account, LiquidationEventStep.CLEARED, margin, events)
        return ResultCode.CLEARED
    waited = state.now - account.header.liq_since_ms
    if margin.equity >= 0 and 3 * margin.equity >= 2 * margin.maintenance and waited < LIQUIDATION_MARKET_MS:
        market = _largest_fresh_market(state, account)
        if market.state.status != MarketStatus.HALTED:
            _process_market_step(state, account, market, margin, events)
            return ResultCode.OK
    check(not _is_mostly_stale(state, account), ResultCode.INDEX_STALE)
    _process_backstop(state, account, margin, events)
    return ResultCode.OK


def _find(state: State, number: int) -> Account:
    account = state.find_account(number)
    if account is None:
        raise Refused(ResultCode.ACCOUNT_UNKNOWN)
    return account


def _report(account: Account, step: LiquidationEventStep, margin: Margin, events: list[Event]) -> None:
    equity, maintenance = (clamp(x, I64_MIN, I64_MAX) for x in (margin.equity, margin.maintenance))
    events.append(Event(LiquidationState(account.id, SCOPE_CROSS, step, equity, maintenance)))


def _clear(state: State, account: Account) -> None:
    account.header.liq_since_ms = 0
    state.system.liq_count -= 1


def _held(account: Account) -> list[Position]:
    return [position for position in account.sorted_positions() if position.size_lots]


def _notional_of(position: Position, market: Market) -> int:
    return notional(abs(position.size_lots), market.k, market.state.mark_fine)


def _is_mostly_stale(state: State, account: Account) -> bool:
    """A tenth of the scope's notional or more has no fresh price."""
    stale = sum(
        _notional_of(p, state.markets[p.market]) for p in _held(account) if state.market(p.market).is_stale(state.now)
    )
    return stale > 0 and stale * 10 >= total_notional(account, state.markets)


# --- market step ---
def _largest_fresh_market(state: State, account: Account) -> Market:
    """Market of the largest position with a fresh price, the lowest number on ties."""
    fresh = [p for p in _held(account) if not state.market(p.market).is_stale(state.now)]
    check(bool(fresh), ResultCode.INDEX_STALE)
    best = max(fresh, key=lambda p: (_notional_of(p, state.markets[p.market]), -p.market))
    return state.market(best.market)


def compute_zero_price(margin: Margin, maintenance_m: int, size_lots: int, k: int, mark_fine: int) -> int:
    """Price (fine) at which closing a position uses up exactly its share of the equity."""
    distance = maintenance_m * margin.equity * FINE // (margin.maintenance * abs(size_lots) * k)
    return mark_fine - distance if size_lots > 0 else mark_fine + distance


def compute_worst_ticks(zero_fine: int, size_lots: int, config: MarketConfig) -> int:
    """The zero price as the limit of the closing order."""
    ticks = ceil_div(zero_fine, FINE) if size_lots > 0 else zero_fine // FINE
    return clamp(ticks, 1, config.price_ticks_max)


def compute_chunk_lots(size_lots: int, chunk_e6: int, k: int, mark_fine: int) -> int:
    """Lots of one market step: a fifth of the position or the chunk, whichever is more."""
    size = abs(size_lots)
    return min(size, max(ceil_div(size, 5), ceil_div(chunk_e6 * FINE, k * mark_fine)))


def compute_liquidation_fee(n: int, lots: int, k: int, zero_fine: int, rate_ppm: int, *, is_long: bool) -> int:
    """The fund's part of a closing fill: at most what the fill gains over the zero price."""
    gain = n - ceil_div(lots * k * zero_fine, FINE) if is_long else lots * k * zero_fine // FINE - n
    return min(ceil_div(n * rate_ppm, MILLION), max(0, gain))


def _process_market_step(state: State, account: Account, market: Market, margin: Margin, events: list[Event]) -> None:
    config, mark = market.config, market.state.mark_fine
    size = account.size(market.index)
    n = notional(abs(size), market.k, mark)
    zero = compute_zero_price(margin, maintenance_margin(config, n), size, market.k, mark)

    def charge_fee(fill: Fill) -> None:
        fee = compute_liquidation_fee(fill.notional, fill.lots, market.k, zero, config.liq_fee_ppm, is_long=size > 0)
        if fee:
            account.header.collateral_e6 -= fee
            fund = state.account(FUND).header
            fund.collateral_e6 += fee
            events.append(Event(MoneyMoved(FUND, MoneyReason.INSURANCE, fee, fund.collateral_e6)))

    roll_volume(state, account)
    taker = Taker(
        account,
        market,
        side=1 if size > 0 else 0,
        limit_ticks=compute_worst_ticks(zero, size, config),
        remaining=compute_chunk_lots(size, config.liq_chunk_e6, market.k, mark),
        reduce_only=True,
        is_liquidation=True,
        on_fill=charge_fee,
    )
    match(state, taker, Budget(LIQUIDATION_STEPS_MAX), events)
    state.drop_empty_position(account, market)
    _report(account, LiquidationEventStep.MARKET, margin, events)


# --- backstop ---
def _process_backstop(state: State, account: Account, margin: Margin, events: list[Event]) -> None:
    """The insurance fund takes over the whole scope at mark, if it can carry it (else 103)."""
    check(account.id != FUND, ResultCode.BACKSTOP_SHORT)
    fund = state.account(FUND)
    settle_account(state, fund, events)
    check(_fund_can_carry(state, fund, account, margin), ResultCode.BACKSTOP_SHORT)
    for position in _held(account):
        market = state.market(position.market)
        before = (account.size(market.index), fund.size(market.index))
        _hand_over(state, account, fund, market)
        after = (account.size(market.index), fund.size(market.index))
        track_sizes(state, market, (before[0], after[0]), (before[1], after[1]))
        state.drop_empty_position(account, market)
        state.drop_empty_position(fund, market)
    account.header.collateral_e6 -= margin.equity
    fund.header.collateral_e6 += margin.equity
    _clear(state, account)
    _report(account, LiquidationEventStep.BACKSTOP, margin, events)


def _hand_over(state: State, giver: Account, fund: Account, market: Market) -> None:
    position, index = giver.positions[market.index], market.state.funding_index
    lots = position.size_lots
    worth = value(lots, market.k, market.state.mark_fine)
    process_quantity(giver, position, -lots, -worth, index)
    process_quantity(fund, state.position(fund, market), lots, worth, index)


def _fund_can_carry(state: State, fund: Account, account: Account, margin: Margin) -> bool:
    after, giver = fund.trial(), account.trial()
    markets = [state.markets[position.market] for position in _held(account)]
    for market in markets:
        _hand_over(state, giver, after, market)
    after.header.collateral_e6 += margin.equity
    result = compute_cross(after, state.markets)
    tenth = ceil_div(total_notional(after, state.markets), 10)
    return result.equity >= max(result.initial, tenth) and all(is_within_limits(after, m) for m in markets)
