"""Every column of every chip: a changed value is refused, or the column is listed here with the reason why it is free."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundness.vm.witness import CHIPS, RowJudge, Witness, full_witness, witness_for
from zk.air.expression import P

WITH_PADDING = [name for name in CHIPS if name != "IMG"]
Rows = NDArray[np.int64]
Free = Callable[[Witness, Rows], NDArray[np.bool_]]


def _immediate(chip: str) -> Free:
    return lambda witness, rows: witness.column(chip, "f_i")[rows] == 1


def _highest_limb(column: str) -> Free:
    chip, prefix = ("PATH_H", "hi" + column[1:]) if column.startswith("e") else ("P2", column[:-1] + "hi")
    return lambda witness, rows: witness.column(chip, prefix)[rows] == 0x7F00


def _always(witness: Witness, rows: Rows) -> NDArray[np.bool_]:
    return np.ones(len(rows), bool)


def _division_by_zero(witness: Witness, rows: Rows) -> NDArray[np.bool_]:
    return witness.column("DIV", "cz")[rows] == 1


def _flag(chip: str, flag: str, value: int) -> Free:
    return lambda witness, rows: witness.column(chip, flag)[rows] == value


# Rows on which another value of a column is as good: none of these reaches a bus.
FREE: dict[tuple[str, str], Free] = {
    # t2 of immediate forms: rs2 is not read.
    **{(chip, "t2"): _immediate(chip) for chip in ("LOGIC", "CMP", "SHIFT")},
    # n shifts 2^14 between the two parts of an address; the address stays.
    **{(chip, "n"): _always for chip in ("LW", "SW", "LOADSUB", "STORESUB")},
    # Witnesses of inequality: only a sum (b - c) v = 1 counts, and equal limbs hide their v.
    ("BEQ", "v0"): _always,
    ("BEQ", "v1"): _always,
    ("BEQZ", "v"): _flag("BEQZ", "z", 1),
    # With a zero divisor neither the sign of q nor the slack of |r| < |c| says anything.
    **{("DIV", name): _division_by_zero for name in ("sq", "g0", "g1", "nu")},
    # (w, x) and y are not unique; the address is.
    ("ZERO", "y"): _always,
    # hi = 0x7f00 leaves e free: 0 = e * 0.
    **{("P2", f"{kind}{i}_e"): _highest_limb(f"{kind}{i}_e") for kind in ("in", "out") for i in range(16)},
    **{("PATH_H", f"e{i}"): _highest_limb(f"e{i}") for i in range(16)},
    # Words that base mode skips, and initial values that are not used.
    **{("DOT", f"{name}_a{i}"): _flag("DOT", "base", 1) for name in "td" for i in range(1, 5)},
    **{("DOT", f"a{i}_e"): _flag("DOT", "base", 1) for i in range(1, 5)},
    **{("DOT_H", f"old_e{i}"): _flag("DOT_H", "init", 0) for i in range(5)},
}


@cache
def _sample(chip: str) -> Rows:
    witness = witness_for(chip)
    rows = np.flatnonzero(witness.preprocessed["IMG"][3]) if chip == "IMG" else witness.real_rows(chip)
    return rows if len(rows) <= 50 else np.sort(np.random.default_rng(3).choice(rows, 50, replace=False))


@pytest.mark.parametrize("chip", CHIPS)
def test_changed_column_is_refused_or_free_for_a_listed_reason(chip: str) -> None:
    witness, rows = witness_for(chip), _sample(chip)
    judge, base = RowJudge(witness, chip), witness.traces[chip]
    rng = np.random.default_rng(11)
    at, changed, owner = [], [], []
    for number in range(len(judge.chip.main)):
        old = base[number, rows].astype(np.int64)
        values = [(old + 1) % P, (old - 1) % P, rng.integers(0, P, len(rows)), rng.integers(0, 2, len(rows))]
        block = np.tile(base[:, rows], len(values))
        block[number] = np.concatenate(values)
        moved = block[number] != np.tile(old, len(values))
        at.append(np.tile(rows, len(values))[moved])
        changed.append(block[:, moved])
        owner.append(np.full(int(moved.sum()), number))
    every_row, every_owner = np.concatenate(at), np.concatenate(owner)
    refused = judge.refusals(every_row, np.concatenate(changed, axis=1))
    for number, name in enumerate(judge.chip.main):
        own = every_owner == number
        free = FREE[chip, name](witness, every_row[own]) if (chip, name) in FREE else np.zeros(int(own.sum()), bool)
        accepted = every_row[own][~refused[own] & ~free]
        assert own.any() and not len(accepted), f"{chip}.{name}: a change on rows {accepted[:5]} was not noticed"


@pytest.mark.parametrize("chip", WITH_PADDING)
@pytest.mark.parametrize("value", [2, P - 1])
def test_selector_two_or_minus_one_is_refused(chip: str, value: int) -> None:
    witness = witness_for(chip)
    judge = RowJudge(witness, chip)
    for selector in judge.chip.selectors:
        number = judge.chip.main.index(selector)
        padding = np.flatnonzero(~witness.traces[chip][number].astype(bool))[-1:]
        for row in (int(_sample(chip)[0]), int(padding[0])):
            changed = witness.traces[chip][:, row].copy()
            changed[number] = value
            assert judge.is_refused(row, changed), f"{chip}.{selector} = {value} on row {row}"


@pytest.mark.parametrize("chip", WITH_PADDING)
def test_deleted_and_duplicated_rows_are_refused(chip: str) -> None:
    original = witness_for(chip).copy()
    if len(original.real_rows(chip)) == original.traces[chip].shape[1]:
        original.traces[chip] = np.concatenate([original.traces[chip], 0 * original.traces[chip]], axis=1)
    row, free_row = (
        int(_sample(chip)[-1]),
        int(np.setdiff1d(np.arange(original.traces[chip].shape[1]), original.real_rows(chip))[0]),
    )
    deleted = original.copy()
    deleted.traces[chip][:, row] = deleted.traces[chip][:, free_row]
    assert deleted.violations()
    duplicated = original.copy()
    duplicated.traces[chip][:, free_row] = duplicated.traces[chip][:, row]
    assert duplicated.violations()


@pytest.mark.parametrize(
    ("chip", "column"),
    [*(("T16", name) for name in ("m_r16", "m_u8p", "m_and", "m_or", "m_xor")), ("T5", "m"), ("ROM", "m")],
)
@pytest.mark.parametrize("change", [1, P - 1])
def test_lookup_multiplicity_off_by_one_is_refused(chip: str, column: str, change: int) -> None:
    witness = full_witness().copy()
    values = witness.column(chip, column)
    values[3] = (int(values[3]) + change) % P
    assert witness.violations(free_lookups=False)


def test_unchanged_witness_is_accepted() -> None:
    assert full_witness().violations(free_lookups=False) == []
    for chip in CHIPS:
        witness, rows = witness_for(chip), _sample(chip)
        assert not RowJudge(witness, chip).refusals(rows, witness.traces[chip][:, rows]).any()
