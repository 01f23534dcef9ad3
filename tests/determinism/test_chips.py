"""Every claim about every chip of the machines is proven: the solver's "unknown" is a failure."""

from __future__ import annotations

import pytest

from zk.determinism.cases import cases_of
from zk.determinism.report import distinct_chips, findings_of

SLOW = frozenset({"SHIFT", "MUL", "DIV"})  # tens of seconds each
CHIPS = [pytest.param(name, marks=pytest.mark.soak if name in SLOW else ()) for name in distinct_chips()]


@pytest.mark.parametrize("name", CHIPS)
def test_what_a_row_receives_determines_what_it_sends(name: str) -> None:
    findings = findings_of(name)
    assert len(findings) == 2 * len(cases_of(distinct_chips()[name])) + 1
    assert [finding for finding in findings if not finding.proven] == []
