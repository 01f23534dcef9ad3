"""Arrays of base field elements: inverses, square roots, roots of polynomials of degree two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.air.expression import P

U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]
PRIME = np.uint64(P)
_TWO_ADICITY = 24
_ODD = (P - 1) >> _TWO_ADICITY
_GENERATOR = pow(3, _ODD, P)  # of the subgroup of order 2^24: 3 generates the multiplicative group


def power(base: U64, exponent: int) -> U64:
    """base^exponent, element by element."""
    result = np.ones_like(base)
    for bit in f"{exponent:b}":
        result = result * result % PRIME
        if bit == "1":
            result = result * base % PRIME
    return result


def inverse(values: U64) -> U64:
    """1 / values; 0 for 0."""
    return power(values, P - 2)


def square_root(values: U64) -> tuple[U64, Mask]:
    """A square root of each element, and whether it has one (Tonelli and Shanks, bit by bit of the discrete logarithm)."""
    root, rest = power(values, (_ODD + 1) // 2), power(values, _ODD)
    generator = _GENERATOR
    for bit in range(1, _TWO_ADICITY):
        # root^2 = values * rest, and rest lies in the subgroup of order 2^(24 - bit) where values is a square
        is_odd = power(rest, 1 << (_TWO_ADICITY - 1 - bit)) == PRIME - np.uint64(1)
        root = np.where(is_odd, root * np.uint64(generator) % PRIME, root)
        generator = generator * generator % P
        rest = np.where(is_odd, rest * np.uint64(generator) % PRIME, rest)
    return root, root * root % PRIME == values


def roots(c0: U64, c1: U64, c2: U64) -> tuple[U64, Mask]:
    """The roots of c0 + c1 x + c2 x^2, stacked on a new first axis, and which of them exist: two, or one where c2 = 0 everywhere."""
    linear = c2 == 0
    line = (PRIME - c0) * inverse(c1) % PRIME
    if linear.all():
        return line[None], (c1 != 0)[None]
    discriminant = (c1 * c1 + np.uint64(4) * (PRIME - c0 * c2 % PRIME)) % PRIME
    root, is_square = square_root(discriminant)
    scale, minus = inverse(c2 * np.uint64(2) % PRIME), PRIME - c1
    found = [np.where(linear, line, (minus + r) * scale % PRIME) for r in (root, PRIME - root)]
    exists = np.where(linear, c1 != 0, is_square)
    return np.stack(found), np.stack([exists, exists & ~linear & (root != 0)])
