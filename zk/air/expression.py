"""Polynomial expressions over the columns of one row of a chip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

P = 2**31 - 2**24 + 1
ExprLike = Union["Expr", int]


@dataclass(frozen=True, slots=True, eq=False)
class Expr:
    """A polynomial over F: built with + - * from columns and integers. Compared by identity, shared freely (a DAG)."""

    op: str  # "const" | "column" | "add" | "sub" | "mul"
    value: int = 0  # const: canonical value; column: number
    left: Expr | None = field(default=None, repr=False)  # a DAG printed as a tree would be exponential
    right: Expr | None = field(default=None, repr=False)
    degree: int = 0

    def __add__(self, other: ExprLike) -> Expr:
        return _binary("add", self, as_expr(other))

    def __radd__(self, other: ExprLike) -> Expr:
        return _binary("add", as_expr(other), self)

    def __sub__(self, other: ExprLike) -> Expr:
        return _binary("sub", self, as_expr(other))

    def __rsub__(self, other: ExprLike) -> Expr:
        return _binary("sub", as_expr(other), self)

    def __mul__(self, other: ExprLike) -> Expr:
        return _binary("mul", self, as_expr(other))

    def __rmul__(self, other: ExprLike) -> Expr:
        return _binary("mul", as_expr(other), self)

    def __neg__(self) -> Expr:
        return _binary("sub", ZERO, self)

    def __truediv__(self, divisor: int) -> Expr:
        """Exact division by a non-zero constant of the field."""
        return self * pow(divisor % P, -1, P)

    @property
    def is_zero(self) -> bool:
        """Whether this is the literal constant 0."""
        return self.op == "const" and self.value == 0


def const(value: int) -> Expr:
    """The constant `value` mod p."""
    return Expr("const", value % P)


def as_expr(value: ExprLike) -> Expr:
    """An expression as it is, an integer as a constant."""
    return value if isinstance(value, Expr) else const(value)


def column(number: int) -> Expr:
    """The column with this number in the chip (main, then preprocessed, then virtual)."""
    return Expr("column", number, degree=1)


def total(terms: Iterable[ExprLike]) -> Expr:
    """Sum of the terms."""
    result: Expr = ZERO
    for term in terms:
        result = result + term
    return result


def _binary(op: str, left: Expr, right: Expr) -> Expr:
    """Builds a node; folds constants and drops neutral elements."""
    if left.op == "const" and right.op == "const":
        a, b = left.value, right.value
        return const(a + b if op == "add" else a - b if op == "sub" else a * b)
    if op == "add" and left.is_zero:
        return right
    if op in ("add", "sub") and right.is_zero:
        return left
    if op == "mul":
        if left.is_zero or right.is_zero:
            return ZERO
        if left.op == "const" and left.value == 1:
            return right
        if right.op == "const" and right.value == 1:
            return left
    degree = left.degree + right.degree if op == "mul" else max(left.degree, right.degree)
    return Expr(op, 0, left, right, degree)


ZERO = Expr("const", 0)
ONE = Expr("const", 1)
