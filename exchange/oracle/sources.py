"""Where index prices come from. A source yields the newest price per market in 1/256 tick, or nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class PriceSource(Protocol):
    """Polled by the feeder; must not block."""

    def quotes(self, now_ms: int) -> Mapping[int, int]: ...


@dataclass(frozen=True, slots=True)
class FixedPrices:
    """The same prices for ever."""

    prices_fine: Mapping[int, int]

    def quotes(self, now_ms: int) -> Mapping[int, int]:
        """Market -> price_fine."""
        return self.prices_fine


@dataclass(slots=True)
class RandomWalk:
    """Each poll moves every price by up to `step_ppm`, from a seed; for demonstrations without a feed."""

    prices_fine: dict[int, int]
    step_ppm: int
    seed: int
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def quotes(self, now_ms: int) -> Mapping[int, int]:
        """Market -> price_fine."""
        for market, price in self.prices_fine.items():
            move = self._random.randint(-self.step_ppm, self.step_ppm)
            self.prices_fine[market] = max(1, price + price * move // 10**6)
        return self.prices_fine
