"""Conditions on rows, written as they are evaluated: `f_i = 1`, `hi3 = 0x7f00`, `k0 = 1 and b1 + i1 + 1 != 65536*k1`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zk.air.expression import P

Columns = Mapping[str, NDArray[np.uint64]]
Mask = NDArray[np.bool_]
_COMPARISON = re.compile(r"^(.+) (=|!=|<) (.+)$")
_TERM = re.compile(r"^(?:(\d+)\*)?(\w+)$")


class ConditionError(ValueError):
    """A condition that cannot be read."""


def holds(condition: str, columns: Columns) -> Mask:
    """Where a condition holds: comparisons joined by " and "; each side a sum of columns, multiples of columns and integers.

    Sums are integers, not field elements; a column at or above p/2 counts as negative. Raises ConditionError for another form
    or an unknown column.
    """
    masks = [_comparison(part, columns) for part in condition.split(" and ")]
    result: Mask = np.logical_and.reduce(masks)
    return result


def _comparison(text: str, columns: Columns) -> Mask:
    match = _COMPARISON.match(text)
    if match is None:
        raise ConditionError(f"condition {text!r}: expected `left op right`")
    left, right = _side(match[1], columns), _side(match[3], columns)
    masks: dict[str, Mask] = {"=": left == right, "!=": left != right, "<": left < right}
    return masks[match[2]]


def _side(text: str, columns: Columns) -> NDArray[np.int64]:
    result = np.zeros(len(next(iter(columns.values()))), np.int64)
    sign = 1
    for token in text.split(" "):
        if token in ("+", "-"):
            sign = 1 if token == "+" else -1
            continue
        result += sign * _term(token, columns)
    return result


def _term(text: str, columns: Columns) -> NDArray[np.int64]:
    match = _TERM.match(text)
    if match is None:
        raise ConditionError(f"condition: expected a column, a multiple of one or an integer, found {text!r}")
    scale = int(match[1] or 1)
    if match[2] in columns:
        values = columns[match[2]].astype(np.int64)
        return scale * np.where(values > P // 2, values - P, values)
    try:
        return np.array(scale * int(match[2], 0))
    except ValueError:
        raise ConditionError(f"condition: expected a column or an integer, found {match[2]!r}") from None
