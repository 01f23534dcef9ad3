"""The model with every invariant asserted after every command."""

from __future__ import annotations

from typing import Any

from matching.spec.invariants import check_invariants
from matching.spec.machine import Model
from tests.spec.venue import FEE_OWNER, FUND_OWNER


class CheckedModel(Model):
    """A model that raises InvariantViolation as soon as a command breaks a rule of section 17."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(FUND_OWNER, FEE_OWNER, **parameters)

    def apply(self, command: bytes) -> bytes:
        events = super().apply(command)
        check_invariants(self.state)
        return events
