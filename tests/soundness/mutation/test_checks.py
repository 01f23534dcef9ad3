"""Every check of the verifiers has a mutation result: the committed record lists exactly the checks that the sources have now, and the
recorded case still kills each mutant of the Python verifier."""

from __future__ import annotations

import pytest

from tests.soundness.mutation import air, record
from tests.soundness.mutation.outcome import Kill, Mutant, Outcome
from tests.soundness.mutation.report import render
from tests.soundness.mutation.sites import applied, verifier_sites
from tests.soundness.mutation.solidity import CONTRACTS, _mutated, contract_mutants
from tests.soundness.mutation.verifier import all_cases, judged
from zk.channel import check_end

RERUN = "the record is not that of the sources: run `make mutation`"


def test_record_lists_exactly_the_checks_of_the_python_verifier() -> None:
    recorded = [*(outcome.mutant for outcome in record.load("verifier")), *record.load_pending()]
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
    """Every `step`-th mutant; all of them take two minutes."""
    sites = {site.mutant: site for site in verifier_sites()}
    for outcome in record.load("verifier")[::step]:
        if outcome.killer:
            found = judged(sites[outcome.mutant], all_cases()[outcome.killer])
            assert found is not None and found[0] is outcome.kill, f"{outcome.mutant}: {found}"


def test_report_is_that_of_the_record_and_of_the_chips() -> None:
    expected = render(air.all_outcomes(), record.load("verifier"), record.load("contracts"), record.load_pending())
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


def test_every_revert_of_a_contract_gets_its_switches() -> None:
    path = CONTRACTS / "src" / "Settlement.sol"
    text, mutants = _mutated(path)
    for own in mutants:
        assert text.count(f"address({int(own.origin, 16)})") == 1
    places = {own.mutant.rule.split(":")[0] for own in mutants}
    assert {"constructor", "deposit", "submitBatch", "claimWithdrawal", "guarded", "_pull", "_push"} <= places
