"""The guests of the benchmark (proof system, section 21): SHA-256, order matching, wide decimal arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zk.vm.elf import GuestProgram
from zk.vm.executor import execute

U32 = NDArray[np.uint32]
_FOLDER = Path(__file__).resolve().parent
_SAMPLES = _FOLDER.parent / "guests" / "samples"


@dataclass(frozen=True, slots=True)
class Mix:
    """A guest and the hints for a size."""

    name: str
    source: Path
    hints: Callable[[int], U32]


MIXES = (
    Mix("sha256", _SAMPLES / "sha256.cpp", lambda n: np.array([n] + [0] * (-(-n // 4)), dtype=np.uint32)),
    Mix("orders", _FOLDER / "guests" / "orders.cpp", lambda n: np.array([n], dtype=np.uint32)),
    Mix("decimals", _FOLDER / "guests" / "decimals.cpp", lambda n: np.array([n], dtype=np.uint32)),
)


def largest_size(program: GuestProgram, hints: Callable[[int], U32], cycles: int) -> int:
    """The largest size whose run stays within `cycles`."""

    def fits(size: int) -> bool:
        return execute(program, hints(size), 64 * cycles, record=False).cycles <= cycles

    high = 2
    while fits(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
