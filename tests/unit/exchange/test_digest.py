"""The fast request digest is the readable one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.auth.digest import compute_request_digest
from exchange.venue import VenueId
from matching.codec import CancelAll, CommandBody, Withdraw, signing_digest
from tests.unit.exchange.kit import BUY, PRICE_TICKS, Trader, cancel, order

BODIES = [order(BUY, PRICE_TICKS, 7), cancel(99), CancelAll(0xFFFF), Withdraw(5)]


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(BODIES),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**24 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(1, 2**64 - 1),
)
def test_fast_digest_equals_the_codecs(
    body: CommandBody, nonce: int, account: int, expires_ms: int, chain: int
) -> None:
    venue = VenueId(chain, bytes(range(20)))
    command = Trader(account).command(body, nonce=nonce, expires_ms=expires_ms)
    expected = signing_digest(chain, venue.exchange, body, nonce=nonce, account=account, expires_ms=expires_ms)
    assert compute_request_digest(venue, command) == expected


def test_venue_must_have_a_chain_and_an_address() -> None:
    for chain, address in ((0, bytes(20)), (2**64, bytes(20)), (1, bytes(19))):
        with pytest.raises(ValueError, match="expected a chain id"):
            VenueId(chain, address)
