"""Keys and signatures of a client: secp256k1 over the Poseidon2 digest of a request (design decisions 7(a) and 26)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from coincurve import PrivateKey
from Crypto.Hash import keccak

from clients.python.poseidon2 import absorb

SIGNING_TAG = 8


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as used by Ethereum."""
    return keccak.new(digest_bits=256, data=data).digest()


@dataclass(frozen=True, slots=True)
class Venue:
    """What a signature is bound to: chain id and address of the settlement contract (20 bytes)."""

    chain_id: int
    contract: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A secp256k1 key. Its representation never shows the secret."""

    _secret: PrivateKey

    @classmethod
    def generate(cls) -> Key:
        """A fresh key from the operating system's randomness."""
        return cls(PrivateKey())

    @classmethod
    def from_bytes(cls, secret: bytes) -> Key:
        """The key with this 32-byte secret; ValueError if out of range."""
        return cls(PrivateKey(secret))

    def __repr__(self) -> str:
        return f"Key(address=0x{self.address.hex()})"

    @property
    def secret(self) -> bytes:
        """The 32-byte secret."""
        return bytes(self._secret.secret)

    @property
    def address(self) -> bytes:
        """The Ethereum address, 20 bytes."""
        return keccak256(self._secret.public_key.format(compressed=False)[1:])[-20:]

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a 32-byte digest; s is low, v is 0 or 1."""
        signature: bytes = self._secret.sign_recoverable(digest, hasher=None)
        return signature


def request_digest(venue: Venue, body: bytes, nonce: int, account: int, expires_ms: int) -> bytes:
    """Digest that authorises a request; `body` is the canonical body, `expires_ms` 0 = never."""
    data = b"".join(
        (
            struct.pack("<Q", venue.chain_id),
            venue.contract,
            bytes(4),
            body,
            struct.pack("<QI4xQ", nonce, account, expires_ms),
        )
    )
    return absorb(SIGNING_TAG, data)
