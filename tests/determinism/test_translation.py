"""A row says no more than the rules of its chip."""

from __future__ import annotations

import pytest

from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import ORD, R16, SH
from zk.chips.frame import Columns
from zk.determinism import translation
from zk.determinism.cases import cases_of
from zk.determinism.contracts import CONTRACTS, Contract, Range
from zk.determinism.proof import CONTRADICTION, ChipProof
from zk.determinism.report import calls, distinct_chips
from zk.determinism.statements import STATEMENTS, Statement
from zk.determinism.translation import build_row
from zk.errors import DeterminismError


def small_chip() -> tuple[Chip, Columns]:
    """A chip with a selector, two operands and a gate."""
    chip = Chip("SMALL")
    c = Columns(chip.declare(("sel", "a", "b", "g"), selectors=("sel",)))
    chip.send(ORD, c.sel, c.a + c.b)
    return chip, c


@pytest.mark.parametrize(("is_gated", "expected"), [(False, (0, 1)), (True, (0, P - 1))])
def test_a_sum_is_a_bit_only_where_nothing_else_makes_the_product_zero(
    is_gated: bool, expected: tuple[int, int]
) -> None:
    chip, c = small_chip()
    bit = (c.a + c.b) * (c.a + c.b - 1)
    chip.constrain("bit", c.g * bit if is_gated else bit)
    row = build_row(chip, {"sel": 1}, frozenset())
    form = row.form(c.a + c.b)
    ranges = {row.ranges[number] for monomial in form for number in monomial}
    assert ranges == {expected}


@pytest.mark.parametrize("is_split", [False, True])
def test_a_case_that_contradicts_a_constraint_is_open(monkeypatch: pytest.MonkeyPatch, is_split: bool) -> None:
    chip, c = small_chip()
    chip.constrain("a", (c.g if is_split else c.sel) * (c.a - 7))
    chip.receive(ORD, c.sel, c.a)
    chip.send(R16, c.sel, c.g)
    chip.send(ORD, c.sel, c.a)
    chip.constrain("g is small", c.g * (c.g - 1))
    narrow = Contract(ORD, received={0: Range(1, 5)}, sent={0: Range(0, 9)}, progress=CONTRACTS[ORD.number].progress)
    monkeypatch.setitem(CONTRACTS, ORD.number, narrow)
    monkeypatch.setitem(STATEMENTS, "SMALL", Statement(splits=("g",) if is_split else ()))
    findings = list(ChipProof(chip, calls()).findings())
    contradicted = [finding for finding in findings if CONTRADICTION in finding.detail]
    assert contradicted and not any(finding.proven for finding in contradicted)


def test_a_lookup_that_is_left_out_gives_no_values() -> None:
    chip = Chip("SMALL")
    c = Columns(chip.declare(("sel", "power", "rest", "high"), selectors=("sel",)))
    chip.send(SH, c.sel, 3, c.power, c.rest, c.high)
    power = chip.column_names.index("power")
    assert build_row(chip, {"sel": 1}, frozenset()).fixed[power] == 8
    assert power not in build_row(chip, {"sel": 1}, frozenset(), without=frozenset({"lookup 0 in SH"})).fixed


def test_a_constraint_that_decides_the_cases_cannot_be_left_out() -> None:
    with pytest.raises(DeterminismError, match="sum of flags"):
        cases_of(distinct_chips()["ADD"], frozenset({"sum of flags is boolean"}))
    assert translation.lookup_rule(distinct_chips()["ADD"], 0) == "lookup 0 in R16"
