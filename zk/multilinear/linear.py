"""Linear claims beside the zerocheck: the value of a multilinear form at another point, moved to the point of the zerocheck.

A claim is sum over x of eq(point, x) sum over chips of B_c(x[0..h_c)), each B_c an affine form in the columns of its chip. The form is
of degree 1 in every variable, so a round sends one slope: with h(X) = a + dX and the claim c = (1 - x) h(0) + x h(1), a = c - x d. All
claims and the zerocheck share the challenges r; at the end the column evaluations at r give the expected value. Section 15 needs
two: the leaves of the global fraction tree, and the evaluation that a boundary record names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu.reference import field
from gpu.reference.field import U64
from zk.field import Ext


@dataclass(frozen=True, slots=True)
class LinearClaim:
    """A form is said to have this value at the point."""

    point: tuple[Ext, ...]
    value: Ext


class LinearProver:
    """Prover of one claim. `tables`: one extension array (5, 2^h) for each chip, the values of its form on all rows."""

    def __init__(self, point: Sequence[Ext], tables: Sequence[U64]) -> None:
        self._point = [coordinate.c for coordinate in point]
        self._tables = list(tables)

    @property
    def variables(self) -> int:
        """Variables that are not bound yet."""
        return len(self._point)

    def round(self) -> Ext:
        """The slope of the highest variable. Chips of lower height are constant in it."""
        *lower, _ = self._point
        weights = field.eq_table(lower)
        total = np.zeros(5, dtype=np.uint64)
        for table in self._tables:
            if table.shape[1] == 2 * weights.shape[1]:
                low, high = table[:, : weights.shape[1]], table[:, weights.shape[1] :]
                total = field.add(total, field.ext_sum(field.ext_mul(weights, field.sub(high, low))))
        return Ext(field.value(total))

    def evaluate(self) -> Ext:
        """The value of the whole sum at the point."""
        total = np.zeros(5, dtype=np.uint64)
        for table in self._tables:
            weights = field.eq_table(self._point[: table.shape[1].bit_length() - 1])
            total = field.add(total, field.ext_sum(field.ext_mul(weights, table)))
        return Ext(field.value(total))

    def bind(self, challenge: Ext) -> None:
        """Binds that variable."""
        self._point.pop()
        rows = 1 << len(self._point)
        self._tables = [
            field.interpolate(table[:, :rows], table[:, rows:], challenge.c) if table.shape[1] == 2 * rows else table
            for table in self._tables
        ]


def affine_table(columns: U64, coefficients: Sequence[Ext], constant: Ext) -> U64:
    """constant + sum of coefficients[j] * columns[j] on all rows: base columns (count, rows) to an extension array (5, rows)."""
    planes = [np.full(columns.shape[1], c, dtype=np.uint64) for c in constant.c]
    for column, coefficient in zip(columns, coefficients, strict=True):
        planes = [
            (plane + column * np.uint64(c)) % field.MODULUS for plane, c in zip(planes, coefficient.c, strict=True)
        ]
    return np.stack(planes)
