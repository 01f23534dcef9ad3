"""Mutants and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kill(StrEnum):
    """How a case turned red. The first one is what a check is for; the others show that the suite notices the change."""

    ACCEPTED = "false one accepted"
    OTHER_ERROR = "refused with another error"
    HONEST = "honest one refused"


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change: where (chip, module or contract), which rule (constraint, interaction or check), and what was done to it."""

    place: str
    rule: str
    change: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}: {self.change}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mutant with the case that turned red and how; without one it survived."""

    mutant: Mutant
    kill: Kill | None = None
    killer: str = ""
    detail: str = ""

    @property
    def survived(self) -> bool:
        """Nothing noticed the change."""
        return self.kill is None
