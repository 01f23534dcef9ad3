"""Leaf, node and byte-string hashes of both configurations, and their canonical byte forms (proof system, sections 2 and 3).

A digest is 32 bytes in either configuration: under Poseidon2 eight canonical little-endian elements, under Keccak the hash.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
from Crypto.Hash import keccak
from numpy.typing import NDArray

from gpu.device import HashName
from gpu.reference import poseidon2
from zk.field import P

DIGEST_BYTES = 32
ByteOrder = Literal["little", "big"]


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""
    return keccak.new(digest_bits=256, data=data).digest()


class Hasher(ABC):
    """The hash functions of one configuration."""

    name: HashName
    byte_order: ByteOrder

    @abstractmethod
    def leaves(self, rows: Sequence[Sequence[int]]) -> list[bytes]:
        """Digests of rows of equal length."""

    @abstractmethod
    def nodes(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Digests of (left, right) pairs."""

    @abstractmethod
    def byte_string(self, data: bytes) -> bytes:
        """Digest of a byte string of any length (verifying keys)."""

    @abstractmethod
    def is_canonical(self, digest: bytes) -> bool:
        """Whether the bytes are digests of this configuration, one after the other."""

    def encode(self, elements: Sequence[int] | NDArray[np.uint32]) -> bytes:
        """Base elements as the proof holds them, four bytes each."""
        return np.asarray(elements, dtype=">u4" if self.byte_order == "big" else "<u4").tobytes()


class Poseidon2Hasher(Hasher):
    """Configuration P2."""

    name: HashName = "poseidon2"
    byte_order: ByteOrder = "little"

    def leaves(self, rows: Sequence[Sequence[int]]) -> list[bytes]:
        return _digests(poseidon2.leaves(np.array(rows, dtype=np.uint64))) if rows else []

    def nodes(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        if not pairs:
            return []
        both = np.frombuffer(b"".join(left + right for left, right in pairs), dtype="<u4").astype(np.uint64)
        both = both.reshape(len(pairs), 16)
        return _digests(poseidon2.nodes(both[:, :8], both[:, 8:]))

    def byte_string(self, data: bytes) -> bytes:
        chunks = [int.from_bytes(data[i : i + 3], "little") for i in range(0, len(data), 3)]
        return self.leaves([[len(data), *chunks]])[0]

    def is_canonical(self, digest: bytes) -> bool:
        return len(digest) % DIGEST_BYTES == 0 and all(element < P for element in digest_elements(digest))


class KeccakHasher(Hasher):
    """Configuration K. Every call starts with its own domain byte."""

    name: HashName = "keccak"
    byte_order: ByteOrder = "big"

    def leaves(self, rows: Sequence[Sequence[int]]) -> list[bytes]:
        return [keccak256(b"\x00" + self.encode(row)) for row in rows]

    def nodes(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        return [keccak256(b"\x01" + left + right) for left, right in pairs]

    def byte_string(self, data: bytes) -> bytes:
        return keccak256(b"\x05" + data)

    def is_canonical(self, digest: bytes) -> bool:
        return len(digest) % DIGEST_BYTES == 0


def digest_elements(digest: bytes) -> tuple[int, ...]:
    """The elements of Poseidon2 digests, eight each."""
    return tuple(int(element) for element in np.frombuffer(digest, dtype="<u4"))


def _digests(array: NDArray[np.uint64]) -> list[bytes]:
    return [row.astype("<u4").tobytes() for row in array]
