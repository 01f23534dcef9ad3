"""Randomness that is the same on every platform and with every version of the libraries: SHAKE-128 of a name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from zk.air.expression import P

T = TypeVar("T")


class Draw:
    """A stream of 64-bit words named by its seed."""

    def __init__(self, *seed: str) -> None:
        self._seed = " ".join(seed)
        self._block = 0

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next block of words; each call hashes the seed with the number of the block."""
        self._block += 1
        data = hashlib.shake_128(f"{self._seed} {self._block}".encode()).digest(8 * count)
        return np.frombuffer(data, "<u8").astype(np.uint64)

    def elements(self, count: int) -> NDArray[np.uint64]:
        """Elements of the base field; the bias of the reduction is 2^-33."""
        return self.words(count) % np.uint64(P)

    def order(self, count: int) -> NDArray[np.int64]:
        """A permutation of 0 .. count - 1."""
        result: NDArray[np.int64] = np.argsort(self.words(count), kind="stable").astype(np.int64)
        return result

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.words(1)[0]) % len(items)]
