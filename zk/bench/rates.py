"""What this machine does at most: rates of single kernels on all threads, on data in the cache, and of copies in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu import _native
from zk.bench.work import Work

U32 = NDArray[np.uint32]
_COUNT, _ROUNDS, _COPY_WORDS = 1 << 12, 100, 1 << 24
_PRODUCTS = 1 << 15  # in one call: long beside the call itself, short enough for the second cache


@dataclass(frozen=True, slots=True)
class Rates:
    """Operations and bytes (read or written) per second, all threads together."""

    base_multiplications: float
    extension_multiplications: float
    poseidon2: float
    keccak: float
    bytes: float

    def bound_seconds(self, work: Work) -> float:
        """The time that the work takes at least: that of its arithmetic or that of its bytes, whichever is longer."""
        arithmetic = (
            work.base_multiplications / self.base_multiplications
            + work.extension_multiplications / self.extension_multiplications
            + work.poseidon2 / self.poseidon2
            + work.keccak / self.keccak
        )
        return max(arithmetic, work.bytes / self.bytes)


def measure_rates() -> Rates:
    """Measures for about two seconds."""
    kernels, threads = _native.kernels(_native.instruction_sets()[0]), _native.thread_count()
    randomness = np.random.default_rng(1)

    def draw(*shape: int) -> list[U32]:
        return [randomness.integers(0, 2**30, size=shape, dtype=np.uint32) for _ in range(threads)]

    base, blocks, states = draw(_PRODUCTS), draw(_PRODUCTS // 64, 5, 16), draw(16, _COUNT)
    words = [state.astype(np.uint64) for state in draw(25, _COUNT)]
    products, ext_products = [np.empty_like(a) for a in base], [np.empty_like(a) for a in blocks]
    sources = draw(_COPY_WORDS)
    targets = [np.zeros_like(source) for source in sources]
    with ThreadPoolExecutor(threads) as pool:

        def rate(units: int, rounds: int, call: Callable[[int], object]) -> float:
            def repeat(thread: int) -> None:
                for _ in range(rounds):
                    call(thread)

            return threads * rounds * units / _best_seconds(lambda: list(pool.map(repeat, range(threads))))

        return Rates(
            rate(_PRODUCTS, 10 * _ROUNDS, lambda t: kernels.multiply_base(base[t], base[t], products[t])),
            rate(_PRODUCTS // 4, _ROUNDS, lambda t: kernels.multiply_extension(blocks[t], blocks[t], ext_products[t])),
            rate(_COUNT, _ROUNDS, lambda t: kernels.poseidon2_permute(states[t])),
            rate(_COUNT, _ROUNDS, lambda t: kernels.keccak_permute(words[t])),
            rate(8 * _COPY_WORDS, 1, lambda t: np.copyto(targets[t], sources[t])),
        )


def _best_seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(4):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
