"""Mutants of the Python verifier and of setup against their cases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tests.soundness.mutation.cases import Case, Red, unit_cases
from tests.soundness.mutation.outcome import Kill, Outcome
from tests.soundness.mutation.parts import part_cases
from tests.soundness.mutation.proofs import proof_cases
from tests.soundness.mutation.sites import Site, applied, verifier_sites


@cache
def all_cases() -> dict[str, Case]:
    """Every case by name; a later one never replaces an earlier one."""
    cases = [*proof_cases(), *part_cases(), *unit_cases()]
    assert len({case.name for case in cases}) == len(cases)
    return {case.name: case for case in cases}


def outcome_of(site: Site, cases: Sequence[Case]) -> Outcome:
    """The first case expecting an error of this check in which something false is accepted; else the first case that turns red."""
    best = Outcome(site.mutant)
    ranked = sorted(cases, key=lambda case: _rank(site, case))
    for case in ranked:
        if best.kill is not None and _rank(site, case) > 0:
            break
        found = judged(site, case)
        if found is not None and (best.kill is None or found[0] is Kill.ACCEPTED):
            best = Outcome(site.mutant, found[0], case.name, found[1])
        if best.kill is Kill.ACCEPTED:
            break
    return best


def _rank(site: Site, case: Case) -> int:
    """Cases that expect an error of this check first, then honest ones, then the others. A predicate that is always true may have to do
    with any error."""
    if case.error is None:
        return 1
    return 0 if case.error.__name__ in site.errors or site.mutant.change == "always True" else 2


def judged(site: Site, case: Case) -> Red | None:
    """How the case turns red with the mutant."""
    _ = case.run  # built without the mutant
    with applied(site):
        return case.judge()


def verifier_outcomes() -> list[Outcome]:
    """All mutants of the sources against all cases."""
    cases = list(all_cases().values())
    wrong = [found for found in map(Case.judge, cases) if found is not None]
    assert not wrong, f"cases that are red without a mutant: {wrong}"
    return [outcome_of(site, cases) for site in verifier_sites()]
