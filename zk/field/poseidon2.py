"""Poseidon2 of width 16 on Python integers, for the transcript; many states at once: gpu.reference.poseidon2."""

from __future__ import annotations

from collections.abc import Sequence

from gpu.reference.poseidon2 import DIAGONAL, round_constants
from zk.field.koalabear import P

_FIRST, _PARTIAL, _LAST = round_constants()


def _external(s: list[int]) -> list[int]:
    a, b, c, d = s[0::4], s[1::4], s[2::4], s[3::4]
    lanes: list[list[int]] = [[], [], [], []]
    for w, x, y, z in zip(a, b, c, d, strict=True):
        both = w + x + y + z
        lanes[0].append(both + w + 2 * x)
        lanes[1].append(both + x + 2 * y)
        lanes[2].append(both + y + 2 * z)
        lanes[3].append(both + z + 2 * w)
    sums = [sum(lane) for lane in lanes]
    return [(lanes[i][block] + sums[i]) % P for block in range(4) for i in range(4)]


def _full_round(s: list[int], constants: Sequence[int]) -> list[int]:
    return _external([(y := x + c) * y % P * y % P for x, c in zip(s, constants, strict=True)])


def permute(state: list[int]) -> list[int]:
    """The permutation of sixteen canonical elements."""
    s = _external(state)
    for constants in _FIRST:
        s = _full_round(s, constants)
    for constant in _PARTIAL:
        x = s[0] + constant
        s[0] = x * x % P * x % P
        total = sum(s)
        s = [(total + d * x) % P for x, d in zip(s, DIAGONAL, strict=True)]
    for constants in _LAST:
        s = _full_round(s, constants)
    return s
