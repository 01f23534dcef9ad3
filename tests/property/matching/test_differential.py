"""Random command streams through the readable model and the C++ core: same codes, events, records, roots.

A failing run is shortened and printed with its seed.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from matching import _core
from matching.codec import CommandKind, ResultCode
from matching.spec.poseidon2 import P, permute
from tests.property.matching.duel import Difference, Duel, Rates, find_difference, shrink
from tests.property.matching.flow import Flow
from tests.property.matching.steps import Step

RATES = (Rates(), Rates(0, 0, 0), Rates(450, -100, 1_000_000), Rates(65, 65, 333_333))
FAST_SEEDS = (47, 50, 44, 42, 53, 40, 41, 43, 45, 46)
# What the fast streams must reach together: (event, code or reason). Otherwise the generator has gone blind.
REACHED = {
    *(("CommandDone", code) for code in (0, 1, 10, 11, 12, 13, 14, 15, 17, 18, 19, 21, 33, 90, 91, 92, 100, 101, 102, 103)),
    *(("CommandDone", code) for code in (107, 108, 110, 111, 112, 113)),
    *(("OrderRefused", code) for code in (30, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 60, 61, 71, 74)),
    *(("OrderAccepted", code) for code in (0, 39, 73, 74, 75, 76, 78, 79, 80)),
    *(("OrderRemoved", reason) for reason in (120, 121, 122, 124, 125, 126, 127, 131)),
    *((name, 0) for name in ("Trade", "OrderReduced", "FundingSettled", "FundingRate", "MarkChanged", "LiquidationState")),
}  # fmt: skip


def run(seed: int, commands: int, root_every: int) -> Duel:
    """One run; fails with the shortened stream when the machines differ."""
    rates = RATES[seed % len(RATES)]
    duel = Duel(rates, root_every)
    flow = Flow(seed, duel.model)
    steps: list[Step] = []
    try:
        for step in flow.opening():
            steps.append(step)
            duel.send(step)
        while len(steps) < commands:
            steps.append(flow.next())
            duel.send(steps[-1])
        duel.compare_roots()
    except Difference as difference:
        short = shrink(steps, rates)
        lines = "\n".join(str(step) for step in short)
        last = find_difference(short, rates)
        pytest.fail(f"seed {seed}, {len(steps)} steps: {difference}\nshortened to {len(short)}:\n{lines}\n{last}")
    return duel


def test_permutation_of_the_core_is_the_readable_one() -> None:
    rng = random.Random(20)
    for state in ([0] * 16, [P - 1] * 16, *([rng.randrange(P) for _ in range(16)] for _ in range(200))):
        assert list(_core.permute(state)) == permute(list(state))


def test_model_and_core_agree_on_random_commands() -> None:
    reasons, codes = Counter[tuple[str, int]](), Counter[tuple[int, int]]()
    for seed in FAST_SEEDS:
        print(f"seed {seed}")
        duel = run(seed, commands=600, root_every=20)
        reasons.update(duel.reasons)
        codes.update(duel.codes)
    missed = sorted(REACHED - set(reasons))
    assert not missed
    halts = {(CommandKind.PLACE_ORDERS, ResultCode.SEQUENCE_GAP), (CommandKind.BATCH_CLOSE, ResultCode.BATCH_STATE)}
    assert halts <= set(codes)


def run_with_gaps(seed: int, commands: int, kept: float) -> None:
    """Makes a stream, drops a random part of it and compares on the rest: states that no generator would steer to."""
    rates = RATES[seed % len(RATES)]
    maker = Duel(rates, root_every=10**9)
    flow = Flow(seed, maker.model)
    steps: list[Step] = []
    pending = flow.opening()
    while len(steps) < commands:
        steps.append(pending.pop(0) if pending else flow.next())
        maker.send(steps[-1])
    rng = random.Random(seed)
    for _ in range(3):
        rest = [step for step in steps if rng.random() < kept]
        message = find_difference(rest, rates)
        if message:
            short = shrink(rest, rates)
            pytest.fail(f"seed {seed}: {message}\nshortened to:\n" + "\n".join(map(str, short)))


@pytest.mark.parametrize(("seed", "kept"), [(70, 0.9), (71, 0.5)])
def test_model_and_core_agree_on_streams_with_gaps(seed: int, kept: float) -> None:
    run_with_gaps(seed, commands=400, kept=kept)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2_000, 2_030))
def test_model_and_core_agree_on_long_streams_with_gaps(seed: int) -> None:
    run_with_gaps(seed, commands=3_000, kept=0.3 + 0.65 * (seed % 10) / 10)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_060))
def test_model_and_core_agree_on_long_runs(seed: int) -> None:
    print(f"seed {seed}")
    run(seed, commands=6_000, root_every=50)
