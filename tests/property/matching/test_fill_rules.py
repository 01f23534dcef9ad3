"""The checks of single fills notice doctored trades (otherwise random runs that use them would prove nothing)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from matching.codec import Command, Leg, PlaceOrders, Trade, decode_events
from matching.spec.machine import Model
from matching.spec.state import State
from tests.property.matching.fill_rules import Resting, check_fills, resting_orders
from tests.spec.venue import BUY, FEE_OWNER, FUND_OWNER, SELL, Venue, start


class Scene:
    """One buy that fills one resting sell."""

    def __init__(self) -> None:
        self.model = Model(FUND_OWNER, FEE_OWNER)
        venue: Venue = start(self.model)
        maker, taker = venue.deposit(10**12), venue.deposit(10**12)
        venue.place(maker, SELL, 1_000_000, 50)
        self.before: dict[int, Resting] = resting_orders(self.model.state)
        leg = Leg(0, BUY, price_ticks=1_000_000, size_lots=30, fee_max_ppm=450)
        self.command = Command(venue.seq + 1, PlaceOrders([leg]), taker, nonce=venue.now + 99).encode()
        self.events = self.model.apply(self.command)

    @property
    def state(self) -> State:
        return self.model.state

    def doctor(self, **changes: int) -> bytes:
        """The events with a changed trade."""
        events = decode_events(self.events)
        doctored = [replace(e, body=replace(e.body, **changes)) if isinstance(e.body, Trade) else e for e in events]
        return b"".join(event.encode() for event in doctored)

    def check(self, events: bytes | None = None) -> None:
        check_fills(self.before, self.command, events or self.events, self.state)


def test_true_fill_passes() -> None:
    Scene().check()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"price_ticks": 999_999}, "maker's price"),
        ({"lots": 51}, "more than was left"),
        ({"lots": 31}, "more than was asked"),
        ({"maker_fee_e6": 15_001}, "maker fee"),
        ({"taker_fee_e6": 13_501}, "taker fee"),
        ({"taker_fee_e6": -5_000}, "fees fall"),
    ],
)
def test_doctored_trade_is_noticed(changes: dict[str, int], match: str) -> None:
    scene = Scene()
    with pytest.raises(AssertionError, match=match):
        scene.check(scene.doctor(**changes))


DAMAGE: list[tuple[Callable[[Scene], object], str]] = [
    (lambda s: s.before.update({k: replace(v, is_dead=True) for k, v in s.before.items()}), "I8: order"),
    (lambda s: setattr(s.state.accounts[3].header, "collateral_e6", 599_999), "I9: taker"),
    (lambda s: setattr(s.state.accounts[2].header, "collateral_e6", 299_999), "I9: maker"),
]


@pytest.mark.parametrize(("damage", "match"), DAMAGE)
def test_dead_maker_and_missing_margin_are_noticed(damage: Callable[[Scene], object], match: str) -> None:
    scene = Scene()
    damage(scene)
    with pytest.raises(AssertionError, match=match):
        scene.check()
