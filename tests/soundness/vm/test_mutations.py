"""Selectors, whole rows and multiplicities changed: refused. Columns one by one are the business of tests/soundness/columns."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundness.vm.witness import CHIPS, RowJudge, full_witness, witness_for
from zk.air.expression import P

WITH_PADDING = [name for name in CHIPS if name != "IMG"]
Rows = NDArray[np.int64]


@cache
def _sample(chip: str) -> Rows:
    witness = witness_for(chip)
    rows = np.flatnonzero(witness.preprocessed["IMG"][3]) if chip == "IMG" else witness.real_rows(chip)
    return rows if len(rows) <= 50 else np.sort(np.random.default_rng(3).choice(rows, 50, replace=False))


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
