"""Integer arithmetic of the rules (section 1): the rounding is in the name."""

from __future__ import annotations

MILLION = 1_000_000
FINE = 256  # fine units of one tick


def ceil_div(a: int, b: int) -> int:
    """a / b toward plus infinity, b > 0."""
    return -(-a // b)


def trunc_div(a: int, b: int) -> int:
    """a / b toward zero, b > 0."""
    return a // b if a >= 0 else -(-a // b)


def mul_div_floor(a: int, b: int, c: int) -> int:
    """a * b / c toward minus infinity, c > 0."""
    return a * b // c


def mul_div_ceil(a: int, b: int, c: int) -> int:
    """a * b / c toward plus infinity, c > 0."""
    return ceil_div(a * b, c)


def mul_div_trunc(a: int, b: int, c: int) -> int:
    """a * b / c toward zero, c > 0."""
    return trunc_div(a * b, c)


def clamp(x: int, low: int, high: int) -> int:
    """x, not below low and not above high."""
    return max(low, min(x, high))


def sign(x: int) -> int:
    """-1, 0 or 1."""
    return (x > 0) - (x < 0)
