"""What the SDK repeats of the server is equal to it, byte for byte."""

from __future__ import annotations

import random

import pytest

from clients.python import poseidon2, wire
from clients.python.envelope import recover_address, sign_request
from clients.python.signing import Key, Venue, request_digest
from clients.python.wire import Cancel, Kind, Order, Side, TimeInForce, WireError
from matching import codec
from matching.spec import poseidon2 as oracle

VENUE = Venue(31337, bytes(range(20)))


def test_permutation_gives_the_published_vector() -> None:
    given = [894848333, 1437655012, 1200606629, 1690012884, 71131202, 1749206695, 1717947831, 120589055]
    given += [19776022, 42382981, 1831865506, 724844064, 171220207, 1299207443, 227047920, 1783754913]
    expected = [1934285469, 604889435, 133449501, 1026180808, 1830659359, 176667110, 1391183747, 351743874]
    expected += [1238264085, 1292768839, 2023573270, 1201586780, 1360691759, 1230682461, 748270449, 651545025]
    assert poseidon2.permute(given) == expected


def test_absorb_equals_the_worked_examples_of_the_rules() -> None:
    digest = poseidon2.absorb(2, bytes(range(1, 21)))
    assert digest.hex() == "224c645ba8438d18bdb2c3720a006322ecc13b19f9d76823fc6f103d6659a752"


def test_absorb_equals_the_servers_for_all_lengths() -> None:
    randomness = random.Random(7)
    for length in (0, 1, 15, 16, 17, 31, 32, 100):
        data = randomness.randbytes(length)
        assert poseidon2.absorb(8, data) == oracle.absorb(8, data)


def test_list_requests_are_bounded() -> None:
    with pytest.raises(WireError, match="expected 1 to 64, found 0"):
        wire.place_body([])
    with pytest.raises(WireError, match="expected 1 to 64, found 65"):
        wire.cancel_body([Cancel(0, 1)] * 65)


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WireError):
        Order(0, Side.BUY, 2**32, 1).encode()
    with pytest.raises(WireError, match="16 bytes"):
        Order(0, Side.BUY, 1, 1, client_id=b"short").encode()
    with pytest.raises(WireError, match="either"):
        Cancel(0).encode()


def test_signatures_recover_to_the_signer() -> None:
    key = Key.from_bytes(bytes([7]) * 32)
    digest = request_digest(VENUE, wire.canonical_body(Kind.WITHDRAW, wire.withdraw_body(5)), 1, 2, 3)
    signature = key.sign(digest)
    assert recover_address(digest, signature) == key.address
    assert int.from_bytes(signature[32:64], "big") <= 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def test_keys_do_not_show_their_secret() -> None:
    key = Key.from_bytes(bytes([7]) * 32)
    assert "07070707" not in repr(key)


def _pairs() -> list[tuple[Kind, bytes, codec.CommandBody]]:
    """The same request, once from the SDK and once from the server's codec."""
    order = Order(3, Side.SELL, 777, 888, tif=TimeInForce.POST_ONLY, reduce_only=True, client_id=b"0123456789abcdef")
    leg = codec.Leg(
        market=3, side=1, kind=0, tif=3, stp=0, flags=1, price_ticks=777, size_lots=888,
        client_id=b"0123456789abcdef", fee_max_ppm=order.fee_max_ppm,
    )  # fmt: skip
    by_number = codec.CancelItem.by_order_id(1, 99)
    by_client = codec.CancelItem.by_client_id(1, b"0123456789abcdef")
    agent = codec.ApproveAgent(slot=2, flags=0, address=bytes([9]) * 20, expiry_ms=12345)
    return [
        (Kind.PLACE_ORDERS, wire.place_body([order]), codec.PlaceOrders([leg])),
        (
            Kind.CANCEL_ORDERS,
            wire.cancel_body([Cancel(1, 99), Cancel(1, client_id=b"0123456789abcdef")]),
            codec.CancelOrders([by_number, by_client]),
        ),
        (Kind.CANCEL_ALL, wire.cancel_all_body(), codec.CancelAll(market=0xFFFF)),
        (Kind.CANCEL_ALL, wire.cancel_all_body(4), codec.CancelAll(market=4)),
        (Kind.WITHDRAW, wire.withdraw_body(10**12), codec.Withdraw(amount_e6=10**12)),
        (Kind.APPROVE_AGENT, wire.approve_agent_body(2, bytes([9]) * 20, 12345), agent),
    ]


@pytest.mark.parametrize(("kind", "body", "expected"), _pairs())
def test_canonical_bodies_equal_the_servers(kind: Kind, body: bytes, expected: codec.CommandBody) -> None:
    assert wire.canonical_body(kind, body) == codec.canonical_body(expected)


@pytest.mark.parametrize(("kind", "body", "expected"), _pairs())
def test_signed_digests_equal_the_servers(kind: Kind, body: bytes, expected: codec.CommandBody) -> None:
    ours = request_digest(VENUE, wire.canonical_body(kind, body), nonce=5, account=6, expires_ms=7)
    theirs = codec.signing_digest(VENUE.chain_id, VENUE.contract, expected, nonce=5, account=6, expires_ms=7)
    assert ours == theirs


@pytest.mark.parametrize(("kind", "body", "expected"), _pairs())
def test_command_bytes_decode_on_the_server(kind: Kind, body: bytes, expected: codec.CommandBody) -> None:
    request = sign_request(VENUE, Key.generate(), kind, body, account=6, slot=1, nonce=5, expires_ms=7)
    command = codec.decode_command(request.command)
    assert command.body == expected
    assert (command.account, command.signer_slot, command.nonce, command.expires_ms) == (6, 1, 5, 7)
