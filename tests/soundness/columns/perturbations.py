"""How rows are changed: which rows, which values, which swaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.soundness.columns.conditions import holds
from tests.soundness.columns.draw import Draw
from tests.soundness.columns.field import PRIME, U64, Mask
from tests.soundness.columns.judge import ColumnJudge, Rows
from tests.soundness.columns.tables import fixed_columns
from tests.soundness.vm.witness import Witness
from zk.air.expression import P

HALF = pow(2, -16, P)  # a "carry" of this size moves a limb by one
_QUARTER = pow(4, -1, P)  # passes a scaled lookup that stands alone
STEPS = (1, -1, 1 << 8, -(1 << 8), 1 << 16, -(1 << 16), HALF, -HALF, _QUARTER)
_RANDOM_VALUES = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried: rows per chip (more where there are more kinds), swap partners per column, and of pairs and of chains as
    many as evaluate about this many nodes."""

    rows_max: int
    swap_partners: int
    nodes: int


STANDARD = Effort(rows_max=32, swap_partners=3, nodes=120_000)
EXTENDED = Effort(rows_max=128, swap_partners=16, nodes=1_000_000)


@dataclass(frozen=True, slots=True)
class Perturbation:
    """New values of some columns, shape (changes, rows); `first` is the column that the report counts it for."""

    first: int
    changes: dict[int, U64]
    tried: Mask


def named_columns(witness: Witness, chip: str) -> dict[str, U64]:
    """All columns of a chip by name."""
    found = witness.chip(chip)
    values = [*witness.traces[chip].astype(np.uint64), *fixed_columns(witness, found)]
    return dict(zip(found.column_names, values, strict=True))


def is_active(witness: Witness, chip: str) -> Mask:
    """Which rows have a selector set; every row of a table."""
    columns, selectors = named_columns(witness, chip), witness.chip(chip).selectors
    if not selectors:
        return np.ones(witness.traces[chip].shape[1], bool)
    result: Mask = np.any([columns[name] != 0 for name in selectors], axis=0)
    return result


def sample_rows(witness: Witness, chip: str, conditions: Sequence[str], rows_max: int) -> Rows:
    """Rows of every kind, and one row of padding last if there is any.

    Rows are of one kind if they agree in all columns that hold 0 and 1 only, and in the given conditions.
    """
    columns = named_columns(witness, chip)
    active = is_active(witness, chip)
    bits = [values for values in columns.values() if int(values.max()) <= 1]
    signs = [*bits, *(holds(condition, columns).astype(np.uint64) for condition in conditions)]
    signature = np.stack(signs) if signs else np.zeros((1, len(active)), np.uint64)
    draw, real = Draw(chip, "rows"), np.flatnonzero(active)
    order = real[draw.order(len(real))]
    _, kind = np.unique(signature[:, order], axis=1, return_inverse=True)
    turn = _turns(kind.ravel())
    count = max(rows_max, int((turn == 0).sum()))
    chosen = order[np.lexsort((draw.words(len(order)), turn))][:count]
    return np.concatenate([np.sort(chosen), np.flatnonzero(~active)[:1]])


def _turns(kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many earlier elements are of the same kind."""
    seen: dict[int, int] = {}
    turns = []
    for value in kind.tolist():
        seen[value] = seen.get(value, 0) + 1
        turns.append(seen[value] - 1)
    return np.array(turns, np.int64)


def single_changes(judge: ColumnJudge, effort: Effort) -> Iterator[Perturbation]:
    """Every column moved, negated, flipped, drawn anew; and swapped with other columns of its row."""
    draw = Draw(judge.chip.name, "values")
    for number, old in enumerate(judge.main):
        moved = [(old + np.uint64(step % P)) % PRIME for step in STEPS]
        moved += [(PRIME - old) % PRIME, (PRIME + np.uint64(1) - old) % PRIME]
        moved += [draw.elements(len(old)) for _ in range(_RANDOM_VALUES)]
        values = np.stack(moved)
        yield Perturbation(number, {number: values}, values != old)
        partners = [other for other in draw.order(len(judge.main)).tolist() if other != number]
        for other in partners[: effort.swap_partners]:
            swapped = {number: judge.main[other][None], other: old[None]}
            yield Perturbation(number, swapped, (judge.main[other] != old)[None])


def exchanges_of_rows(judge: ColumnJudge, effort: Effort) -> Iterator[tuple[Perturbation, NDArray[np.int64]]]:
    """Every column exchanged between pairs of rows, with the partner of each row (itself where it has none)."""
    draw = Draw(judge.chip.name, "exchanges")
    count = len(judge.rows)
    for number, old in enumerate(judge.main):
        shuffles = [draw.order(count) for _ in range(effort.swap_partners)]
        partner = np.tile(np.arange(count), (len(shuffles), 1))
        for own, order in zip(partner, shuffles, strict=True):
            half = count // 2
            own[order[:half]], own[order[half : 2 * half]] = order[half : 2 * half], order[:half]
        yield Perturbation(number, {number: old[partner]}, old[partner] != old), partner
