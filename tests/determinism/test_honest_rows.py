"""Rows of honest runs satisfy the questions of every case of every chip: no case is proven from a contradiction.

One row is asked about for each case and each value of the split columns that occurs. Clauses with more than
`LONGEST_CLAUSE` variables are left out of the question (the rounds of Poseidon2, in P2 and PATH): long sums of full
residues are slow for the solver, and the proofs use them by structure. That honest rows satisfy these is what the
checks of traces show.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundness.columns.subject import patient_witness, rich_witness, shard_witnesses
from tests.soundness.vm.witness import Witness, full_witness, witness_for
from zk.air.check import virtual_column
from zk.air.chip import Chip
from zk.air.expression import P
from zk.determinism.cases import coded_columns
from zk.determinism.polynomial import combine, constant
from zk.determinism.proof import ChipProof
from zk.determinism.question import Answer, Copy, Question
from zk.determinism.report import calls, chips_without_cases, distinct_chips

LONGEST_CLAUSE = 24
CHIPS = [name for name in distinct_chips() if name not in chips_without_cases()]
Row = dict[str, int]  # column -> value


@cache
def witnesses() -> list[Witness]:
    """Runs in which together every case of every chip occurs."""
    return [full_witness(), witness_for("REFRESH"), rich_witness(), patient_witness(), *shard_witnesses()]


def columns_of(witness: Witness, chip: Chip) -> NDArray[np.uint64]:
    """All columns of the chip (columns, height): main, preprocessed and virtual."""
    main = witness.traces[chip.name]
    log_height = main.shape[1].bit_length() - 1
    fixed = witness.preprocessed.get(chip.name, np.zeros((0, main.shape[1]), np.uint32))
    virtual = [
        np.full(main.shape[1], witness.shard, np.uint64) if kind == "SHARD" else virtual_column(kind, log_height)
        for kind in chip.virtual
    ]
    return np.concatenate([main, fixed, *(column[None] for column in virtual)]).astype(np.uint64)


def honest_rows(chip: Chip) -> dict[tuple[int, ...], Row]:
    """The first row with each value of the columns that decide the case and its splits."""
    proof = ChipProof(chip, calls())
    deciding = [*chip.selectors, *coded_columns(chip), *proof.statement.splits]
    found: dict[tuple[int, ...], Row] = {}
    for witness in witnesses():
        if chip.name in witness.traces:
            columns = columns_of(witness, chip)
            keys = columns[[chip.column_names.index(name) for name in deciding]]
            _, first = np.unique(keys, axis=1, return_index=True)
            for at in first.tolist():
                values = dict(zip(chip.column_names, columns[:, at].tolist(), strict=True))
                if any(values[name] for name in chip.selectors):
                    found.setdefault(tuple(values[name] for name in deciding), values)
    return found


def ask_about(chip: Chip, values: Row, changed: str | None = None) -> Answer:
    """Whether the question of the row's case admits these column values; `changed` is one more than it was."""
    proof = ChipProof(chip, calls())
    row = proof.row({name: values[name] for name in (*chip.selectors, *coded_columns(chip), *proof.statement.splits)})
    assert row.feasible
    if changed is not None:
        values = {**values, changed: (values[changed] + 1) % P}
    question, copy = Question(1_000_000), Copy(row, 0)
    question.add_row(copy, [clause for clause in row.clauses if len(clause.variables()) <= LONGEST_CLAUSE])
    for name, value in values.items():
        if chip.column_names.index(name) not in row.witnesses:
            question.add(question.vanishes((1, combine(row.column(name), constant(value), -1), copy)))
    return question.check()


@pytest.mark.parametrize("name", CHIPS)
def test_honest_rows_answer_the_question_of_every_case(name: str) -> None:
    chip = distinct_chips()[name]
    rows = honest_rows(chip)
    cases = [*chip.selectors, *coded_columns(chip)]
    occurring = {tuple(values[name] for name in cases) for values in rows.values()}
    assert occurring == {tuple(case[name] for name in cases) for case in ChipProof(chip, calls()).cases()}
    for deciding, values in rows.items():
        assert ask_about(chip, values) == "sat", deciding


def test_long_clauses_are_those_of_poseidon2() -> None:
    proofs = {name: ChipProof(distinct_chips()[name], calls()) for name in CHIPS}
    long = {
        name
        for name, proof in proofs.items()
        for case in proof.cases()
        if any(len(clause.variables()) > LONGEST_CLAUSE for clause in proof.row(case).clauses)
    }
    assert long == {"P2", "PATH"}


@pytest.mark.parametrize(
    ("name", "column"), [("ADDI", "k0"), ("BEQ", "pc"), ("SHIFT", "m0"), ("DIV", "r0"), ("LOADSUB", "h")]
)
def test_a_changed_row_does_not(name: str, column: str) -> None:
    chip = distinct_chips()[name]
    assert ask_about(chip, next(iter(honest_rows(chip).values())), column) == "unsat"
