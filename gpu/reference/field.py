"""KoalaBear and its quintic extension on NumPy arrays of canonical u64.

A base array has any shape; an extension array has shape (5, ...), lowest degree first, modulo X^5 + X^2 - 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpu.device import ExtValue

U64 = NDArray[np.uint64]

P = 2**31 - 2**24 + 1
TWO_ADICITY = 24
GENERATOR = 0x6AC49F88  # of the subgroup of order 2^24
MODULUS = np.uint64(P)


def add(a: U64, b: U64) -> U64:
    """a + b, base or extension alike."""
    return (a + b) % MODULUS


def sub(a: U64, b: U64) -> U64:
    """a - b, base or extension alike."""
    return (a + (MODULUS - b)) % MODULUS


def mul(a: U64, b: U64) -> U64:
    """a * b in the base field; with broadcasting also base array times extension array."""
    return a * b % MODULUS


def scale(a: U64, constant: int) -> U64:
    """a times a base constant, base or extension alike."""
    return a * np.uint64(constant % P) % MODULUS


def ext(value: ExtValue, dimensions: int = 1) -> U64:
    """A constant as an extension array of shape (5, 1, ...) that broadcasts against `dimensions` further axes."""
    return np.array(value, dtype=np.uint64).reshape((5,) + (1,) * dimensions)


def embed(base: U64) -> U64:
    """A base array as an extension array."""
    result = np.zeros((5, *base.shape), dtype=np.uint64)
    result[0] = base
    return result


def value(array: U64) -> ExtValue:
    """The single element of an extension array of size 5."""
    c0, c1, c2, c3, c4 = (int(c) for c in array.reshape(5))
    return (c0, c1, c2, c3, c4)


def ext_mul(a: U64, b: U64) -> U64:
    """Product of two extension arrays (broadcast over the trailing axes)."""
    shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
    product = np.zeros((9, *shape), dtype=np.uint64)
    for i in range(5):
        product[i : i + 5] += mul(a[i], b)  # at most five terms below 2^31
    # X^5 = 1 - X^2, X^6 = X - X^3, X^7 = X^2 - X^4, X^8 = X^3 - X^5 = X^3 + X^2 - 1
    c, five = product, np.uint64(8 * P)  # at least what is subtracted
    result = np.empty((5, *shape), dtype=np.uint64)
    result[0] = c[0] + c[5] + (five - c[8])
    result[1] = c[1] + c[6]
    result[2] = c[2] + c[7] + c[8] + (five - c[5])
    result[3] = c[3] + c[8] + (five - c[6])
    result[4] = c[4] + (five - c[7])
    return result % MODULUS


def ext_sum(a: U64) -> U64:
    """Sum over the last axis of an extension array."""
    result: U64 = a.sum(axis=-1, dtype=np.uint64) % MODULUS
    return result


def root_of_unity(log_order: int) -> int:
    """g_k of order 2^k."""
    return pow(GENERATOR, 1 << (TWO_ADICITY - log_order), P)


def powers(base: int, count: int) -> U64:
    """1, base, base^2, ... in the base field."""
    result = np.ones(count, dtype=np.uint64)
    step, length = base % P, 1
    while length < count:
        chunk = min(length, count - length)
        result[length : length + chunk] = scale(result[:chunk], step)
        step, length = step * step % P, 2 * length
    return result


def ext_powers(base: ExtValue, count: int) -> U64:
    """1, base, base^2, ... as an extension array (5, count)."""
    result = np.zeros((5, count), dtype=np.uint64)
    result[0, 0] = 1
    step, length = ext(base), 1
    while length < count:
        chunk = min(length, count - length)
        result[:, length : length + chunk] = ext_mul(result[:, :chunk], step)
        step, length = ext_mul(step, step), 2 * length
    return result


def eq_table(point: Sequence[ExtValue]) -> U64:
    """eq(point, b) for all b, shape (5, 2^len(point)); bit i of b belongs to point[i]."""
    table = embed(np.ones(1, dtype=np.uint64))
    for coordinate in point:
        upper = ext_mul(table, ext(coordinate))
        table = np.concatenate([sub(table, upper), upper], axis=1)
    return table


def interpolate(low: U64, high: U64, challenge: ExtValue) -> U64:
    """(1 - r) low + r high on extension arrays."""
    return add(low, ext_mul(sub(high, low), ext(challenge)))


def ntt(coefficients: U64) -> U64:
    """Values of polynomials on the subgroup: shape (..., 2^k) to the same shape, entry i = F(g_k^i)."""
    size = coefficients.shape[-1]
    if size == 1:
        return coefficients
    even, odd = ntt(coefficients[..., 0::2]), ntt(coefficients[..., 1::2])
    twisted = mul(odd, powers(root_of_unity(size.bit_length() - 1), size // 2))
    return np.concatenate([add(even, twisted), sub(even, twisted)], axis=-1)


def encode(coefficients: U64, log_inv_rate: int) -> U64:
    """Codewords of polynomials with 2^l coefficients on the subgroup of order 2^(l + log_inv_rate)."""
    size = coefficients.shape[-1]
    padded = np.zeros((*coefficients.shape[:-1], size << log_inv_rate), dtype=np.uint64)
    padded[..., :size] = coefficients
    return ntt(padded)
