"""Fees and the day's volume (rules 11)."""

from __future__ import annotations

from matching.codec import FeeTier
from matching.spec.account import Account
from matching.spec.fixed_point import MILLION, ceil_div
from matching.spec.state import State

VOLUME_MAX = 2**63 - 1


def tier_of(state: State, account: Account) -> FeeTier:
    """The fee tier an account is in."""
    return state.system.fee_tiers[account.header.fee_tier]


def compute_taker_fee(n: int, rate_ppm: int) -> int:
    """Fee of a fill of notional n, rounded up."""
    return ceil_div(n * rate_ppm, MILLION)


def compute_maker_fee(n: int, rate_ppm: int, taker_fee: int) -> int:
    """The maker's fee; a rebate (negative) is rounded down and at most what the taker pays."""
    if rate_ppm >= 0:
        return ceil_div(n * rate_ppm, MILLION)
    return -min(n * -rate_ppm // MILLION, taker_fee)


def roll_volume(state: State, account: Account) -> None:
    """Starts a new day of volume (the 31-day ring and the other tiers come later)."""
    header = account.header
    if header.volume_day != state.today:
        header.volume_today_e6 = 0
        header.volume_day = state.today


def add_volume(account: Account, n: int) -> None:
    """Counts a fill of notional n."""
    account.header.volume_today_e6 = min(account.header.volume_today_e6 + n, VOLUME_MAX)
