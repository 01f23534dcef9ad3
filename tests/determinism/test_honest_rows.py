"""The rows of an honest run satisfy the solver's questions, so that no proof is vacuous."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundness.vm.witness import full_witness, witness_for
from zk.air.chip import Chip
from zk.air.expression import P
from zk.determinism.cases import coded_columns
from zk.determinism.polynomial import combine, constant
from zk.determinism.proof import ChipProof, calls_of
from zk.determinism.question import Answer, Copy, Question

ROWS_PER_CASE = 2
LONGEST_CLAUSE = 12
CHIPS = [chip for chip in full_witness().machine.chips if chip.selectors]


def honest_rows(chip: Chip) -> dict[tuple[int, ...], NDArray[np.uint32]]:
    """For each assignment of the selectors that occurs, some rows (columns, n)."""
    witness = witness_for(chip.name)
    columns = witness.traces[chip.name]
    if chip.preprocessed:
        columns = np.concatenate([columns, witness.preprocessed[chip.name]])
    names = chip.column_names
    selectors = columns[[names.index(name) for name in chip.selectors]]
    cases = {tuple(case) for case in selectors.T.tolist() if any(case)}
    return {
        case: columns[:, np.flatnonzero((case == selectors.T).all(axis=1))[:ROWS_PER_CASE]] for case in sorted(cases)
    }


def ask_about(chip: Chip, values: list[int], changed: str | None = None) -> Answer:
    """Whether the question of the row's case admits these column values; `changed` is one more than it was."""
    proof = ChipProof(chip, calls_of(full_witness().machine))
    by_name = dict(zip(chip.column_names, values, strict=True))
    row = proof.row({name: by_name[name] for name in (*chip.selectors, *coded_columns(chip), *proof.statement.splits)})
    assert row.feasible
    if changed is not None:
        by_name[changed] = (by_name[changed] + 1) % P
    question, copy = Question(1_000_000), Copy(row, 0)
    # Long sums of full residues (Poseidon2) are slow for the solver, and the proofs use them by structure only.
    question.add_row(copy, [clause for clause in row.clauses if len(clause.variables()) <= LONGEST_CLAUSE])
    for name, value in by_name.items():
        if chip.column_names.index(name) not in row.witnesses:
            question.add(question.vanishes((1, combine(row.column(name), constant(value), -1), copy)))
    return question.check()


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_an_honest_row_answers_its_question(chip: Chip) -> None:
    rows = honest_rows(chip)
    assert rows
    for case, columns in rows.items():
        for values in columns.T.tolist():
            assert ask_about(chip, values) == "sat", (case, values)


@pytest.mark.parametrize(
    ("name", "column"), [("ADDI", "k0"), ("BEQ", "pc"), ("SHIFT", "m0"), ("DIV", "r0"), ("LOADSUB", "h")]
)
def test_a_changed_row_does_not(name: str, column: str) -> None:
    chip = next(chip for chip in CHIPS if chip.name == name)
    columns = next(iter(honest_rows(chip).values()))
    assert ask_about(chip, columns[:, 0].tolist(), column) == "unsat"
