"""Runs model and core side by side and finds the first command on which they differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matching import _core
from matching.codec import Arena, decode_events
from matching.engine import Engine
from matching.errors import CoreHalted, InvariantViolation
from matching.spec.invariants import check_invariants
from matching.spec.machine import Model
from tests.property.matching.fill_rules import check_fills, resting_orders
from tests.property.matching.steps import Step
from tests.spec.venue import FEE_OWNER, FUND_OWNER


class Difference(AssertionError):
    """Model and core disagree, or an invariant is broken."""


@dataclass(frozen=True)
class Rates:
    """Parameters of the genesis."""

    taker_ppm: int = 450
    maker_ppm: int = 150
    insurance_share_ppm: int = 100_000


class Duel:
    """Both machines in the same state. The permutation of the model is the core's; a test of its own compares the two."""

    def __init__(self, rates: Rates, root_every: int) -> None:
        values = (rates.taker_ppm, rates.maker_ppm, rates.insurance_share_ppm)
        self.model = Model(FUND_OWNER, FEE_OWNER, *values, permutation=lambda state: list(_core.permute(state)))
        self.core = Engine(FUND_OWNER, FEE_OWNER, *values)
        self.root_every = root_every
        self.count = 0
        self.codes: dict[tuple[int, int], int] = {}  # (kind, code) -> how often
        self.reasons: dict[tuple[str, int], int] = {}  # event of an order and its code or reason -> how often

    def send(self, step: Step) -> bytes | None:
        """Sends a step to both; the events, None when both halted. Raises Difference."""
        data = step.encode(self.model.state)
        self.count += 1
        before = resting_orders(self.model.state)
        mine, theirs = _run(self.model, data), _run(self.core, data)
        if mine != theirs:
            raise Difference(f"{step}\nmodel: {_show(mine)}\ncore:  {_show(theirs)}")
        if isinstance(mine, int):
            self._note(data, mine)
            return None
        self._compare_records(step)
        try:
            check_invariants(self.model.state)
            check_fills(before, data, mine, self.model.state)
        except (InvariantViolation, AssertionError) as violation:
            raise Difference(f"{step}\n{violation}") from violation
        if self.count % self.root_every == 0:
            self.compare_roots()
        self._note(data, decode_events(mine)[-1].code)
        self._note_reasons(mine)
        return mine

    def compare_roots(self) -> None:
        """Raises Difference unless both state roots are equal."""
        mine, theirs = self.model.state_root(), self.core.state_root()
        if mine != theirs:
            raise Difference(f"roots: model {mine.hex()}, core {theirs.hex()}")
        for market in self.model.state.markets:
            for side in (0, 1):
                levels = [machine.levels(market.index, side, 20) for machine in (self.model, self.core)]
                if levels[0] != levels[1]:
                    raise Difference(f"levels of market {market.index}, side {side}: {levels}")
        for account in self.model.state.accounts:
            if self.model.open_orders(account) != self.core.open_orders(account):
                raise Difference(f"open orders of account {account}")

    # the interface of a machine, for scenes of tests.spec.venue
    def apply(self, command: bytes) -> bytes:
        """Sends finished bytes to both; their events."""
        mine, theirs = _run(self.model, command), _run(self.core, command)
        if mine != theirs or isinstance(mine, int):
            raise Difference(f"model: {_show(mine)}\ncore:  {_show(theirs)}")
        return mine

    def state_root(self) -> bytes:
        """The root that both have."""
        self.compare_roots()
        return self.model.state_root()

    def _compare_records(self, step: Step) -> None:
        for arena, index in self.model.touched_records():
            mine, theirs = self.model.read(arena, index), self.core.read(arena, index)
            if mine != theirs:
                at = next(i for i, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1])
                raise Difference(
                    f"{step}\n{Arena(arena).name} {index} differs from byte {at}\n{mine.hex()}\n{theirs.hex()}"
                )

    def _note(self, data: bytes, code: int) -> None:
        key = (int.from_bytes(data[:2], "little"), code)
        self.codes[key] = self.codes.get(key, 0) + 1

    def _note_reasons(self, events: bytes) -> None:
        for event in decode_events(events):
            reason = getattr(event.body, "reason", event.code)
            key = (type(event.body).__name__, int(reason))
            self.reasons[key] = self.reasons.get(key, 0) + 1


def _run(machine: Model | Engine, data: bytes) -> bytes | int:
    try:
        return machine.apply(data)
    except CoreHalted as halt:
        return int(halt.code)


def _show(result: bytes | int) -> str:
    if isinstance(result, int):
        return f"halted {result}"
    return "\n       ".join(str((event.code, event.body)) for event in decode_events(result))


def find_difference(steps: Iterable[Step], rates: Rates) -> str | None:
    """The message of the first difference in a run, None when there is none."""
    duel = Duel(rates, root_every=10**9)
    try:
        for step in steps:
            duel.send(step)
        duel.compare_roots()
    except Difference as difference:
        return str(difference)
    return None


def shrink(steps: list[Step], rates: Rates, tries: int = 400) -> list[Step]:
    """A shorter run that still differs: drops ever smaller blocks of steps."""
    block = len(steps) // 2
    while block and tries > 0:
        start = 0
        while start < len(steps) and tries > 0:
            shorter = steps[:start] + steps[start + block :]
            tries -= 1
            if find_difference(shorter, rates):
                steps = shorter
            else:
                start += block
        block //= 2
    return steps
