"""Applying a quantity to a position (rules 7): no rounding, a result is booked when the position is flat."""

from __future__ import annotations

from matching.codec import Position
from matching.spec.account import Account
from matching.spec.fixed_point import sign


def process_quantity(account: Account, position: Position, lots: int, quote_e6: int, funding_index: int) -> None:
    """Adds `lots` (signed) bought or sold for `quote_e6` (signed like lots: a buy pays).

    `funding_index` is the market's; a new or flipped position starts from it.
    """
    size = position.size_lots
    if size == 0 or sign(size) == sign(lots) or abs(lots) <= abs(size):
        position.size_lots += lots
        position.cost_e6 += quote_e6
        if position.size_lots == 0:
            _book_result(account, position)
        elif size == 0:
            position.funding_index = funding_index
    else:
        closing = sign(quote_e6) * (abs(quote_e6) * abs(size) // abs(lots))
        position.cost_e6 += closing
        _book_result(account, position)
        position.size_lots = size + lots
        position.cost_e6 = quote_e6 - closing
        position.funding_index = funding_index


def _book_result(account: Account, position: Position) -> None:
    """The position is flat: its cost leaves the wallet."""
    account.header.collateral_e6 -= position.cost_e6
    position.cost_e6 = 0


def grows(before: int, after: int) -> bool:
    """The position is larger than before, or on the other side (rules 9.4)."""
    return abs(after) > abs(before) or sign(after) == -sign(before) != 0
