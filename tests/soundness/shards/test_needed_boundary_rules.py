"""Every rule of the boundary chips is needed: a lookup or constraint is the only obstacle of some false row, and without a send or
receive the honest run does not balance (proof system, section 19, case 47)."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from tests.soundness.shards.world import World, sample_keys
from zk.air.check import ChipEvaluation, find_global_violations, find_violations
from zk.air.chip import Chip, Machine
from zk.air.expression import P
from zk.chips.boundary import build_boundary, build_gimg, build_gzero

CHIPS = {"BOUNDARY": build_boundary(), "GIMG": build_gimg(49), "GZERO": build_gzero()}
SHARD = 5
# s_last of GIMG is looked up although GLOBAL alone refuses another shard number: every chip has a place in the tree of its own proof.
EXEMPT = {("GIMG", "R16 0")}
_FRESH = {"sel": 1, "w": 3, "x": 1, "prev": 16384 + 12 - 4}
# chip, rule, row: columns that are not named are 0
FALSE_ROWS: list[tuple[str, str, dict[str, int]]] = [
    ("BOUNDARY", "sel is boolean", {"sel": 2, "s_prev": 1}),
    ("BOUNDARY", "sel is boolean", {"sel": P - 1, "s_prev": 1}),
    ("BOUNDARY", "R16 0", {"sel": 1, "s_prev": SHARD}),
    ("BOUNDARY", "R16 0", {"sel": 1, "s_prev": SHARD + 1}),
    ("GZERO", "sel is boolean", {**_FRESH, "sel": 2}),
    ("GZERO", "R16 0", {"sel": 1, "w": 65536, "prev": 4 * 65536 - 4}),
    ("GZERO", "R16 1", {"sel": 1, "x": 65536, "prev": 16384 * 65536 - 4}),
    ("GZERO", "R16 2", {**_FRESH, "y": 65536, "prev": (16384 + 12 - 4 - 8192 * 65536) % P}),
    ("GZERO", "R16 3", {**_FRESH, "prev": (16384 + 12 - 4 - 4 * 65536) % P}),
    ("GZERO", "R16 3", {**_FRESH, "prev": 16384 + 12}),  # the same word again
]


def _broken(chip: Chip, row: dict[str, int]) -> set[str]:
    """Names of the rules that the row breaks; lookups by bus and running number."""
    main = np.zeros((len(chip.main), 16), np.uint32)
    for name, value in row.items():
        main[chip.main.index(name), 0] = value
    evaluation = ChipEvaluation(chip, main, None, SHARD)
    broken = {violation.rule for violation in evaluation.broken_constraints()}
    for name, number in _lookups(chip).items():
        program = evaluation.program.interactions[number]
        used = int(evaluation.values[program.multiplicity][0])
        if used and int(evaluation.values[program.message[0]][0]) >= 1 << 16:
            broken.add(name)
    return broken


def _lookups(chip: Chip) -> dict[str, int]:
    numbers = [n for n, interaction in enumerate(chip.interactions) if interaction.bus.kind == "lookup"]
    return {f"{chip.interactions[n].bus.name} {place}": n for place, n in enumerate(numbers)}


@pytest.mark.parametrize(("name", "rule", "row"), FALSE_ROWS)
def test_rule_is_the_only_obstacle(name: str, rule: str, row: dict[str, int]) -> None:
    assert _broken(CHIPS[name], row) == {rule}


def test_every_constraint_and_lookup_has_a_false_row() -> None:
    covered = {(name, rule) for name, rule, _ in FALSE_ROWS} | EXEMPT
    wanted = {
        (name, rule)
        for name, chip in CHIPS.items()
        for rule in [*(constraint.name for constraint in chip.constraints), *_lookups(chip)]
    }
    assert covered == wanted


def test_honest_row_is_none_of_them() -> None:
    assert _broken(CHIPS["BOUNDARY"], {"sel": 1, "s_prev": SHARD - 1}) == set()
    assert _broken(CHIPS["GZERO"], _FRESH) == set()


@pytest.fixture(scope="module")
def honest() -> World:
    return World.honest(sample_keys())


def _without(machine: Machine, name: str, kind: str, number: int) -> Machine:
    """The machine with one interaction of one chip left out."""

    def changed(chip: Chip) -> Chip:
        if chip.name != name:
            return chip
        mutant = copy(chip)
        kept = [interaction for n, interaction in enumerate(getattr(chip, kind)) if n != number]
        setattr(mutant, kind, kept)
        return mutant

    return replace(machine, chips=tuple(changed(chip) for chip in machine.chips))


CASES = [
    (name, kind, number)
    for name, chip in CHIPS.items()
    for kind in ("interactions", "global_interactions")
    for number, interaction in enumerate(getattr(chip, kind))
    if interaction.bus.kind == "permutation"
]


@pytest.mark.parametrize(("name", "kind", "number"), CASES)
def test_run_does_not_balance_without_it(honest: World, name: str, kind: str, number: int) -> None:
    found = []
    worlds = []
    for part, traces in honest.traces.items():
        machine = _without(honest.machine_keys(part).machine, name, kind, number)
        preprocessed, values = honest.preprocessed(part), honest.values[part]
        found += find_violations(machine, preprocessed, traces, values, free_lookups=True, shard=part)
        worlds.append((machine, preprocessed, traces))
    assert found or find_global_violations(worlds)
