"""Every claim about every chip of the full machine is proven: the solver's "unknown" is a failure."""

from __future__ import annotations

import pytest

from zk.determinism.cases import cases_of
from zk.determinism.report import distinct_chips, findings_of, full_machine

SLOW = frozenset({"SHIFT", "MUL", "DIV"})  # tens of seconds each
CHIPS = [
    pytest.param(chip.name, marks=pytest.mark.soak if chip.name in SLOW else ())
    for chip in distinct_chips(full_machine())
]


@pytest.mark.parametrize("name", CHIPS)
def test_what_a_row_receives_determines_what_it_sends(name: str) -> None:
    findings = findings_of(name)
    chip = next(chip for chip in full_machine().chips if chip.name == name)
    assert len(findings) == 2 * len(cases_of(chip)) + 1
    assert [finding for finding in findings if not finding.proven] == []
