"""Estimates that keep a batch under the bounds of its proof."""

from __future__ import annotations

from exchange.sequencer.batch import estimate_cycles
from matching.codec import Command, OracleReport, OracleRound

ROUND_CYCLES_MEASURED = 60_300  # guest cycles of one round over two markets, with its tick


def test_oracle_round_costs_by_its_markets() -> None:
    def cost(*prices: int) -> int:
        quotes = [*prices, *[0] * (62 - len(prices))]
        return estimate_cycles(Command(1, OracleRound([OracleReport(0, 1, quotes)])), 0)

    assert cost(5, 0, 7) > cost(5) > cost()
    assert cost(5, 7) >= ROUND_CYCLES_MEASURED
