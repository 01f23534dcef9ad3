"""secp256k1 signatures over 32-byte digests: strict low-s recovery, addresses, and the login digest.

A signature is `r 32 ‖ s 32 ‖ v 1`, big-endian, v in {0, 1} (PROTOCOL.md 3.2). The digest of a command is
`matching.codec.signing_digest` (form (a)); this module never looks at what was signed.
"""

from __future__ import annotations

import struct

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak

from exchange.errors import Refusal

SIGNATURE_BYTES = 65
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as used by Ethereum."""
    return keccak.new(digest_bits=256, data=data).digest()


def address_of(public_key: PublicKey) -> bytes:
    """Last 20 bytes of keccak256 of the uncompressed point."""
    return keccak256(public_key.format(compressed=False)[1:])[12:]


def check_signature_form(signature: bytes) -> None:
    """Raise BAD_SIGNATURE unless length, r, s and v are in range and s is low: each digest has one valid signature per key."""
    if len(signature) != SIGNATURE_BYTES:
        raise Refusal("BAD_SIGNATURE", f"expected {SIGNATURE_BYTES} bytes, found {len(signature)}")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:64], "big")
    if not 0 < r < CURVE_ORDER:
        raise Refusal("BAD_SIGNATURE", "r is out of range")
    if not 0 < s <= CURVE_ORDER // 2:
        raise Refusal("BAD_SIGNATURE", "s is out of range or high")
    if signature[64] > 1:
        raise Refusal("BAD_SIGNATURE", f"v must be 0 or 1, found {signature[64]}")


def recover_address(digest: bytes, signature: bytes) -> bytes:
    """Address that signed `digest` (32 bytes); raises BAD_SIGNATURE."""
    check_signature_form(signature)
    try:
        return address_of(PublicKey.from_signature_and_message(signature, digest, hasher=None))
    except Exception as error:  # the library raises bare Exception when no point fits r
        raise Refusal("BAD_SIGNATURE", "no public key fits") from error


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """Deterministic (RFC 6979) low-s signature of a 32-byte digest."""
    return key.sign_recoverable(digest, hasher=None)


def compute_login_digest(chain_id: int, exchange: bytes, account: int, slot: int, challenge: bytes) -> bytes:
    """What a client signs to log in (PROTOCOL.md 3.4)."""
    return keccak256(b"blindbook/login/v1" + struct.pack(">Q20sIB", chain_id, exchange, account, slot) + challenge)
