"""The opening weights of all column claims at the point R, without a term for each column (proof system, section 9.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zk.field import Ext, one, zero
from zk.multilinear.polynomial import eq_coordinate, eq_index, power_weight


@dataclass(frozen=True, slots=True)
class ColumnRun:
    """Adjacent columns of one height: offset of the first, number, number of the first in the claim order (from 1)."""

    offset: int
    log_height: int
    count: int
    first_claim: int


def column_runs(columns: Sequence[tuple[int, int]]) -> list[ColumnRun]:
    """Groups (offset, log_height) in claim order into runs."""
    runs: list[ColumnRun] = []
    for number, (offset, log_height) in enumerate(columns, start=1):
        last = runs[-1] if runs else None
        if last and last.log_height == log_height and last.offset + (last.count << log_height) == offset:
            runs[-1] = ColumnRun(last.offset, log_height, last.count + 1, last.first_claim)
        else:
            runs.append(ColumnRun(offset, log_height, 1, number))
    return runs


def column_weight(runs: Sequence[ColumnRun], point: Sequence[Ext], gamma: Ext, opening: Sequence[Ext]) -> Ext:
    """W(R) = sum over columns m of gamma^m eq(off_m >> h, R[h..)) eq(r[0..h), R[0..h)).

    `point` is r, `opening` is R.
    """
    prefix = [one()]
    for a, b in zip(point, opening, strict=False):
        prefix.append(prefix[-1] * eq_coordinate(a, b))
    result = zero()
    for run in runs:
        upper = opening[run.log_height :]
        selectors = zero()
        for start, log_length in _dyadic_blocks(run.offset >> run.log_height, run.count):
            power = gamma ** (run.first_claim + start - (run.offset >> run.log_height))
            block = eq_index(upper[log_length:], start >> log_length) * power_weight(gamma, upper[:log_length])
            selectors = selectors + power * block
        result = result + selectors * prefix[run.log_height]
    return result


def _dyadic_blocks(start: int, count: int) -> Iterator[tuple[int, int]]:
    """Aligned blocks (start, log2 length) that make up [start, start + count)."""
    end = start + count
    while start < end:
        log_length = (end - start).bit_length() - 1
        if start:
            log_length = min(log_length, (start & -start).bit_length() - 1)
        yield start, log_length
        start += 1 << log_length
