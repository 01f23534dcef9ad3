"""The Fiat-Shamir transcript of both configurations (proof system, section 4).

Typed: each message is absorbed as the word `tag * 2^16 + count`, then its values. A challenger only hashes; what is read from
a proof and must be absorbed goes through `zk.channel`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np

from gpu import native_permutation
from zk.field import Ext, P
from zk.field.poseidon2 import permute
from zk.hashing import digest_elements, keccak256

RATE = 8
WIDTH = 16


class Tag(IntEnum):
    """Kinds of messages."""

    VK = 1
    HEIGHTS = 2
    PUBLIC_VALUES = 3
    ROOT = 4
    OUT_OF_DOMAIN = 5
    GKR_ROOT = 6
    GKR_ROUND = 7
    GKR_CLAIMS = 8
    ZEROCHECK_ROUND = 9
    COLUMN_EVALUATIONS = 10
    WHIR_SUMCHECK = 11
    WHIR_FINAL = 12
    BOUNDARY = 13
    LINEAR_ROUND = 14
    NONCE = 0x70


def _tag_word(tag: int, count: int) -> int:
    if not 0 <= count < 1 << 16:
        raise ValueError(f"message with tag {tag}: expected a count below 2^16, found {count}")
    return tag << 16 | count


class Challenger(ABC):
    """Absorbs messages, draws challenges."""

    def accelerate(self) -> None:
        """Lets native code do what it can; results are the same. For provers: a verifier rests on Python alone."""
        return  # nothing, where the hash is native already

    @abstractmethod
    def observe(self, tag: int, values: Sequence[int]) -> None:
        """Absorbs canonical base elements."""

    @abstractmethod
    def observe_digest(self, tag: int, digest: bytes) -> None:
        """Absorbs a digest of the configuration."""

    @abstractmethod
    def sample_ext(self) -> Ext:
        """A challenge in E."""

    @abstractmethod
    def sample_bits(self, bits: int) -> int:
        """An integer of `bits` <= 24 uniform bits."""

    @abstractmethod
    def grind_state(self) -> bytes:
        """What `Device.grind` needs to search a nonce for this transcript."""

    @abstractmethod
    def absorb_nonce(self, nonce: int, bits: int) -> bool:
        """Absorbs a nonce; whether it shows `bits` bits of work."""


class Poseidon2Challenger(Challenger):
    """Duplex sponge of rate 8 that overwrites. A permutation exposes lanes 0..7; any observe drops unread ones."""

    def __init__(self) -> None:
        self._state = [0] * WIDTH
        self._pending = 0  # inputs written to lanes 0.. since the last permutation
        self._unread: list[int] = []
        self._permutation: Callable[[list[int]], list[int]] = permute

    def accelerate(self) -> None:
        self._permutation = native_permutation() or permute

    def observe(self, tag: int, values: Sequence[int]) -> None:
        self._absorb(_tag_word(tag, len(values)))
        for value in values:
            self._absorb(value)

    def observe_digest(self, tag: int, digest: bytes) -> None:
        self.observe(tag, digest_elements(digest))

    def sample_ext(self) -> Ext:
        c0, c1, c2, c3, c4 = (self._output() for _ in range(5))
        return Ext((c0, c1, c2, c3, c4))

    def sample_bits(self, bits: int) -> int:
        return self._output() & ((1 << bits) - 1)

    def grind_state(self) -> bytes:
        fork = Poseidon2Challenger()
        fork._state, fork._pending = self._state.copy(), self._pending
        fork._absorb(_tag_word(Tag.NONCE, 1))
        return np.array([*fork._state, fork._pending], dtype="<u4").tobytes()

    def absorb_nonce(self, nonce: int, bits: int) -> bool:
        self.observe(Tag.NONCE, [nonce])
        return self.sample_bits(bits) == 0

    def _absorb(self, value: int) -> None:
        self._unread = []
        self._state[self._pending] = value
        self._pending += 1
        if self._pending == RATE:
            self._permute()

    def _output(self) -> int:
        if self._pending or not self._unread:
            self._permute()
        return self._unread.pop(0)

    def _permute(self) -> None:
        self._state = self._permutation(self._state)
        self._unread = self._state[:RATE]
        self._pending = 0


class KeccakChallenger(Challenger):
    """A 32-byte state, hashed with each message; squeeze words are hashes of state and counter."""

    def __init__(self) -> None:
        self._state = bytes(32)
        self._counter = 0
        self._unread = b""  # rest of the squeeze word that serves `sample_bits`

    def observe(self, tag: int, values: Sequence[int]) -> None:
        self._absorb(_tag_word(tag, len(values)), np.array(values, dtype=">u4").tobytes())

    def observe_digest(self, tag: int, digest: bytes) -> None:
        self._absorb(_tag_word(tag, len(digest)), digest)

    def sample_ext(self) -> Ext:
        self._unread = b""
        word = self._squeeze()
        c0, c1, c2, c3, c4 = (int.from_bytes(word[6 * i : 6 * i + 6], "big") % P for i in range(5))
        return Ext((c0, c1, c2, c3, c4))

    def sample_bits(self, bits: int) -> int:
        if not self._unread:
            self._unread = self._squeeze()
        chunk, self._unread = self._unread[:4], self._unread[4:]
        return int.from_bytes(chunk, "big") & ((1 << bits) - 1)

    def grind_state(self) -> bytes:
        return self._state

    def absorb_nonce(self, nonce: int, bits: int) -> bool:
        self._replace(keccak256(b"\x04" + self._state + nonce.to_bytes(8, "big")))
        return int.from_bytes(self._state, "big") >> (256 - bits) == 0

    def _absorb(self, word: int, data: bytes) -> None:
        self._replace(keccak256(b"\x02" + self._state + word.to_bytes(4, "big") + data))

    def _replace(self, state: bytes) -> None:
        self._state, self._counter, self._unread = state, 0, b""

    def _squeeze(self) -> bytes:
        word = keccak256(b"\x03" + self._state + self._counter.to_bytes(4, "big"))
        self._counter += 1
        return word
