"""Each mutant of the AIR is killed, or its constraint is listed with a reviewed reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.soundness.columns.subject import shard_witnesses
from tests.soundness.mutation.air import (
    DELETED,
    REVIEWED,
    SHARD_CHIPS,
    HonestTrial,
    air_outcomes,
    chip_names,
    honest_witness,
    public_outcomes,
)
from tests.soundness.mutation.outcome import Kill
from tests.soundness.vm.obstacles import Block, Obstacles, find_obstacles
from tests.soundness.vm.test_needed_constraints import tables
from tests.soundness.vm.witness import full_witness
from zk.air.chip import Chip
from zk.chips.buses import R16


@pytest.mark.parametrize("name", chip_names())
def test_every_mutant_of_the_chip_is_killed_or_reviewed(name: str) -> None:
    outcomes = air_outcomes(name)
    survivors = {outcome.mutant for outcome in outcomes if outcome.survived}
    assert survivors == {mutant for mutant in REVIEWED if mutant.place == name}
    assert len({outcome.mutant for outcome in outcomes}) == len(outcomes)
    chip = honest_witness(name).chip(name)
    deleted = sum(outcome.mutant.change == DELETED for outcome in outcomes)
    assert deleted == len(chip.constraints) + len(chip.interactions) + len(chip.global_interactions)


def test_chips_of_all_machines_are_covered() -> None:
    """Chips of the shards and of the memory proof have mutants of their own, or the polynomials of a chip that has."""
    known = {replace(chip.lower(), name="") for chip in full_witness().machine.chips}
    for witness in shard_witnesses():
        others = [chip for chip in witness.machine.chips if chip.name not in SHARD_CHIPS]
        assert {replace(chip.lower(), name="") for chip in others} <= known
        assert not any(chip.global_interactions for chip in others)


def test_every_mutant_of_the_public_terms_is_killed() -> None:
    outcomes = public_outcomes()
    assert outcomes and not [outcome.mutant for outcome in outcomes if outcome.survived]


def _chip_with_a_repetition() -> Chip:
    """Demands sel (x - 1) = 0 twice, and looks x up although that follows."""
    chip = Chip("repeated")
    columns = chip.declare(("sel", "x"), selectors=("sel",))
    sel, x = columns["sel"], columns["x"]
    chip.constrain("first", sel * (x - 1))
    chip.constrain("again", 2 * sel * (x - 1))
    chip.send(R16, sel, x)
    return chip


def test_needless_constraint_and_needless_lookup_survive() -> None:
    chip = _chip_with_a_repetition()
    rows = [Block("x changed", np.array([[1, 1, 1], [0, 2, 70000]], np.uint64), None)]
    found = find_obstacles(chip, tables(), rows)
    assert found == Obstacles({}, {})
    witness = full_witness().copy()
    witness.traces["repeated"] = np.array([[1] * 16, [1] * 16], np.uint32)
    trial = HonestTrial(witness, chip)
    fates = {(o.mutant.rule, o.mutant.change): o.kill for o in trial.constraint_outcomes(found)}
    assert fates["first", DELETED] is None and fates["again", DELETED] is None
    assert fates["first", "plus one"] is Kill.HONEST
    lookups = list(trial.interaction_outcomes(0, chip.interactions[0], found.lookups.get(0)))
    assert [outcome.kill for outcome in lookups] == [None, Kill.HONEST, Kill.HONEST]
