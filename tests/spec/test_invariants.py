"""The checker of rules 17 notices each kind of damage (otherwise runs that assert it would prove nothing)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matching.errors import InvariantViolation
from matching.spec.invariants import check_invariants
from matching.spec.machine import Model
from matching.spec.state import State
from tests.spec.venue import BUY, FEE_OWNER, FUND_OWNER, GTC, SELL, start


@pytest.fixture
def state() -> State:
    """Two traders with positions, resting orders on both sides, one of them reduce-only."""
    model = Model(FUND_OWNER, FEE_OWNER)
    venue = start(model)
    maker, taker = venue.deposit(10**12), venue.deposit(10**12)
    venue.place(maker, SELL, 1_000_000, 50)
    venue.place(taker, BUY, 1_000_000, 30)
    venue.place(maker, BUY, 999_000, 5)
    venue.place(maker, BUY, 999_000, 6)
    venue.place(taker, SELL, 1_000_500, 10, GTC, flags=1)
    venue.place(taker, BUY, 998_000, 1)
    venue.cancel_all(taker, 0)
    venue.place(taker, SELL, 1_000_500, 10, GTC, flags=1)
    check_invariants(model.state)
    return model.state


def bids(state: State) -> dict[int, list[int]]:
    return state.markets[0].book.sides[0].levels


DAMAGE: dict[str, Callable[[State], object]] = {
    "I1 money appears": lambda s: setattr(s.accounts[2].header, "collateral_e6", 5),
    "I1 vault shrinks": lambda s: setattr(s.system, "vault_total_e6", 5),
    "I2 size without counterparty": lambda s: setattr(s.accounts[2].positions[0], "size_lots", -31),
    "I2 open interest": lambda s: setattr(s.markets[0].state, "oi_lots", 31),
    "I2 positions count": lambda s: setattr(s.system, "positions_count", 3),
    "I2 flags count": lambda s: setattr(s.system, "liq_count", 1),
    "I3 crossed book": lambda s: bids(s).__setitem__(1_000_100, bids(s).pop(999_000)) or _reprice(s),
    "I4 order at the wrong price": lambda s: bids(s).__setitem__(998_999, bids(s).pop(999_000)),
    "I4 order of age": lambda s: bids(s)[999_000].reverse(),
    "I5 open lots": lambda s: setattr(s.accounts[2].positions[0], "open_buy_lots", 12),
    "I5 open count": lambda s: setattr(s.accounts[2].positions[0], "open_count", 4),
    "I5 free orders": lambda s: setattr(s.accounts[3].header, "free_orders", 0),
    "I6 order missing from its level": lambda s: bids(s)[999_000].pop(),
    "I5 order missing from its owner": lambda s: s.accounts[2].orders.pop(),
    "I7 empty pot": lambda s: setattr(s.markets[0].state, "funding_pot_e6", -1) or _compensate(s),
    "I10 slot lost": lambda s: s.free_slots.pop(),
    "I10 slot doubled": lambda s: s.free_slots.append(s.free_slots[-1]),
    "I11 nonce twice": lambda s: s.signers[16].nonces.__setitem__(1, s.signers[16].nonces[0]),
    "I14 flat account in debt": lambda s: _owe_flat(s),
}


def _reprice(state: State) -> None:
    for slot in bids(state)[1_000_100]:
        state.orders[slot].price_ticks = 1_000_100


def _compensate(state: State) -> None:
    state.accounts[2].header.collateral_e6 += 1


def _owe_flat(state: State) -> None:
    state.accounts[1].header.collateral_e6 -= 1
    state.accounts[2].header.collateral_e6 += 1


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_noticed_under_its_name(state: State, name: str) -> None:
    DAMAGE[name](state)
    with pytest.raises(InvariantViolation) as caught:
        check_invariants(state)
    assert caught.value.name == name.split()[0]
