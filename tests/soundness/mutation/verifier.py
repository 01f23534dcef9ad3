"""Mutants of the Python verifier and of setup against their cases."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import FrameType

from tests.soundness.mutation import record
from tests.soundness.mutation.cases import Case, Red, unit_cases
from tests.soundness.mutation.outcome import Kill, Outcome
from tests.soundness.mutation.parts import part_cases
from tests.soundness.mutation.proofs import proof_cases
from tests.soundness.mutation.runs import run_cases
from tests.soundness.mutation.sites import Site, applied, verifier_sites

SECONDS_MAX = 60


@cache
def all_cases() -> dict[str, Case]:
    """Every case by name; a later one never replaces an earlier one."""
    cases = [*proof_cases(), *part_cases(), *run_cases(), *unit_cases()]
    assert len({case.name for case in cases}) == len(cases)
    return {case.name: case for case in cases}


def outcome_of(site: Site, cases: Sequence[Case]) -> Outcome:
    """The first case expecting an error of this check in which something false is accepted; else the first case that turns red; else the
    first case that does not end in time."""
    best = late = Outcome(site.mutant)
    ranked = sorted(cases, key=lambda case: _rank(site, case))
    for case in ranked:
        if best.kill is not None and _rank(site, case) > 0:
            break
        found = judged(site, case)
        if found is None:
            continue
        outcome = Outcome(site.mutant, found[0], case.name, found[1])
        if _is_late(outcome):
            late = outcome if late.survived else late
        elif best.kill is None or outcome.kill is Kill.ACCEPTED:
            best = outcome
        if best.kill is Kill.ACCEPTED:
            break
    return late if best.survived else best


def _is_late(outcome: Outcome) -> bool:
    """The case had no end: seen, but it says nothing about what the check refuses."""
    return TimeoutError.__name__ in outcome.detail


def _rank(site: Site, case: Case) -> int:
    """Cases that expect an error of this check first, then honest ones, then the others."""
    if case.error is None:
        return 1
    return 0 if case.error.__name__ in site.errors else 2


def judged(site: Site, case: Case) -> Red | None:
    """How the case turns red with the mutant."""
    _ = case.run  # built without the mutant
    with applied(site), _time_limit():
        return case.judge()


@contextmanager
def _time_limit() -> Iterator[None]:
    """Ends a case that a mutant makes run for minutes (one makes a search exponential)."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no end within {SECONDS_MAX} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def verifier_outcomes() -> list[Outcome]:
    """All mutants of the sources against all cases."""
    cases = list(all_cases().values())
    wrong = [found for found in map(Case.judge, cases) if found is not None]
    assert not wrong, f"cases that are red without a mutant: {wrong}"
    known = {outcome.mutant: outcome for outcome in record.load("verifier")}
    return [_still(site, known.get(site.mutant), cases) or outcome_of(site, cases) for site in verifier_sites()]


def _still(site: Site, known: Outcome | None, cases: Sequence[Case]) -> Outcome | None:
    """The recorded outcome, where its case still turns red in the same way and no case can show more; saves the search for another one."""
    if known is None or known.killer not in all_cases() or _is_late(known):
        return None
    if known.kill is not Kill.ACCEPTED and any(_rank(site, case) == 0 for case in cases):
        return None
    found = judged(site, all_cases()[known.killer])
    return Outcome(site.mutant, found[0], known.killer, found[1]) if found and found[0] is known.kill else None
