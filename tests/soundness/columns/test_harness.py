"""The harness itself: its judge says what the trace checker says, and it notices a column that nobody constrains and no bus carries.

An output column that no constraint ties to the inputs still moves the bus that carries it, and passes here: `make determinism` judges those.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from tests.soundness.columns import sweep as sweeping
from tests.soundness.columns.conditions import ConditionError, holds
from tests.soundness.columns.draw import Draw
from tests.soundness.columns.field import PRIME, roots, square_root
from tests.soundness.columns.free import FREE
from tests.soundness.columns.judge import ColumnJudge
from tests.soundness.columns.perturbations import STANDARD, single_changes
from tests.soundness.columns.preimage import preimage
from tests.soundness.columns.subject import rich_witness
from tests.soundness.columns.sweep import sweep_chip
from tests.soundness.columns.tables import is_provider, legal_tuples
from tests.soundness.vm.witness import Witness
from zk.air.expression import P
from zk.coprocessors.poseidon2 import permute
from zk.vm.isa import OpCode

Choice = tuple[dict[int, int], int, bool]  # new values by column, row, whether refused


def _without(witness: Witness, chip_name: str, constraint: str) -> Witness:
    """The witness on a machine whose chip lacks one constraint."""
    chips = []
    for chip in witness.machine.chips:
        if chip.name == chip_name:
            chip = copy.copy(chip)
            chip.constraints = [c for c in chip.constraints if c.name != constraint]
        chips.append(chip)
    changed = witness.copy()
    changed.machine = replace(witness.machine, chips=tuple(chips))
    return changed


def _choices(judge: ColumnJudge, draw: Draw, count: int) -> list[Choice]:
    """Some changes of the judge, half of them accepted ones if there are any."""
    refused: list[Choice] = []
    accepted: list[Choice] = []
    for change in single_changes(judge, STANDARD):
        verdict = judge.judge(change.changes).refused
        for at in np.argwhere(change.tried).tolist():
            values = {c: int(np.broadcast_to(v, verdict.shape)[tuple(at)]) for c, v in change.changes.items()}
            group = refused if verdict[tuple(at)] else accepted
            group.append((values, at[1], bool(verdict[tuple(at)])))
    chosen = [draw.choice(refused) for _ in range(count)]
    return chosen + [draw.choice(accepted) for _ in range(count) if accepted]


@pytest.mark.parametrize("chip", ["LOADSUB", "BEQ", "DIV", "JALR", "ZERO", "IMG", "ROM", "DOT_H"])
def test_judge_agrees_with_the_trace_checker(chip: str) -> None:
    witness, draw = rich_witness(), Draw("agreement", chip)
    rows = np.arange(min(64, witness.traces[chip].shape[1]))
    judge = ColumnJudge(witness, chip, rows)
    for values, row, refused in _choices(judge, draw, 4):
        changed = witness.copy()
        for column, value in values.items():
            changed.traces[chip][column, rows[row]] = value
        exact = is_provider(judge.chip)  # the multiplicities of a table are judged as they stand
        assert bool(changed.violations(free_lookups=not exact)) == refused, f"{chip} row {row}: {values}"


@pytest.mark.parametrize(
    ("chip", "constraint", "columns"),
    [
        ("BEQ", "unequal means a difference", {("v0",), ("v1",)}),
        ("DIV", "division by zero: q0", {("q0",)}),
        ("DIV", "|r| < |c|, limb 0", {("g0",), ("nu", "g1")}),
        ("P2", "in3 is canonical", {("in3_e",)}),
    ],
)
def test_column_that_lost_its_constraint_is_reported(chip: str, constraint: str, columns: set[tuple[str, ...]]) -> None:
    found = sweep_chip(_without(rich_witness(), chip, constraint), chip, STANDARD).unexplained
    assert {change.columns for change in found} >= columns


def test_free_column_without_its_entry_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(entry for entry in FREE if entry.columns != ("n",))
    monkeypatch.setattr(sweeping, "FREE", kept)
    found = sweep_chip(rich_witness(), "LW", STANDARD).unexplained
    assert found and {change.columns for change in found} == {("n",)}


def test_entry_for_other_rows_does_not_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The condition of an entry counts: t2 of CMP is free on immediate rows only."""
    wrong = tuple(replace(e, condition="f_i = 0") if e.chip == "CMP" else e for e in FREE)
    monkeypatch.setattr(sweeping, "FREE", wrong)
    found = sweep_chip(rich_witness(), "CMP", STANDARD).unexplained
    assert {change.columns for change in found} >= {("t2",)}


def test_conditions_are_evaluated_as_written() -> None:
    columns = {"a": np.array([0, 1, 2, P - 1], np.uint64), "b": np.array([0, 0, 2, 5], np.uint64)}
    assert holds("a = b", columns).tolist() == [True, False, True, False]
    assert holds("a != b and 3*b - 1 < 2*a + 0x1", columns).tolist() == [False, True, False, False]
    assert holds("a < 0", columns).tolist() == [False, False, False, True]
    for wrong in ("a", "a = c", "a = b*2", "a = b or b = a"):
        with pytest.raises(ConditionError):
            holds(wrong, columns)


def test_legal_tuples_are_those_of_the_tables() -> None:
    tables = legal_tuples(rich_witness())
    values = np.array([0, 1, 65535, 65536, P - 1], np.uint64)
    assert tables["R16"].contains([values]).tolist() == [True, True, True, False, False]
    x, y = np.array([255, 3, 256], np.uint64), np.array([15, 5, 0], np.uint64)
    assert tables["U8P"].contains([x, y]).tolist() == [True, True, False]
    code, result = np.full(3, OpCode.AND, np.uint64), np.array([15, 2, 0], np.uint64)
    assert tables["LOGIC"].contains([code, x, y, result]).tolist() == [True, False, False]


def test_roots_and_square_roots() -> None:
    draw = Draw("roots")
    a, b, c = (draw.elements(500) for _ in range(3))
    root, is_square = square_root(a * a % PRIME)
    assert is_square.all() and (root * root % PRIME == a * a % PRIME).all()
    c[:100] = 0
    found, exists = roots(a, b, c)
    values = (a + b * found % PRIME + c * found % PRIME * found % PRIME) % PRIME
    assert not values[exists].any() and 0.3 < exists[:, 100:].mean() < 0.7 and exists[0, :100].all()


def test_preimage_of_poseidon2() -> None:
    outputs = Draw("preimage").elements(16)
    inputs = np.array(preimage(outputs.tolist()), np.uint64)
    assert permute(inputs[:, None])[:, 0].tolist() == outputs.tolist()
