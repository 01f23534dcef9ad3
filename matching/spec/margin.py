"""Margin (rules 9): value, requirements by tier, worst case of open orders, equity of an account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matching.codec import MarketConfig, Position
from matching.spec.account import Account
from matching.spec.fixed_point import FINE, MILLION, ceil_div, mul_div_ceil
from matching.spec.funding import compute_owed
from matching.spec.limits import ORDER_HOLD_E6
from matching.spec.market import Market


def value(size_lots: int, k: int, mark_fine: int) -> int:
    """Money that a position is worth at a mark, rounded down."""
    return size_lots * k * mark_fine // FINE


def notional(lots: int, k: int, mark_fine: int) -> int:
    """Unsigned money of `lots` at a mark, rounded up."""
    return ceil_div(lots * k * mark_fine, FINE)


def tier_index(config: MarketConfig, n: int) -> int:
    """First tier that a notional fits; the last has no bound."""
    for i in range(config.tier_count - 1):
        if n <= config.tiers[i].upper_e6:
            return i
    return config.tier_count - 1


def initial_margin(config: MarketConfig, n: int, leverage: int) -> int:
    """Initial margin of a notional."""
    tier = config.tiers[tier_index(config, n)]
    return max(ceil_div(n, leverage), mul_div_ceil(n, tier.imf_ppm, MILLION) - tier.im_deduction_e6)


def maintenance_margin(config: MarketConfig, n: int) -> int:
    """Maintenance margin of a notional."""
    tier = config.tiers[tier_index(config, n)]
    return mul_div_ceil(n, tier.mmf_ppm, MILLION) - tier.mm_deduction_e6


def deductions(uppers: list[int], rates_ppm: list[int]) -> list[int]:
    """What each tier takes off so that the requirement is continuous."""
    result = [0]
    for i in range(1, len(rates_ppm)):
        result.append(result[-1] + uppers[i - 1] * (rates_ppm[i] - rates_ppm[i - 1]) // MILLION)
    return result


def worst_lots(position: Position | None, side: int = 0, lots: int = 0) -> int:
    """Largest absolute size that open orders can lead to, with `lots` more on a side (rules 9.2)."""
    p = position or Position()
    buys = p.open_buy_lots + (lots if side == 0 else 0)
    sells = p.open_sell_lots + (lots if side == 1 else 0)
    return max(abs(p.size_lots + buys), abs(p.size_lots - sells))


@dataclass(frozen=True, slots=True)
class Margin:
    """Figures of a scope, in money."""

    equity: int
    initial: int
    maintenance: int


@dataclass(frozen=True, slots=True)
class ExtraOrder:
    """An order that is not in the book yet but must be paid for."""

    market: int
    side: int
    lots: int


def compute_cross(account: Account, markets: list[Market], extra: ExtraOrder | None = None) -> Margin:
    """Equity, IM and MM of the cross scope (rules 9.3); funding not yet settled counts as if it were."""
    equity, initial, maintenance = account.header.collateral_e6, account.header.free_orders * ORDER_HOLD_E6, 0
    for p in _with_extra(account, markets, extra):
        market = markets[p.market]
        k, mark, config = market.k, market.state.mark_fine, market.config
        equity += value(p.size_lots, k, mark) - p.cost_e6 - compute_owed(p, market.state)
        maintenance += maintenance_margin(config, notional(abs(p.size_lots), k, mark))
        worst = worst_lots(p, extra.side, extra.lots) if extra and extra.market == p.market else worst_lots(p)
        initial += initial_margin(config, notional(worst, k, mark), p.leverage)
    return Margin(equity, initial, maintenance)


def _with_extra(account: Account, markets: list[Market], extra: ExtraOrder | None) -> Iterable[Position]:
    yield from account.positions.values()
    if extra and extra.market not in account.positions:
        market = markets[extra.market]
        yield Position(extra.market, market.config.leverage_max, funding_index=market.state.funding_index)


def position_value(account: Account, market: Market) -> int:
    """Value of the account's position in a market."""
    return value(account.size(market.index), market.k, market.state.mark_fine)


def total_notional(account: Account, markets: list[Market]) -> int:
    """Sum of the notionals of all positions held."""
    return sum(
        notional(abs(p.size_lots), markets[p.market].k, markets[p.market].state.mark_fine)
        for p in account.positions.values()
    )


def can_withdraw(account: Account, markets: list[Market], amount: int) -> bool:
    """Withdrawal test (rules 9.5): initial margin and a tenth of the notional stay."""
    margin = compute_cross(account, markets)
    tenth = ceil_div(total_notional(account, markets), 10)
    return margin.equity - amount >= max(margin.initial, tenth) and amount <= margin.equity


def is_health_kept(before: Margin, after: Margin) -> bool:
    """A shrinking fill leaves the scope sound, or not worse than it was (rules 9.4 b)."""
    if after.equity >= after.initial:
        return True
    return after.equity >= 0 and after.equity * before.maintenance >= before.equity * after.maintenance
