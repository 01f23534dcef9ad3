"""All perturbations of one chip, and what became of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tests.soundness.columns.conditions import holds
from tests.soundness.columns.field import PRIME, Mask
from tests.soundness.columns.free import FREE, Free
from tests.soundness.columns.judge import ColumnJudge, Verdict
from tests.soundness.columns.perturbations import (
    Effort,
    Perturbation,
    exchanges_of_rows,
    is_active,
    named_columns,
    sample_rows,
    single_changes,
)
from tests.soundness.columns.relations import chained_changes, paired_changes
from tests.soundness.vm.witness import Witness

PADDING = "padding"


@dataclass(slots=True)
class ColumnTally:
    """What happened to the perturbations counted for one column: tried, refused by which rule, accepted for which reason."""

    tried: int = 0
    refused: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    free: Counter[Free | str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """An accepted change that no entry of the table covers."""

    chip: str
    columns: tuple[str, ...]
    row: int
    values: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        changes = ", ".join(
            f"{name}: {old} -> {new}" for name, (old, new) in zip(self.columns, self.values, strict=True)
        )
        return f"{self.chip} row {self.row}: {changes}"


@dataclass(slots=True)
class ChipSweep:
    """Result for one chip."""

    chip: str
    rows: int
    padding: int
    columns: dict[str, ColumnTally]
    unexplained: list[Unexplained] = field(default_factory=list)

    @property
    def used(self) -> set[Free]:
        """The entries that explained something."""
        return {entry for tally in self.columns.values() for entry in tally.free if isinstance(entry, Free)}


def entries_of(chip: str) -> list[Free]:
    """The entries of the table for a chip."""
    return [entry for entry in FREE if entry.chip == chip]


def sweep_chip(witness: Witness, chip: str, effort: Effort) -> ChipSweep:
    """Perturbs rows of every kind of a chip in every way."""
    return _Sweeper(witness, chip, effort).run()


class _Sweeper:
    def __init__(self, witness: Witness, chip: str, effort: Effort) -> None:
        self._effort, self._entries = effort, entries_of(chip)
        rows = sample_rows(witness, chip, [entry.condition for entry in self._entries], effort.rows_max)
        self._judge = ColumnJudge(witness, chip, rows)
        self._names = self._judge.chip.main
        self._active = is_active(witness, chip)[rows]
        columns = {name: values[rows] for name, values in named_columns(witness, chip).items()}
        self._holds = {entry: holds(entry.condition, columns) for entry in self._entries}
        padding = int((~self._active).sum())
        self._result = ChipSweep(chip, len(rows) - padding, padding, {name: ColumnTally() for name in self._names})

    def run(self) -> ChipSweep:
        for change in single_changes(self._judge, self._effort):
            verdict = self._judge.judge(change.changes)
            self._count(change, verdict, verdict.refused)
        for change, partner in exchanges_of_rows(self._judge, self._effort):
            verdict = self._judge.judge(change.changes)
            self._count(change, verdict, _refused_together(verdict, partner))
        together = (paired_changes(self._judge, self._effort), chained_changes(self._judge, self._effort))
        for change in chain.from_iterable(together):
            if change.tried.any():
                verdict = self._judge.judge(change.changes)
                self._count(change, verdict, verdict.refused)
        return self._result

    def _count(self, change: Perturbation, verdict: Verdict, refused: Mask) -> None:
        tally = self._result.columns[self._names[change.first]]
        tally.tried += int(change.tried.sum())
        tally.refused += int((refused & change.tried).sum())
        rules = [*verdict.rules.items(), *((f"bus {bus}", verdict.unbalanced(bus)) for bus in verdict.sums)]
        for rule, mask in rules:
            count = int((mask & change.tried).sum())
            if count:
                tally.rules[rule] += count
        self._explain(change, ~refused & change.tried, tally)

    def _explain(self, change: Perturbation, accepted: Mask, tally: ColumnTally) -> None:
        """Gives each accepted change its reason, by the set of columns that differ."""
        for at in np.argwhere(accepted):
            row = int(at[1])
            differing = [
                column
                for column, values in change.changes.items()
                if np.broadcast_to(values, accepted.shape)[tuple(at)] != self._judge.main[column][row]
            ]
            names = {self._names[column] for column in differing}
            reasons = self._reasons(names, row)
            if reasons:
                tally.free.update(reasons)
                continue
            old_new = tuple(
                (int(self._judge.main[c][row]), int(np.broadcast_to(change.changes[c], accepted.shape)[tuple(at)]))
                for c in differing
            )
            columns = tuple(self._names[c] for c in differing)
            self._result.unexplained.append(
                Unexplained(self._judge.chip.name, columns, int(self._judge.rows[row]), old_new)
            )

    def _reasons(self, names: set[str], row: int) -> list[Free | str]:
        """Entries that together cover exactly the changed columns on this row; none if they do not."""
        if not self._active[row]:
            return [] if names & set(self._judge.chip.selectors) else [PADDING]
        fitting: list[Free | str] = [
            entry for entry in self._entries if set(entry.columns) <= names and self._holds[entry][row]
        ]
        covered = {name for entry in fitting if isinstance(entry, Free) for name in entry.columns}
        return fitting if covered == names else []


def _refused_together(verdict: Verdict, partner: NDArray[np.int64]) -> Mask:
    """Where a row or its partner breaks a rule, or both together leave a bus unbalanced."""
    broken = np.zeros(verdict.shape, bool)
    for mask in verdict.rules.values():
        broken |= mask
    refused: Mask = broken | np.take_along_axis(broken, partner, axis=1)
    for sums in verdict.sums.values():
        alone = partner == np.arange(verdict.shape[1])
        other = np.take_along_axis(sums, np.broadcast_to(partner, sums.shape), axis=2)
        together = (sums + np.where(alone, 0, other).astype(np.uint64)) % PRIME
        refused |= (together != 0).any(axis=0)
    return refused
