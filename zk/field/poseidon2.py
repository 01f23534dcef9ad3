"""Poseidon2 of width 16 on Python integers, for the transcript; many states at once: gpu.reference.poseidon2."""

from __future__ import annotations

from gpu.reference.poseidon2 import DIAGONAL, round_constants
from zk.field.koalabear import P

_FIRST, _PARTIAL, _LAST = round_constants()


def _external(s: list[int]) -> list[int]:
    blocks = []
    for i in range(0, 16, 4):
        a, b, c, d = s[i : i + 4]
        both = a + b + c + d
        blocks.append((both + a + 2 * b, both + b + 2 * c, both + c + 2 * d, both + d + 2 * a))
    sums = [sum(column) for column in zip(*blocks, strict=True)]
    return [(x + total) % P for block in blocks for x, total in zip(block, sums, strict=True)]


def permute(state: list[int]) -> list[int]:
    """The permutation of sixteen canonical elements."""
    s = _external(state)
    for constants in _FIRST:
        s = _external([pow(x + c, 3, P) for x, c in zip(s, constants, strict=True)])
    for constant in _PARTIAL:
        s[0] = pow(s[0] + constant, 3, P)
        total = sum(s)
        s = [(total + d * x) % P for x, d in zip(s, DIAGONAL, strict=True)]
    for constants in _LAST:
        s = _external([pow(x + c, 3, P) for x, c in zip(s, constants, strict=True)])
    return s
