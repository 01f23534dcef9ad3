"""The client's protocol machine, the envelope, the key directory, the book mirror."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from clients.python.book import BookMirror
from clients.python.envelope import SealingKey, read_directory, seal, sign_request
from clients.python.errors import BookError, DirectoryError, ProtocolError
from clients.python.session import Answer, ChannelFrame, Session
from clients.python.signing import Key, Venue, keccak256
from clients.python.wire import Kind, WireError, withdraw_body

VENUE = Venue(31337, bytes(range(20)))
NOW = 1_800_000_000_000


def _directory(identity: Key, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "version": 1,
        "issued_ms": NOW,
        "keys": [
            {
                "key_id": 7,
                "suite": 1,
                "public_key": "0x" + "11" * 32,
                "not_before_ms": NOW - 1,
                "not_after_ms": NOW + 86_400_000,
            }
        ],
    }
    signed = b"blindbook/keys/v1" + struct.pack(">Q", VENUE.chain_id) + VENUE.contract + struct.pack(">QI", NOW, 1)
    signed += struct.pack(">IB", 7, 1) + bytes([0x11]) * 32 + struct.pack(">QQ", NOW - 1, NOW + 86_400_000)
    document["signature"] = "0x" + identity.sign(keccak256(signed)).hex()
    return document | changes


def test_directory_of_the_pinned_identity_is_accepted() -> None:
    identity = Key.generate()
    keys = read_directory(_directory(identity), VENUE, identity.address, NOW)
    assert [key.key_id for key in keys] == [7]


def test_directory_of_another_signer_is_refused() -> None:
    with pytest.raises(DirectoryError, match="expected signer"):
        read_directory(_directory(Key.generate()), VENUE, Key.generate().address, NOW)


def test_changed_directory_is_refused() -> None:
    identity = Key.generate()
    document = _directory(identity)
    document["keys"][0]["public_key"] = "0x" + "22" * 32
    with pytest.raises(DirectoryError):
        read_directory(document, VENUE, identity.address, NOW)


def test_old_directory_is_refused() -> None:
    identity = Key.generate()
    with pytest.raises(DirectoryError, match="issued at"):
        read_directory(_directory(identity), VENUE, identity.address, NOW + 48 * 3600 * 1000 + 1)


def test_unreadable_directory_is_a_typed_error() -> None:
    with pytest.raises(DirectoryError, match="not readable"):
        read_directory({"keys": 5}, VENUE, bytes(20), NOW)


def test_envelope_opens_with_the_private_key_only_for_its_header() -> None:
    private = X25519PrivateKey.generate()
    request = sign_request(VENUE, Key.generate(), Kind.WITHDRAW, withdraw_body(5), 2, 0, NOW)
    envelope = seal(VENUE, SealingKey(9, private.public_key().public_bytes_raw(), 0, NOW), request)
    header, rest = envelope[:35], envelope[35:]
    assert header[:3] == b"\xbb\x01\x01"
    assert int.from_bytes(header[-4:], "big") == len(rest)
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    info = b"blindbook/order/v1" + struct.pack(">Q", VENUE.chain_id) + VENUE.contract + header
    plain = suite.decrypt(rest, private, info=info)
    assert len(plain) == 256
    assert plain.startswith(request.command)
    with pytest.raises(InvalidTag):
        suite.decrypt(rest, private, info=info[:-1] + b"\xff")


def test_request_longer_than_the_largest_envelope_is_refused() -> None:
    request = sign_request(VENUE, Key.generate(), Kind.WITHDRAW, bytes(4096), 2, 0, NOW)
    with pytest.raises(WireError, match="at most 4096"):
        seal(VENUE, SealingKey(9, bytes(32), 0, NOW), request)


def test_ids_rise_and_answers_carry_them() -> None:
    session = Session(VENUE)
    first, _ = session.read("book", market=0)
    second, text = session.read("book", market=0)
    assert second > first
    assert json.loads(text)["id"] == second
    answer = session.receive(json.dumps({"t": "reply", "id": second, "data": {}, "as_of": 4, "time_ms": 5}))
    assert isinstance(answer, Answer)
    assert (answer.id, answer.error, session.as_of, session.time_ms) == (second, None, 4, 5)


def test_errors_of_the_venue_are_values_with_their_code() -> None:
    event = Session(VENUE).receive(json.dumps({"t": "err", "id": 3, "code": "RATE_LIMITED", "retryable": True}))
    assert isinstance(event, Answer)
    assert event.error is not None
    assert (event.error.code, event.error.retryable) == ("RATE_LIMITED", True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"t":"strange"}', "\x00"])
def test_frames_that_fit_nothing_are_protocol_errors(text: str) -> None:
    with pytest.raises(ProtocolError):
        Session(VENUE).receive(text)


def test_login_needs_the_challenge() -> None:
    with pytest.raises(ProtocolError, match="before welcome"):
        Session(VENUE).login(2, 0, Key.generate())


def test_channel_frames_go_to_their_channel() -> None:
    event = Session(VENUE).receive(json.dumps({"t": "snap", "ch": "trades.0", "n": 0, "trades": []}))
    assert isinstance(event, ChannelFrame)
    assert event.channel == "trades.0"


def test_book_mirror_follows_deltas_and_checks_the_sum() -> None:
    book = BookMirror()
    book.apply({"t": "snap", "n": 1, "bids": [[100, 5]], "asks": [[101, 6]]})
    crc = zlib.crc32(struct.pack("<IQ", 99, 2) + struct.pack("<IQ", 101, 7))
    book.apply({"t": "delta", "n": 2, "prev_n": 1, "bids": [[100, 0], [99, 2]], "asks": [[101, 7]], "crc32": crc})
    assert book.levels() == ([(99, 2)], [(101, 7)])
    assert (book.best(), book.checksums) == ((99, 101), 1)


def test_book_mirror_refuses_a_hole_and_a_wrong_sum() -> None:
    book = BookMirror()
    book.apply({"t": "snap", "n": 1, "bids": [], "asks": []})
    with pytest.raises(BookError, match="after 1"):
        book.apply({"t": "delta", "n": 3, "prev_n": 2, "bids": [], "asks": []})
    with pytest.raises(BookError, match="checksum"):
        book.apply({"t": "delta", "n": 2, "prev_n": 1, "bids": [[1, 1]], "asks": [], "crc32": 0})
