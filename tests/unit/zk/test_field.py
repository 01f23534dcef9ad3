"""The base field and its extension."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gpu.reference import field as arrays
from zk.field import Ext, P, one, root_of_unity, zero
from zk.field.extension import powers

A = Ext.of((1, 2, 3, 4, 5))
B = Ext.of((6, 7, 8, 9, 10))


def _random(rng: random.Random) -> Ext:
    return Ext.of([rng.randrange(P) for _ in range(5)])


def test_product_and_inverse_are_the_golden_ones() -> None:
    assert (A * B).c == (70, 125, 61, 14, 25)
    assert A.inverse().c == (1611162735, 1325413701, 869369788, 708311242, 352135173)


def test_reduction_polynomial_is_x5_plus_x2_minus_1() -> None:
    x = Ext((0, 1, 0, 0, 0))
    assert x**5 + x**2 - 1 == zero()


def test_field_laws_hold_for_random_elements() -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    for _ in range(50):
        a, b, c = _random(rng), _random(rng), _random(rng)
        assert a * (b + c) == a * b + a * c, seed
        assert (a * b) * c == a * (b * c), seed
        assert a - b == -(b - a), seed
        assert a * a.inverse() == one(), seed
        assert (a * b) / b == a, seed
        assert a.frobenius() == a**P, seed


def test_zero_has_no_inverse() -> None:
    with pytest.raises(ZeroDivisionError):
        zero().inverse()


def test_roots_of_unity_have_their_order() -> None:
    for k in range(1, 25):
        assert pow(root_of_unity(k), 1 << (k - 1), P) == P - 1
    with pytest.raises(ValueError, match="found 25"):
        root_of_unity(25)


def test_powers_start_at_the_given_element() -> None:
    assert powers(A, 3, B) == [B, B * A, B * A * A]


def test_array_arithmetic_equals_scalar_arithmetic() -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    a, b = [_random(rng) for _ in range(20)], [_random(rng) for _ in range(20)]
    left, right = (np.array([x.c for x in side], dtype=np.uint64).T for side in (a, b))
    product = arrays.ext_mul(left, right)
    assert [tuple(int(c) for c in column) for column in product.T] == [(x * y).c for x, y in zip(a, b, strict=True)], (
        seed
    )
    table = arrays.ext_powers(A.c, 9)
    assert [tuple(int(c) for c in column) for column in table.T] == [(A**i).c for i in range(9)]


def test_codeword_entries_are_polynomial_values() -> None:
    coefficients = np.array([[3, 1, 4, 1]], dtype=np.uint64)
    word = arrays.encode(coefficients, 1)[0]
    for i in range(8):
        x = pow(root_of_unity(3), i, P)
        assert int(word[i]) == (3 + x + 4 * x * x + x**3) % P
