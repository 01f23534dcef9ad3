"""Without a rule that it needs, a chip is no function: the solver finds two rows, exact evaluation confirms them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.determinism.test_progress import NEEDED as NEEDED_FOR_PROGRESS
from zk.determinism.cases import cases_of
from zk.determinism.correctness import Correctness
from zk.determinism.counterexample import check_counterexample, find_counterexample
from zk.determinism.proof import ChipProof
from zk.determinism.report import calls, distinct_chips
from zk.determinism.translation import lookup_rule

# A constraint or lookup of each chip without which inputs do not determine outputs.
NEEDED = {
    "ADDI": "k0 is boolean",
    "ADDI_RW": "k0 is boolean",
    "MV": "lookup 2 in PROG",
    "SET": "lookup 2 in PROG",
    "ADD": "add: high limb",
    "ADD_RW": "k1 is boolean",
    "LOGIC": "lookup 3 in LOGIC",
    "LOGIC_RW": "lookup 7 in LOGIC",
    "CMP": "lt is boolean",
    "SLTU_RW": "lt is boolean",
    "BEQ": "unequal means a difference",
    "BEQZ": "not zero means a limb",
    "BLT": "next pc",
    "BLTU": "next pc",
    "JALR": "lsb is boolean",
    "SHIFT": "split of limb 0",
    "SHIFTI": "low limb",
    "SHIFTI_RW": "high limb",
    "LW": "lookup 2 in PROG",
    "SW": "lookup 2 in PROG",
    "LOADSUB": "x",
    "STORESUB": "e_high",
    "MUL": "product limb 0",
    "DIV": "b = qc + r, limb 0",
    "ECALL": "a0 stays, low limb",
    "P2": "out3",
    "PATH": "s147",
    "PATH_H": "word 9 is canonical",
    "DOT": "new2",
    "DOT_H": "s1",
}
# They compute nothing: what they offer is fixed by setup or is a table.
NO_RULES = {"ROM", "IMG", "T16", "T5", "GIMG"}


def test_every_chip_has_a_needed_rule() -> None:
    """The rules of chips whose rows carry addresses of the run's choice are needed for the progress of their paths."""
    assert set(distinct_chips()) == set(NEEDED) | set(NEEDED_FOR_PROGRESS) | NO_RULES


@pytest.mark.parametrize("name", NEEDED)
def test_a_chip_without_a_needed_rule_has_a_counterexample(name: str) -> None:
    example = find_counterexample(distinct_chips()[name], calls(), frozenset({NEEDED[name]}))
    assert example is not None
    assert check_counterexample(example) == []
    assert check_counterexample(replace(example, without=frozenset())) != []


@pytest.mark.parametrize(
    ("name", "rule", "claim"),
    [
        ("ADDI", "k1 is boolean", "rd"),
        ("CMP", "lookup 6 in R16", "rd"),
        ("LOGIC", "lookup 3 in LOGIC", "rd"),
        ("BLT", "sb is boolean", "next pc"),
        ("LW", "lookup 11 in U8P", "address"),
    ],
)
def test_an_instruction_without_a_needed_rule_is_not_proven_correct(name: str, rule: str, claim: str) -> None:
    chip = distinct_chips()[name]
    open_claims = [
        open_claim
        for row in map(ChipProof(chip, calls(), frozenset({rule})).row, cases_of(chip))
        for open_claim in Correctness(row).open_claims()
    ]
    assert claim in open_claims


@pytest.mark.parametrize("name", NEEDED)
def test_the_rule_left_out_exists(name: str) -> None:
    chip = distinct_chips()[name]
    lookups = {lookup_rule(chip, position) for position, i in enumerate(chip.interactions) if i.bus.kind == "lookup"}
    assert NEEDED[name] in lookups | {constraint.name for constraint in chip.constraints}
