"""A counterexample counts only where both rows could be: the check refuses every other one."""

from __future__ import annotations

from dataclasses import replace

from zk.air.chip import Chip
from zk.chips.buses import ORD
from zk.chips.frame import Columns
from zk.determinism.counterexample import Counterexample, check_counterexample


def example_of(previous: int = 4, agreeing: tuple[str, ...] = ()) -> Counterexample:
    """Two rows that receive one address and send two."""
    chip = Chip("SMALL")
    c = Columns(chip.declare(("sel", "prev", "next"), selectors=("sel",)))
    chip.receive(ORD, c.sel, c.prev)
    chip.send(ORD, c.sel, c.next)
    rows = {"sel": 1, "prev": previous, "next": 8}, {"sel": 1, "prev": previous, "next": 12}
    return Counterexample(chip, frozenset(), "next", rows, agreeing)


def test_two_outputs_for_one_input_are_a_counterexample() -> None:
    assert check_counterexample(example_of()) == []


def test_columns_that_agree_by_choice_or_setup_must_agree() -> None:
    assert check_counterexample(example_of(agreeing=("prev",))) == []
    assert check_counterexample(example_of(agreeing=("next",))) == ["column next must agree, found 8 and 12"]


def test_a_received_value_off_the_step_of_its_range_is_refused() -> None:
    assert check_counterexample(example_of(previous=6)) == ["interaction 0: ORD never holds (6,)"] * 2


def test_equal_outputs_are_no_counterexample() -> None:
    example = example_of()
    assert check_counterexample(replace(example, rows=(example.rows[0],) * 2)) == ["no output differs"]
