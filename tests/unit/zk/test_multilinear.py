"""Weights, virtual columns and round polynomials against brute force."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from zk.air.chip import VIRTUAL_KINDS
from zk.field import Ext, P, one, zero
from zk.multilinear.polynomial import (
    eq_index,
    eq_points,
    eq_table,
    evaluate_multilinear,
    evaluate_univariate,
    next_plain_claim,
    next_weighted_claim,
    power_weight,
)
from zk.multilinear.virtual import LOG_HEIGHT_MIN, evaluate_virtual, virtual_column
from zk.pcs.weights import column_runs, column_weight


def _point(rng: random.Random, dimension: int) -> list[Ext]:
    return [Ext.of([rng.randrange(P) for _ in range(5)]) for _ in range(dimension)]


@pytest.mark.parametrize("kind", VIRTUAL_KINDS)
def test_virtual_column_equals_its_multilinear_extension(kind: str) -> None:
    rng = random.Random(kind)
    height = max(LOG_HEIGHT_MIN.get(kind, 0), 6)
    entries = virtual_column(kind, height).tolist()
    corner = rng.randrange(1 << height)
    corner_point = [Ext.of(corner >> i & 1) for i in range(height)]
    assert evaluate_virtual(kind, corner_point) == Ext.of(entries[corner])
    if height <= 6:
        point = _point(rng, height)
        assert evaluate_virtual(kind, point) == evaluate_multilinear([Ext.of(entry) for entry in entries], point)


@pytest.mark.parametrize("kind", ["BYTE_X", "BYTE_Y", "BYTE_AND"])
def test_byte_columns_equal_their_extension_at_every_line_through_corners(kind: str) -> None:
    entries = virtual_column(kind, 16).tolist()
    rng = random.Random(kind)
    for _ in range(50):
        corner, bit = rng.randrange(1 << 16), rng.randrange(16)
        point = [Ext.of(corner >> i & 1) for i in range(16)]
        x = point[bit] = _point(rng, 1)[0]
        low, high = entries[corner & ~(1 << bit)], entries[corner | 1 << bit]
        assert evaluate_virtual(kind, point) == x * (high - low) + low


def test_unknown_kind_and_low_table_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        virtual_column("SQUARES", 4)
    with pytest.raises(ValueError, match="at least 2\\^16"):
        evaluate_virtual("BYTE_AND", _point(random.Random(1), 15))


def test_eq_and_power_weights_equal_their_tables() -> None:
    rng = random.Random(11)
    point, other, base = _point(rng, 5), _point(rng, 5), rng.randrange(P)
    table = eq_table(point)
    assert table == [eq_index(point, b) for b in range(32)]
    assert eq_points(point, other) == evaluate_multilinear(table, other)
    powers = [Ext.of(pow(base, b, P)) for b in range(32)]
    assert power_weight(base, point) == evaluate_multilinear(powers, point)
    assert power_weight(other[0], point) == evaluate_multilinear([other[0] ** b for b in range(32)], point)


def test_horner_equals_the_sum_of_powers() -> None:
    rng = random.Random(12)
    coefficients, x = _point(rng, 7), rng.randrange(P)
    expected = zero()
    for i, coefficient in enumerate(coefficients):
        expected = expected + coefficient * pow(x, i, P)
    assert evaluate_univariate(coefficients, x) == expected


@pytest.mark.parametrize("degree", [2, 3])
def test_weighted_round_continues_every_polynomial_of_its_degree(degree: int) -> None:
    rng = random.Random(degree)
    h, coordinate, challenge = _point(rng, degree + 1), *_point(rng, 2)

    def value(x: Ext) -> Ext:
        result = zero()
        for coefficient in reversed(h):
            result = result * x + coefficient
        return result

    claim = (1 - coordinate) * value(zero()) + coordinate * value(one())
    message = [value(one()) - value(zero()), *h[2:]]
    assert next_weighted_claim(claim, coordinate, message, challenge) == value(challenge)


def test_plain_round_continues_every_square() -> None:
    c0, c1, c2, challenge = _point(random.Random(4), 4)
    claim = c0 + c0 + c1 + c2
    assert next_plain_claim(claim, [c0, c2], challenge) == c0 + challenge * (c1 + c2 * challenge)


def _naive_weight(columns: Sequence[tuple[int, int]], point: Sequence[Ext], gamma: Ext, opening: Sequence[Ext]) -> Ext:
    result = zero()
    for m, (offset, height) in enumerate(columns, start=1):
        upper = eq_index(opening[height:], offset >> height)
        result = result + gamma**m * upper * eq_points(point[:height], opening[:height])
    return result


@pytest.mark.parametrize("seed", range(20))
def test_dyadic_weight_equals_the_naive_sum(seed: int) -> None:
    rng = random.Random(seed)
    n, columns, offset = 9, [], 0
    for height in sorted((rng.randrange(0, 6) for _ in range(rng.randrange(1, 12))), reverse=True):
        if rng.random() < 0.2:  # a gap, as between two trees
            offset += 1 << height
        columns.append((offset, height))
        offset += 1 << height
    point, opening, gamma = _point(rng, 6), _point(rng, n), _point(rng, 1)[0]
    runs = column_runs(columns)
    assert sum(run.count for run in runs) == len(columns)
    assert column_weight(runs, point, gamma, opening) == _naive_weight(columns, point, gamma, opening)
