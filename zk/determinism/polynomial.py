"""Polynomials over F in the variables of a row, and what integer intervals say about their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zk.air.expression import P

Monomial = tuple[int, ...]  # variable numbers, sorted, with repetition
Polynomial = dict[Monomial, int]  # coefficients mod p, non-zero
Interval = tuple[int, int]  # inclusive

_SCALE_LOG_MAX = 16


def constant(value: int) -> Polynomial:
    """The constant polynomial."""
    return {(): value % P} if value % P else {}


def variable(number: int) -> Polynomial:
    """The polynomial of one variable."""
    return {(number,): 1}


def combine(left: Polynomial, right: Polynomial, factor: int = 1) -> Polynomial:
    """left + factor * right."""
    result = dict(left)
    for monomial, coefficient in right.items():
        value = (result.get(monomial, 0) + factor * coefficient) % P
        if value:
            result[monomial] = value
        else:
            result.pop(monomial, None)
    return result


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """left * right."""
    result: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            monomial = tuple(sorted(a + b))
            result[monomial] = (result.get(monomial, 0) + x * y) % P
    return {monomial: coefficient for monomial, coefficient in result.items() if coefficient}


def constant_value(polynomial: Polynomial) -> int | None:
    """The value of a constant polynomial; None for others."""
    if not polynomial:
        return 0
    return polynomial[()] if set(polynomial) == {()} else None


def variables_of(polynomial: Polynomial) -> set[int]:
    """Variables that occur."""
    return {number for monomial in polynomial for number in monomial}


def is_affine(polynomial: Polynomial) -> bool:
    """Whether no monomial has more than one variable."""
    return all(len(monomial) <= 1 for monomial in polynomial)


def shifted_variable(polynomial: Polynomial) -> tuple[int, int, int] | None:
    """(variable, sign, offset) where the polynomial is offset + sign * variable with sign +1 or -1."""
    linear = [monomial for monomial in polynomial if monomial]
    if len(linear) != 1 or len(linear[0]) != 1 or polynomial[linear[0]] not in (1, P - 1):
        return None
    sign = 1 if polynomial[linear[0]] == 1 else -1
    return linear[0][0], sign, centred(polynomial.get((), 0))


def centred(value: int) -> int:
    """The representative of a residue in (-p/2, p/2)."""
    value %= P
    return value if value <= P // 2 else value - P


def monomial_interval(monomial: Monomial, ranges: Mapping[int, Interval]) -> Interval:
    """Bounds of a product of variables."""
    low, high = 1, 1
    for number in monomial:
        ends = [x * y for x in (low, high) for y in ranges[number]]
        low, high = min(ends), max(ends)
    return low, high


def sum_interval(terms: Iterable[tuple[int, Interval]]) -> Interval:
    """Bounds of a sum of coefficient * [low, high]."""
    low = high = 0
    for coefficient, (a, b) in terms:
        low += min(coefficient * a, coefficient * b)
        high += max(coefficient * a, coefficient * b)
    return low, high


def balanced(polynomial: Polynomial, ranges: Mapping[int, Interval]) -> dict[Monomial, int]:
    """A non-zero multiple of the polynomial with centred coefficients that make its range over the integers small.

    A polynomial vanishes mod p exactly where this one does; the smaller the range, the fewer multiples of p it can be.
    """
    widths = {m: max(1, *(abs(end) for end in monomial_interval(m, ranges))) for m in polynomial}
    best: dict[Monomial, int] = {m: centred(c) for m, c in polynomial.items()}
    best_cost = sum(abs(c) * widths[m] for m, c in best.items())
    for pivot in {centred(c) for c in polynomial.values()}:
        inverse = pow(pivot, -1, P)
        for log in range(_SCALE_LOG_MAX + 1):
            scale = (inverse << log) % P
            scaled = {m: centred(c * scale) for m, c in polynomial.items()}
            cost = sum(abs(c) * widths[m] for m, c in scaled.items())
            if cost < best_cost:
                best, best_cost = scaled, cost
    return best
