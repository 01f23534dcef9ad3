"""Every claim about every chip of the machines is proven: the solver's "unknown" is a failure."""

from __future__ import annotations

from collections import Counter

import pytest

from zk.determinism.cases import cases_of, op_of
from zk.determinism.correctness import Correctness
from zk.determinism.proof import ChipProof
from zk.determinism.report import calls, distinct_chips, findings_of
from zk.vm.isa import OpCode

SLOW = frozenset({"SHIFT", "SHIFTI", "SHIFTI_RW", "LOADSUB", "MUL", "DIV"})  # tens of seconds each
TABLES = {"ROM", "T16", "T5"}  # they offer rows and have no case
CHIPS = [pytest.param(name, marks=pytest.mark.soak if name in SLOW else ()) for name in distinct_chips()]


@pytest.mark.parametrize("name", CHIPS)
def test_what_a_row_receives_determines_what_it_sends(name: str) -> None:
    findings = findings_of(name)
    count = len(cases_of(distinct_chips()[name]))
    claims = Counter(finding.claim for finding in findings)
    assert (count > 0) is (name not in TABLES)
    assert (claims["outputs"], claims["ranges"], claims["progress"]) == (count, count, count)
    assert claims["messages"] == (count if distinct_chips()[name].op_codes else 0)
    assert claims["one case per input"] == (count > 1)
    assert [finding for finding in findings if not finding.proven] == []


def test_the_effects_of_all_other_instructions_are_stated() -> None:
    """Of the excepted ones only "inputs determine outputs" is proven."""
    unstated = {"ECALL", "MUL", "MULH", "MULHSU", "MULHU", "DIV", "DIVU", "REM", "REMU"}
    stated = set()
    for chip in distinct_chips().values():
        proof = ChipProof(chip, calls())
        for row in map(proof.row, cases_of(chip)):
            op = op_of(row)
            if op is not None and Correctness(row).is_stated:
                stated.add(OpCode(op).name)
    assert stated == {code.name for code in OpCode} - unstated
