"""Every check of the verifiers has a mutation result: the committed record lists exactly the checks that the sources have now, and the
recorded case still kills every fifth mutant of the Python verifier, every mutant with `-m soak`."""

from __future__ import annotations

import ast
import hashlib

import pytest

from tests.soundness.mutation import air, record
from tests.soundness.mutation.cases import Case
from tests.soundness.mutation.contracts import kill_of
from tests.soundness.mutation.outcome import Kill, Mutant, Outcome
from tests.soundness.mutation.report import render
from tests.soundness.mutation.sites import _check_raises, applied, verifier_sites
from tests.soundness.mutation.solidity import (
    CONTRACTS,
    ContractMutant,
    _mutated,
    contract_mutants,
    modifiers,
    without_comments,
)
from tests.soundness.mutation.verifier import all_cases, judged, outcome_of
from zk.channel import check_end
from zk.errors import TrailingBytesError

RERUN = "the record is not that of the sources: run `make mutation`"


def test_record_lists_exactly_the_checks_of_the_python_verifier() -> None:
    recorded = [outcome.mutant for outcome in record.load("verifier")]
    assert sorted(recorded) == sorted(site.mutant for site in verifier_sites()), RERUN


def test_record_lists_exactly_the_checks_of_the_contracts() -> None:
    assert [outcome.mutant for outcome in record.load("contracts")] == [own.mutant for own in contract_mutants()], RERUN


@pytest.mark.parametrize("part", record.PARTS)
def test_survivors_of_the_record_are_the_reviewed_ones(part: str) -> None:
    outcomes = record.load(part)
    survivors = {outcome.mutant for outcome in outcomes if outcome.survived}
    assert survivors == {mutant for mutant in record.REVIEWED if mutant in {outcome.mutant for outcome in outcomes}}


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_recorded_case_still_kills_every_mutant_of_the_python_verifier(step: int) -> None:
    """Every `step`-th mutant, others with every record; all of them take two minutes."""
    sites = {site.mutant: site for site in verifier_sites()}
    first = int.from_bytes(hashlib.sha256(record.RECORD.read_bytes()).digest()[:4], "big") % step
    for outcome in record.load("verifier")[first::step]:
        if outcome.killer:
            found = judged(sites[outcome.mutant], all_cases()[outcome.killer])
            assert found is not None and found[0] is outcome.kill, f"{outcome.mutant}: {found}"


def test_report_is_that_of_the_record_and_of_the_chips() -> None:
    expected = render(air.all_outcomes(), record.load("verifier"), record.load("contracts"))
    assert record.REPORT.read_text() == expected, RERUN


def test_mutant_is_in_force_only_inside_of_its_block() -> None:
    (site,) = (s for s in verifier_sites() if s.function == "check_end" and s.mutant.change == "condition negated")
    honest = check_end.__code__
    with applied(site):
        assert check_end.__code__ is not honest
    assert check_end.__code__ is honest


def test_report_shows_a_survivor_that_nobody_reviewed() -> None:
    mutant = Mutant("chip", "rule", "left out")
    assert "* chip, `rule`, left out: **not reviewed**" in render([Outcome(mutant)], [], [])
    assert "None." in render([Outcome(mutant, Kill.ACCEPTED, "case")], [], [])


def test_case_without_an_end_counts_only_where_nothing_else_turns_red() -> None:
    (site,) = (s for s in verifier_sites() if s.function == "check_end" and s.mutant.change == "raise left out")

    def case(name: str, error: type[BaseException] | None, found: type[BaseException] | None) -> Case:
        def run() -> None:
            if found is not None:
                raise found

        return Case(name, error, lambda: run)

    endless = case("endless", TrailingBytesError, TimeoutError)
    accepted = case("accepted", TrailingBytesError, None)
    refused = case("honest one refused", None, ValueError)
    assert outcome_of(site, [endless, accepted]).killer == "accepted"
    assert outcome_of(site, [endless, refused]).killer == "honest one refused"
    assert outcome_of(site, [endless]).killer == "endless"


@pytest.mark.parametrize(
    ("reason", "change", "kill"),
    [
        ("next call did not revert as expected", "condition negated", Kill.ACCEPTED),
        ('ConditionFalse("inner call failed")', "left out", Kill.ACCEPTED),
        ('ConditionFalse("inner call failed")', "condition negated", Kill.HONEST),
        ('UintDiffers("paid", 1, 2)', "without `b`", Kill.HONEST),
        ("Reentered()", "left out", Kill.HONEST),
        ("Error != expected error: Insolvent(1, 2) != OwnerZero()", "left out", Kill.OTHER_ERROR),
        ("panic: arithmetic underflow or overflow (0x11)", "left out", Kill.OTHER_ERROR),
        ("call reverted as expected, but without data", "left out", Kill.OTHER_ERROR),
        ("EvmError: OutOfGas", "left out", Kill.OTHER_ERROR),
    ],
)
def test_reason_of_a_forge_test_says_what_went_wrong(reason: str, change: str, kill: Kill) -> None:
    own = ContractMutant(1, Mutant("Settlement", "if (a && b)", change), "E", weakens=change == "left out")
    assert kill_of(own, reason) is kill


def test_weakened_checks_are_those_left_out_and_those_that_lose_a_reason() -> None:
    weakened = {own.mutant.change.split("`")[0] for own in contract_mutants() if own.weakens}
    assert weakened == {"left out", "without "}
    for own in contract_mutants():
        if own.mutant.change.startswith("without"):
            assert own.weakens == (("||" in own.mutant.rule) is not own.mutant.rule.split(": ")[1].startswith("return"))


def test_checks_in_comments_and_strings_are_none() -> None:
    text = 'a("if (x) revert // B()"); // revert C();\n/* modifier d() { */ e(\'"\', "\\"")'
    bare = without_comments(text, strings=True)
    assert len(bare) == len(text) and "revert" not in bare and "modifier" not in bare and bare.count("\n") == 1
    assert without_comments(text).startswith('a("if (x) revert // B()");   ')


def test_raise_in_another_place_fails_the_run() -> None:
    for known in ("if x:\n  raise E", "try:\n  x\n except E:\n  raise E", "raise E"):
        _check_raises("m", ast.parse(f"def f(x):\n {known}"))
    for unknown in ("def f(x):\n if x:\n  pass\n else:\n  raise E", "def f(x):\n for y in x:\n  raise E", "raise E"):
        with pytest.raises(AssertionError, match="does not know"):
            _check_raises("m", ast.parse(unknown))
    _check_raises("m", ast.parse("def prove(x):\n for y in x:\n  raise E"))


def test_modifier_in_another_form_fails_the_run() -> None:
    for text in ("modifier m(uint x) { _; }", "modifier m() { _; } constructor() m { }"):
        with pytest.raises(AssertionError, match="does not"):
            list(modifiers(text))


def test_every_revert_of_a_contract_gets_its_switches() -> None:
    path = CONTRACTS / "src" / "Settlement.sol"
    text, mutants = _mutated(path)
    for own in mutants:
        assert text.count(f"address({int(own.origin, 16)})") == 1
    places = {own.mutant.rule.split(":")[0] for own in mutants}
    assert {"constructor", "deposit", "submitBatch", "claimWithdrawal", "guarded", "_pull", "_push"} <= places
