"""The extension E = F[X] / (X^5 + X^2 - 1) on Python integers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from zk.field.koalabear import P, inverse

DEGREE = 5
Coefficients = tuple[int, int, int, int, int]


class Ext:
    """An element of E; `c` holds the canonical coefficients, lowest degree first. Immutable, hashable."""

    __slots__ = ("c",)

    def __init__(self, c: Coefficients) -> None:
        self.c = c

    @staticmethod
    def of(value: int | Sequence[int]) -> Ext:
        """An element from a base element or from five coefficients, reduced mod p."""
        if isinstance(value, int):
            return Ext((value % P, 0, 0, 0, 0))
        c0, c1, c2, c3, c4 = (int(x) % P for x in value)
        return Ext((c0, c1, c2, c3, c4))

    def __add__(self, other: Ext | int) -> Ext:
        a0, a1, a2, a3, a4 = self.c
        if isinstance(other, int):
            return Ext(((a0 + other) % P, a1, a2, a3, a4))
        b0, b1, b2, b3, b4 = other.c
        return Ext(((a0 + b0) % P, (a1 + b1) % P, (a2 + b2) % P, (a3 + b3) % P, (a4 + b4) % P))

    __radd__ = __add__

    def __sub__(self, other: Ext | int) -> Ext:
        a0, a1, a2, a3, a4 = self.c
        if isinstance(other, int):
            return Ext(((a0 - other) % P, a1, a2, a3, a4))
        b0, b1, b2, b3, b4 = other.c
        return Ext(((a0 - b0) % P, (a1 - b1) % P, (a2 - b2) % P, (a3 - b3) % P, (a4 - b4) % P))

    def __rsub__(self, other: int) -> Ext:
        return -self + other

    def __neg__(self) -> Ext:
        a0, a1, a2, a3, a4 = self.c
        return Ext((-a0 % P, -a1 % P, -a2 % P, -a3 % P, -a4 % P))

    def __mul__(self, other: Ext | int) -> Ext:
        a0, a1, a2, a3, a4 = self.c
        if isinstance(other, int):
            return Ext((a0 * other % P, a1 * other % P, a2 * other % P, a3 * other % P, a4 * other % P))
        b0, b1, b2, b3, b4 = other.c
        # X^5 = 1 - X^2, X^6 = X - X^3, X^7 = X^2 - X^4, X^8 = X^3 + X^2 - 1
        c5 = a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1
        c6 = a2 * b4 + a3 * b3 + a4 * b2
        c7 = a3 * b4 + a4 * b3
        c8 = a4 * b4
        return Ext(
            (
                (a0 * b0 + c5 - c8) % P,
                (a0 * b1 + a1 * b0 + c6) % P,
                (a0 * b2 + a1 * b1 + a2 * b0 - c5 + c7 + c8) % P,
                (a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 - c6 + c8) % P,
                (a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0 - c7) % P,
            )
        )

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Ext:
        if exponent < 0:
            return self.inverse() ** -exponent
        result, base = one(), self
        while exponent:
            if exponent & 1:
                result = result * base
            base = base * base
            exponent >>= 1
        return result

    def frobenius(self, power: int = 1) -> Ext:
        """self^(p^power)."""
        images = _frobenius_images(power % DEGREE)
        result = zero()
        for coefficient, image in zip(self.c, images, strict=True):
            result = result + image * coefficient
        return result

    def inverse(self) -> Ext:
        """1 / self by the norm to the base field; raises ZeroDivisionError for 0."""
        conjugates = one()
        for power in range(1, DEGREE):
            conjugates = conjugates * self.frobenius(power)
        norm = (self * conjugates).c[0]
        return conjugates * inverse(norm)

    def __truediv__(self, other: Ext) -> Ext:
        return self * other.inverse()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ext) and self.c == other.c

    def __hash__(self) -> int:
        return hash(self.c)

    def __repr__(self) -> str:
        return f"Ext({self.c})"

    @property
    def is_zero(self) -> bool:
        """Whether this is 0."""
        return self.c == (0, 0, 0, 0, 0)


_ZERO = Ext((0, 0, 0, 0, 0))
_ONE = Ext((1, 0, 0, 0, 0))


def zero() -> Ext:
    """0."""
    return _ZERO


def one() -> Ext:
    """1."""
    return _ONE


@cache
def _frobenius_images(power: int) -> tuple[Ext, ...]:
    """X^(j p^power) for j = 0..4."""
    image = Ext((0, 1, 0, 0, 0)) ** (P**power)
    return tuple(image**j for j in range(DEGREE))


def powers(base: Ext, count: int, first: Ext | None = None) -> list[Ext]:
    """first * base^i for i < count; first = 1 where not given."""
    result: list[Ext] = []
    current = one() if first is None else first
    for _ in range(count):
        result.append(current)
        current = current * base
    return result
