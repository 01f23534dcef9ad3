"""Equality weights, power weights and round polynomials (proof system, sections 1 and 7)."""

from __future__ import annotations

from collections.abc import Sequence

from zk.field import Ext, P, one, zero


def eq_index(point: Sequence[Ext], index: int) -> Ext:
    """eq(point, b) for the bits of `index`; coordinate i belongs to bit i."""
    result = one()
    for i, coordinate in enumerate(point):
        result = result * (coordinate if index >> i & 1 else 1 - coordinate)
    return result


def eq_points(left: Sequence[Ext], right: Sequence[Ext]) -> Ext:
    """eq of two points of the same dimension."""
    result = one()
    for a, b in zip(left, right, strict=True):
        result = result * eq_coordinate(a, b)
    return result


def eq_coordinate(a: Ext, b: Ext) -> Ext:
    """a b + (1 - a)(1 - b)."""
    product = a * b
    return product + product - a - b + 1


def eq_table(point: Sequence[Ext]) -> list[Ext]:
    """eq(point, b) for all b."""
    table = [one()]
    for coordinate in point:
        upper = [entry * coordinate for entry in table]
        table = [entry - high for entry, high in zip(table, upper, strict=True)] + upper
    return table


def power_weight(base: Ext | int, point: Sequence[Ext]) -> Ext:
    """The multilinear extension of b -> base^b at the point: product of 1 - R_i + R_i base^(2^i)."""
    result = one()
    for coordinate in point:
        result = result * (coordinate * (base - 1) + 1)
        base = base * base % P if isinstance(base, int) else base * base
    return result


def evaluate_multilinear(values: Sequence[Ext], point: Sequence[Ext]) -> Ext:
    """The multilinear extension of a table at the point."""
    result = zero()
    for value, weight in zip(values, eq_table(point), strict=True):
        result = result + value * weight
    return result


def evaluate_univariate(coefficients: Sequence[Ext], x: int) -> Ext:
    """Horner at a base point."""
    result = zero()
    for coefficient in reversed(coefficients):
        result = result * x + coefficient
    return result


def next_weighted_claim(claim: Ext, coordinate: Ext, message: Sequence[Ext], challenge: Ext) -> Ext:
    """h(r) of an eq-weighted round with message (d, e2[, e3]): h = a + dX + e2(X^2 - X) + e3(X^3 - X), a = c - x d.

    The verifier's claim c = (1 - x) h(0) + x h(1) fixes h(0) once d is sent, so a false claim has one message per polynomial.
    """
    slope, *higher = message
    result = claim - coordinate * slope + slope * challenge
    power = challenge
    for coefficient in higher:
        power = power * challenge
        result = result + coefficient * (power - challenge)
    return result


def next_plain_claim(claim: Ext, message: Sequence[Ext], challenge: Ext) -> Ext:
    """h(r) of a plain round with message (c0, c2), where h(0) + h(1) is the claim."""
    constant, square = message
    at_one = claim - constant
    return constant + challenge * (at_one - constant - square + square * challenge)
