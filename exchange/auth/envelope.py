"""Order envelopes: HPKE one-shot, suite 1 (RFC 9180 base mode, X25519 / HKDF-SHA256 / ChaCha20-Poly1305).

Everything the header says is bound through `info`, because the library's one-shot call has no associated data (PROTOCOL.md 3.2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from exchange.auth.signature import SIGNATURE_BYTES
from exchange.errors import Refusal
from exchange.venue import VenueId

SUITE_ONE_SHOT = 1
SALT_BYTES = 31
COMMAND_HEADER_BYTES = 48
BUCKETS = (256, 512, 1024, 2048, 4096)
ENCAPSULATION_BYTES = 32
TAG_BYTES = 16
_HEADER = struct.Struct(">2sBI16sQI")
HEADER_BYTES = _HEADER.size
ENVELOPE_BYTES_MAX = HEADER_BYTES + ENCAPSULATION_BYTES + BUCKETS[-1] + TAG_BYTES
_MAGIC = b"\xbb\x01"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What an envelope holds: command bytes (seq 0, payload_tag 0), blinding salt, signature."""

    command: bytes
    salt: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope; `header` is kept because it is part of `info`."""

    key_id: int
    header: bytes
    sealed: bytes


def encode_header(key_id: int, sealed_bytes: int) -> bytes:
    """The 35 clear bytes of a one-shot envelope."""
    return _HEADER.pack(_MAGIC, SUITE_ONE_SHOT, key_id, bytes(16), 0, sealed_bytes)


def compute_info(venue: VenueId, header: bytes) -> bytes:
    """HPKE `info`: domain, venue, and every header byte."""
    return b"blindbook/order/v1" + struct.pack(">Q", venue.chain_id) + venue.exchange + header


def parse_envelope(data: bytes) -> Envelope:
    """Split the clear header off; raises BAD_ENVELOPE."""
    if len(data) < HEADER_BYTES + ENCAPSULATION_BYTES + TAG_BYTES:
        raise Refusal("BAD_ENVELOPE", f"{len(data)} bytes are too few")
    if len(data) > ENVELOPE_BYTES_MAX:
        raise Refusal("BAD_ENVELOPE", f"expected at most {ENVELOPE_BYTES_MAX} bytes, found {len(data)}")
    header, sealed = data[:HEADER_BYTES], data[HEADER_BYTES:]
    magic, suite, key_id, session_id, counter, length = _HEADER.unpack(header)
    if magic != _MAGIC:
        raise Refusal("BAD_ENVELOPE", "unknown magic")
    if suite != SUITE_ONE_SHOT:
        raise Refusal("BAD_ENVELOPE", f"expected suite {SUITE_ONE_SHOT}, found {suite}")
    if any(session_id) or counter:
        raise Refusal("BAD_ENVELOPE", "sessions are not offered: session id and counter must be zero")
    if length != len(sealed):
        raise Refusal("BAD_ENVELOPE", f"header says {length} bytes, found {len(sealed)}")
    return Envelope(key_id, header, sealed)


def open_envelope(envelope: Envelope, key: X25519PrivateKey, venue: VenueId) -> SignedRequest:
    """Decrypt and split; raises BAD_ENVELOPE for anything that does not open or is not canonically padded."""
    try:
        plaintext = _SUITE.decrypt(envelope.sealed, key, info=compute_info(venue, envelope.header))
    except (InvalidTag, ValueError):
        raise Refusal("BAD_ENVELOPE", "does not open") from None
    return split_plaintext(plaintext)


def split_plaintext(plaintext: bytes) -> SignedRequest:
    """command | salt | signature | zeros, in the smallest bucket that fits."""
    if len(plaintext) < BUCKETS[0]:
        raise Refusal("BAD_ENVELOPE", f"plaintext of {len(plaintext)} bytes is below the smallest bucket")
    (body_bytes,) = struct.unpack_from("<I", plaintext, 4)
    salt_at = COMMAND_HEADER_BYTES + body_bytes
    end = salt_at + SALT_BYTES + SIGNATURE_BYTES
    if len(plaintext) != bucket_bytes(end):
        raise Refusal("BAD_ENVELOPE", "padding is not the smallest bucket for this length")
    if any(plaintext[end:]):
        raise Refusal("BAD_ENVELOPE", "padding is not zero")
    signature_at = salt_at + SALT_BYTES
    return SignedRequest(plaintext[:salt_at], plaintext[salt_at:signature_at], plaintext[signature_at:end])


def bucket_bytes(length: int) -> int:
    """Smallest bucket of at least `length` bytes, or 0 when none is large enough."""
    return next((size for size in BUCKETS if size >= length), 0)


def seal_request(request: SignedRequest, key_id: int, key: X25519PublicKey, venue: VenueId) -> bytes:
    """The client's side: used by tests and tools of the exchange."""
    plain = request.command + request.salt + request.signature
    size = bucket_bytes(len(plain))
    if size == 0:
        raise Refusal("BAD_ENVELOPE", f"request of {len(plain)} bytes is above {BUCKETS[-1]}")
    header = encode_header(key_id, ENCAPSULATION_BYTES + size + TAG_BYTES)
    return header + _SUITE.encrypt(plain.ljust(size, b"\0"), key, info=compute_info(venue, header))
