"""What an account is worth and needs (rules 9), for reads and for choosing whom to check.

The engine decides; this only shows, so a difference could mislead a reader but never move money.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.sequencer.engine import StateReader
from matching.codec import AccountHeader, MarginTier, MarketConfig, MarketState, Position

ORDER_HOLD_E6 = 1_000_000
FINE_PER_TICK = 256
FUNDING_SCALE = 1 << 24


@dataclass(frozen=True, slots=True)
class Margin:
    """Cross margin of an account in money."""

    equity_e6: int
    initial_e6: int
    maintenance_e6: int


def ceil_div(a: int, b: int) -> int:
    """Division toward plus infinity, b > 0."""
    return -(-a // b)


def compute_value_e6(config: MarketConfig, state: MarketState, size_lots: int) -> int:
    """Signed value of a position at mark, floored."""
    return size_lots * config.lot_tick_value_e6 * state.mark_fine // FINE_PER_TICK


def compute_notional_e6(config: MarketConfig, state: MarketState, lots: int) -> int:
    """Notional at mark, rounded up."""
    return ceil_div(lots * config.lot_tick_value_e6 * state.mark_fine, FINE_PER_TICK)


def compute_funding_owed_e6(state: MarketState, position: Position) -> int:
    """Funding not yet settled; positive = the account pays."""
    return ceil_div(position.size_lots * (state.funding_index - position.funding_index), FUNDING_SCALE)


def compute_initial_e6(config: MarketConfig, notional_e6: int, leverage: int) -> int:
    """im(n) of rules 9.1."""
    tier = _tier(config, notional_e6)
    by_tier = ceil_div(notional_e6 * tier.imf_ppm, 10**6) - tier.im_deduction_e6
    return max(ceil_div(notional_e6, leverage), by_tier)


def compute_maintenance_e6(config: MarketConfig, notional_e6: int) -> int:
    """mm(n) of rules 9.1."""
    tier = _tier(config, notional_e6)
    return ceil_div(notional_e6 * tier.mmf_ppm, 10**6) - tier.mm_deduction_e6


def _tier(config: MarketConfig, notional_e6: int) -> MarginTier:
    used = config.tiers[: config.tier_count]
    return next((tier for tier in used[:-1] if notional_e6 <= tier.upper_e6), used[-1])


def compute_margin(reader: StateReader, header: AccountHeader, positions: list[Position]) -> Margin:
    """Equity, initial and maintenance margin of the cross scope, unsettled funding included."""
    equity, initial, maintenance = header.collateral_e6, header.free_orders * ORDER_HOLD_E6, 0
    for position in positions:
        config, state = reader.market_config(position.market), reader.market_state(position.market)
        value = compute_value_e6(config, state, position.size_lots)
        equity += value - position.cost_e6 - compute_funding_owed_e6(state, position)
        worst = max(abs(position.size_lots + position.open_buy_lots), abs(position.size_lots - position.open_sell_lots))
        initial += compute_initial_e6(config, compute_notional_e6(config, state, worst), position.leverage or 1)
        maintenance += compute_maintenance_e6(config, compute_notional_e6(config, state, abs(position.size_lots)))
    return Margin(equity, initial, maintenance)
