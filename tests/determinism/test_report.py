"""The report says of what its claims are proven, and counts no claim that compares nothing."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from zk.determinism.proof import ChipProof
from zk.determinism.report import calls, chips_without_cases, distinct_chips, findings_of, table_of


def printed(name: str) -> str:
    """The table of the chip's claims about outputs."""
    console = Console(file=StringIO(), width=400)
    console.print(table_of(ChipProof(distinct_chips()[name], calls()).findings({"outputs"})))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("PATH", "given bit: the bits of the index"),
        ("ZERO", "given w, x: which words"),
        ("GZERO", "given w, x: which words"),
        ("BOUNDARY", "given addr: which words"),
        ("REFRESH", "given time: a word may be refreshed"),
        ("ECALL", "given n00, n01: HINT_WORD takes"),
    ],
)
def test_choices_that_agree_are_printed_with_their_reason(name: str, given: str) -> None:
    assert given in printed(name)


def test_a_function_of_its_inputs_alone_is_given_nothing() -> None:
    assert "given" not in printed("ADDI")
    assert sum("given" in line for line in printed("ECALL").splitlines()) == 1


def test_only_tables_are_exempt() -> None:
    assert chips_without_cases() == {"ROM", "T16", "T5"}


@pytest.mark.parametrize("name", ["ROM", "T16", "T5", "ADDI", "ZERO"])
def test_one_case_or_none_is_compared_with_nothing(name: str) -> None:
    assert "one case per input" not in {finding.claim for finding in findings_of(name)}
