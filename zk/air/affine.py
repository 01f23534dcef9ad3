"""Expressions as affine forms and as sums of monomials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zk.air.expression import ZERO, Expr, P
from zk.errors import AirError

Monomials = dict[tuple[int, ...], int]  # sorted column numbers with repetition -> non-zero coefficient


@dataclass(frozen=True, slots=True)
class AffineForm:
    """constant + sum of coefficients[column] * column; coefficients canonical and non-zero."""

    constant: int
    coefficients: Mapping[int, int]


def affine_form(expr: Expr) -> AffineForm:
    """The form of an expression of degree <= 1. Raises AirError for another degree."""
    if expr.degree > 1:
        raise AirError(f"expected an affine form, found degree {expr.degree}")
    known: dict[int, tuple[int, dict[int, int]]] = {}
    for node in postorder(expr):
        known[id(node)] = _affine_node(node, known)
    constant, coefficients = known[id(expr)]
    return AffineForm(constant, {column: c for column, c in coefficients.items() if c})


def _affine_node(node: Expr, known: dict[int, tuple[int, dict[int, int]]]) -> tuple[int, dict[int, int]]:
    if node.left is None or node.right is None:
        return (node.value, {}) if node.op == "const" else (0, {node.value: 1})
    (a, left), (b, right) = known[id(node.left)], known[id(node.right)]
    if node.op == "mul":
        scale, constant, form = (a, b, right) if not left else (b, a, left)
        return scale * constant % P, {column: scale * c % P for column, c in form.items()}
    sign = 1 if node.op == "add" else -1
    result = dict(left)
    for column, c in right.items():
        result[column] = (result.get(column, 0) + sign * c) % P
    return (a + sign * b) % P, result


def monomials(expr: Expr, limit: int = 20_000) -> Monomials:
    """The expanded polynomial. Raises AirError when it has more than `limit` terms."""
    known: dict[int, Monomials] = {}
    for node in postorder(expr):
        known[id(node)] = _expand_node(node, known, limit)
    return known[id(expr)]


def _expand_node(node: Expr, known: dict[int, Monomials], limit: int) -> Monomials:
    if node.left is None or node.right is None:
        if node.op == "const":
            return {(): node.value} if node.value else {}
        return {(node.value,): 1}
    left, right = known[id(node.left)], known[id(node.right)]
    if node.op == "mul":
        result: Monomials = {}
        for a, x in left.items():
            for b, y in right.items():
                key = tuple(sorted(a + b))
                result[key] = (result.get(key, 0) + x * y) % P
    else:
        sign = 1 if node.op == "add" else -1
        result = dict(left)
        for b, y in right.items():
            result[b] = (result.get(b, 0) + sign * y) % P
    if len(result) > limit:
        raise AirError(f"expression expands to more than {limit} terms")
    return {key: c for key, c in result.items() if c}


def substitute_zero(expr: Expr, columns: frozenset[int]) -> Expr:
    """The expression with these columns set to 0, constants folded."""
    zero = ZERO
    known: dict[int, Expr] = {}
    for node in postorder(expr):
        if node.left is None or node.right is None:
            known[id(node)] = zero if node.op == "column" and node.value in columns else node
            continue
        a, b = known[id(node.left)], known[id(node.right)]
        known[id(node)] = a + b if node.op == "add" else a - b if node.op == "sub" else a * b
    return known[id(expr)]


def columns_of(expr: Expr) -> set[int]:
    """Numbers of the columns that occur."""
    return {node.value for node in postorder(expr) if node.op == "column"}


def postorder(expr: Expr) -> list[Expr]:
    """Every node once, operands before their uses."""
    order: list[Expr] = []
    seen: set[int] = set()
    stack = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend((child, False) for child in (node.left, node.right) if child is not None)
    return order
