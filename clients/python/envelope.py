"""Sealing: command bytes, key directory, HPKE envelopes (protocol bb/1, section 3)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any

from coincurve import PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from clients.python.errors import DirectoryError
from clients.python.signing import Key, Venue, keccak256, request_digest
from clients.python.wire import VERSION, Kind, WireError, canonical_body

SUITE = 1
DIRECTORY_AGE_MAX_MS = 48 * 3600 * 1000
PLAINTEXT_SIZES = (256, 512, 1024, 2048, 4096)
_COMMAND = struct.Struct("<HHIQIB3xQQQ")
_TAG_BYTES, _ENC_BYTES = 16, 32
_HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, slots=True)
class SealingKey:
    """An HPKE key of the sequencer and when it is valid (milliseconds)."""

    key_id: int
    public_key: bytes
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A command and its signature; sealing it again for a retry does not change its identity."""

    command: bytes
    signature: bytes
    account: int
    nonce: int


def sign_request(
    venue: Venue, key: Key, kind: Kind, body: bytes, account: int, slot: int, nonce: int, expires_ms: int = 0
) -> SignedRequest:
    """Signs a request of `account` with the key in signer slot `slot` (0 = owner)."""
    canonical = canonical_body(kind, body)
    padded = canonical[8:]
    header = _COMMAND.pack(kind, VERSION, len(padded), 0, account, slot, nonce, expires_ms, 0)
    signature = key.sign(request_digest(venue, canonical, nonce, account, expires_ms))
    return SignedRequest(header + padded, signature, account, nonce)


def seal(venue: Venue, key: SealingKey, request: SignedRequest) -> bytes:
    """One-shot envelope (suite 1) that only the sequencer can open."""
    plain = request.command + os.urandom(31) + request.signature
    size = next((s for s in PLAINTEXT_SIZES if s >= len(plain)), None)
    if size is None:
        raise WireError(f"request: expected at most {PLAINTEXT_SIZES[-1]} bytes, found {len(plain)}")
    length = _ENC_BYTES + size + _TAG_BYTES
    header = struct.pack(">HBI16xQI", 0xBB01, SUITE, key.key_id, 0, length)
    info = b"blindbook/order/v1" + struct.pack(">Q", venue.chain_id) + venue.contract + header
    public = X25519PublicKey.from_public_bytes(key.public_key)
    return header + _HPKE.encrypt(plain.ljust(size, b"\0"), public, info=info)


def recover_address(digest: bytes, signature: bytes) -> bytes:
    """Address of the key that made a 65-byte recoverable signature."""
    point = PublicKey.from_signature_and_message(signature, digest, hasher=None).format(compressed=False)
    return keccak256(point[1:])[-20:]


def read_directory(document: dict[str, Any], venue: Venue, identity: bytes, now_ms: int) -> list[SealingKey]:
    """The keys of a directory signed by `identity`; DirectoryError where anything does not hold."""
    try:
        issued = int(document["issued_ms"])
        entries = [(int(k["key_id"]), int(k["suite"]), bytes.fromhex(k["public_key"][2:]),
                    int(k["not_before_ms"]), int(k["not_after_ms"])) for k in document["keys"]]  # fmt: skip
        signed = b"blindbook/keys/v1" + struct.pack(">Q", venue.chain_id) + venue.contract
        signed += struct.pack(">QI", issued, len(entries))
        signed += b"".join(struct.pack(">IB", i, s) + pk + struct.pack(">QQ", b, a) for i, s, pk, b, a in entries)
        signer = recover_address(keccak256(signed), bytes.fromhex(document["signature"][2:]))
    except Exception as error:
        raise DirectoryError(f"key directory: not readable: {error}") from error
    if signer != identity:
        raise DirectoryError(f"key directory: expected signer 0x{identity.hex()}, found 0x{signer.hex()}")
    if not now_ms - DIRECTORY_AGE_MAX_MS <= issued <= now_ms + 60_000:
        raise DirectoryError(f"key directory: issued at {issued} ms, now {now_ms} ms")
    keys = [SealingKey(i, pk, b, a) for i, s, pk, b, a in entries if s == SUITE and b <= now_ms < a and len(pk) == 32]
    if not keys:
        raise DirectoryError("key directory: no key of suite 1 is in force")
    return keys
