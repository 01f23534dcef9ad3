"""The envelope keys of this process and the signed directory that announces them.

Private keys exist in memory only and are replaced after `lifetime_ms`; the previous one opens envelopes for `overlap_ms` longer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from coincurve import PrivateKey, PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from exchange.auth.envelope import SUITE_ONE_SHOT
from exchange.auth.signature import address_of, keccak256, sign
from exchange.errors import Refusal
from exchange.storage.layout import digest
from exchange.venue import VenueId

LIFETIME_MS = 24 * 3_600_000
OVERLAP_MS = 600_000


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One public envelope key and its validity."""

    key_id: int
    public_key: bytes
    not_before_ms: int
    not_after_ms: int

    def as_json(self) -> dict[str, Any]:
        """As in PROTOCOL.md 3.1."""
        return {
            "key_id": self.key_id,
            "suite": SUITE_ONE_SHOT,
            "public_key": "0x" + self.public_key.hex(),
            "not_before_ms": self.not_before_ms,
            "not_after_ms": self.not_after_ms,
        }

    def packed(self) -> bytes:
        """Signed bytes of this entry."""
        return struct.pack(
            ">IB32sQQ", self.key_id, SUITE_ONE_SHOT, self.public_key, self.not_before_ms, self.not_after_ms
        )


class EnvelopeKeys:
    """Current and previous envelope key; `now_ms` is wall time, given by the caller."""

    def __init__(
        self,
        venue: VenueId,
        identity: PrivateKey,
        now_ms: int,
        lifetime_ms: int = LIFETIME_MS,
        overlap_ms: int = OVERLAP_MS,
    ) -> None:
        self._venue = venue
        self._identity = identity
        self._lifetime_ms = lifetime_ms
        self._overlap_ms = overlap_ms
        self._keys: list[tuple[DirectoryEntry, X25519PrivateKey]] = []
        self._issued_ms = now_ms
        self.rotate(now_ms)

    @property
    def identity(self) -> bytes:
        """Address whose signature a client checks."""
        return address_of(PublicKey.from_secret(self._identity.secret))

    @property
    def current(self) -> DirectoryEntry:
        """The key to seal to."""
        return self._keys[-1][0]

    def rotate(self, now_ms: int) -> None:
        """Make a new key; the one before it stays for the overlap, older ones are forgotten."""
        key = X25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        key_id = int.from_bytes(digest(b"blindbook/key-id/v1", public)[:4], "big")
        entry = DirectoryEntry(key_id, public, now_ms, now_ms + self._lifetime_ms + self._overlap_ms)
        self._keys = [*self._keys[-1:], (entry, key)]
        self._issued_ms = now_ms

    def refresh(self, now_ms: int) -> None:
        """Rotate when due and forget keys past their end."""
        if now_ms >= self.current.not_before_ms + self._lifetime_ms:
            self.rotate(now_ms)
        self._keys = [(entry, key) for entry, key in self._keys if now_ms < entry.not_after_ms]

    def find(self, key_id: int, now_ms: int) -> X25519PrivateKey:
        """Private key `key_id`; raises BAD_ENVELOPE with the id to use instead."""
        for entry, key in self._keys:
            if entry.key_id == key_id and entry.not_before_ms <= now_ms < entry.not_after_ms:
                return key
        raise Refusal("BAD_ENVELOPE", f"key {key_id} is not in force", key_id=self.current.key_id)

    def directory(self) -> dict[str, Any]:
        """The signed directory of PROTOCOL.md 3.1."""
        entries = [entry for entry, _ in self._keys]
        signature = sign(self._identity, compute_directory_digest(self._venue, self._issued_ms, entries))
        return {
            "version": 1,
            "chain_id": self._venue.chain_id,
            "exchange": "0x" + self._venue.exchange.hex(),
            "identity": "0x" + self.identity.hex(),
            "issued_ms": self._issued_ms,
            "keys": [entry.as_json() for entry in entries],
            "signature": "0x" + signature.hex(),
        }


def compute_directory_digest(venue: VenueId, issued_ms: int, entries: list[DirectoryEntry]) -> bytes:
    """What the identity key signs."""
    head = struct.pack(">Q20sQI", venue.chain_id, venue.exchange, issued_ms, len(entries))
    return keccak256(b"blindbook/keys/v1" + head + b"".join(entry.packed() for entry in entries))
