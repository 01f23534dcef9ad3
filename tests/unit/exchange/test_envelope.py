"""Envelopes open only for the venue, key and header they were sealed for; keys rotate; the directory is signed."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from exchange.auth.directory import DirectoryEntry, EnvelopeKeys, compute_directory_digest
from exchange.auth.envelope import (
    HEADER_BYTES,
    SignedRequest,
    encode_header,
    open_envelope,
    parse_envelope,
    seal_request,
    split_plaintext,
)
from exchange.auth.signature import recover_address
from exchange.errors import Refusal
from exchange.venue import VenueId

VENUE = VenueId(31337, b"\x11" * 20)
KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))


def request(body_bytes: int = 64) -> SignedRequest:
    command = struct.pack("<HHI", 1, 1, body_bytes) + b"h" * 40 + b"b" * body_bytes
    return SignedRequest(command, b"s" * 31, b"g" * 65)


def seal(body_bytes: int = 64) -> bytes:
    return seal_request(request(body_bytes), 7, KEY.public_key(), VENUE)


def refused(data: bytes, key: X25519PrivateKey = KEY, venue: VenueId = VENUE) -> Refusal:
    with pytest.raises(Refusal) as caught:
        open_envelope(parse_envelope(data), key, venue)
    assert caught.value.code == "BAD_ENVELOPE"
    return caught.value


def test_sealed_request_opens_to_the_same_bytes() -> None:
    assert open_envelope(parse_envelope(seal()), KEY, VENUE) == request()


def test_order_and_cancel_have_one_length() -> None:
    place, cancel = 8 + 56, 8 + 24
    assert len(seal(place)) == len(seal(cancel)) == HEADER_BYTES + 32 + 256 + 16


@pytest.mark.parametrize(("body_bytes", "bucket"), [(112, 256), (113, 512), (3952, 4096)])
def test_padding_is_the_smallest_bucket(body_bytes: int, bucket: int) -> None:
    assert len(seal(body_bytes)) == HEADER_BYTES + 32 + bucket + 16


def test_a_request_above_the_largest_bucket_cannot_be_sealed() -> None:
    with pytest.raises(Refusal):
        seal(3953)


def test_every_flipped_byte_is_refused() -> None:
    good = seal()
    seed = 7
    print("seed", seed)
    rng = random.Random(seed)
    for position in [*range(HEADER_BYTES + 32), *rng.sample(range(HEADER_BYTES + 32, len(good)), 60)]:
        bad = bytearray(good)
        bad[position] ^= 1 << rng.randrange(8)
        if (
            HEADER_BYTES <= position < HEADER_BYTES + 32
            and bad[position] ^ good[position] == 0x80
            and position == HEADER_BYTES + 31
        ):
            continue  # X25519 ignores the top bit of the point; HPKE binds it through kem_context, checked below
        try:
            envelope = parse_envelope(bytes(bad))
        except Refusal as refusal:
            assert refusal.code == "BAD_ENVELOPE"
            continue
        with pytest.raises(Refusal):
            open_envelope(envelope, KEY, VENUE)
    top = bytearray(good)
    top[HEADER_BYTES + 31] ^= 0x80
    refused(bytes(top))


def test_header_bytes_are_bound_even_where_they_do_not_change_parsing() -> None:
    good = seal()
    other = encode_header(8, len(good) - HEADER_BYTES) + good[HEADER_BYTES:]
    refused(other)


def test_envelope_for_another_venue_or_key_does_not_open() -> None:
    refused(seal(), venue=VenueId(1, VENUE.exchange))
    refused(seal(), venue=VenueId(31337, b"\x12" * 20))
    refused(seal(), key=X25519PrivateKey.generate())


@pytest.mark.parametrize("data", [b"", b"\xbb\x01", bytes(82), b"\xbb\x01\x02" + bytes(300), bytes(5000)])
def test_garbage_is_refused(data: bytes) -> None:
    refused(data)


def test_truncated_and_extended_envelopes_are_refused() -> None:
    good = seal()
    for size in (0, 1, HEADER_BYTES, HEADER_BYTES + 47, len(good) - 1):
        refused(good[:size])
    refused(good + b"\0")


@pytest.mark.parametrize(
    "plain",
    [
        bytes(255),
        bytes(512),
        b"\0" * 4 + struct.pack("<I", 0xFFFFFFFF) + bytes(248),
        b"\0" * 4 + struct.pack("<I", 64) + bytes(247) + b"\1",
    ],
    ids=["too short", "bucket too large", "body length absurd", "padding not zero"],
)
def test_plaintext_that_is_not_canonical_is_refused(plain: bytes) -> None:
    with pytest.raises(Refusal, match="BAD_ENVELOPE"):
        split_plaintext(plain)


def keys(now_ms: int = 1000) -> EnvelopeKeys:
    return EnvelopeKeys(VENUE, PrivateKey(b"\5" * 32), now_ms, lifetime_ms=100, overlap_ms=10)


def test_old_key_opens_during_the_overlap_and_not_after() -> None:
    ring = keys()
    first = ring.current
    ring.refresh(1099)
    assert ring.current == first
    ring.refresh(1100)
    assert ring.current != first
    assert ring.find(first.key_id, 1109)
    with pytest.raises(Refusal) as caught:
        ring.find(first.key_id, 1110)
    assert caught.value.extra == {"key_id": ring.current.key_id}
    ring.refresh(1110)
    assert len(ring.directory()["keys"]) == 1


def test_unknown_key_is_refused_with_the_current_id() -> None:
    ring = keys()
    with pytest.raises(Refusal) as caught:
        ring.find(ring.current.key_id ^ 1, 1000)
    assert caught.value.extra["key_id"] == ring.current.key_id


def test_directory_is_signed_by_the_identity() -> None:
    ring = keys()
    directory = ring.directory()

    def signer(document: dict[str, Any]) -> bytes:
        entries = [
            DirectoryEntry(e["key_id"], bytes.fromhex(e["public_key"][2:]), e["not_before_ms"], e["not_after_ms"])
            for e in document["keys"]
        ]
        digest = compute_directory_digest(VENUE, document["issued_ms"], entries)
        return recover_address(digest, bytes.fromhex(document["signature"][2:]))

    assert signer(directory).hex() == directory["identity"][2:]
    directory["keys"][0]["key_id"] ^= 1
    assert signer(directory).hex() != directory["identity"][2:]
