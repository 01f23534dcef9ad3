"""The feeder: polls a source and hands prices to the sequencer.

Reports are not signed yet. Prices also come in over the privileged socket (`price`), one call per market.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from exchange.errors import Refusal
from exchange.logs import get_logger
from exchange.oracle.sources import PriceSource

RETRY_MS = 50
SetPrice = Callable[[int, int], Awaitable[None]]


class Feeder:
    """Polls at random moments around `interval_ms`, so that nobody can time orders to the tick."""

    def __init__(
        self, source: PriceSource, set_price: SetPrice, clock: Callable[[], int], interval_ms: int = 500
    ) -> None:
        self._source = source
        self._set_price = set_price
        self._clock = clock
        self._interval_ms = interval_ms
        self._log = get_logger()

    async def run(self) -> None:
        """Until cancelled; a refused price is logged and the next one tried."""
        while True:
            is_taken = True
            for market, price_fine in sorted(self._source.quotes(self._clock()).items()):
                try:
                    await self._set_price(market, price_fine)
                except Refusal as refusal:
                    is_taken = False
                    if refusal.code != "UNKNOWN_MARKET":  # the market's request may still be on its way
                        self._log.warning("price refused", code=refusal.code)
            pause_ms = self._interval_ms * random.uniform(0.5, 1.5) if is_taken else RETRY_MS
            await asyncio.sleep(pause_ms / 1000)
