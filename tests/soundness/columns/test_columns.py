"""Every column of every chip: each change is refused, or explained by the reviewed table; the report is current."""

from __future__ import annotations

import difflib

import pytest

from tests.soundness.columns.free import FREE
from tests.soundness.columns.perturbations import EXTENDED
from tests.soundness.columns.report import REPORT, current_report, standard_sweeps
from tests.soundness.columns.subject import all_units
from tests.soundness.columns.sweep import PADDING, sweep_chip
from tests.unit.vm.assembler import finish, program
from zk.shards.machine import memory_machine, shard_machine
from zk.vm.machine import COPROCESSORS, rv32im_machine


def test_every_accepted_change_has_a_reviewed_reason() -> None:
    unexplained = [str(change) for sweep in standard_sweeps() for change in sweep.unexplained]
    assert not unexplained, "free without a reason in free.py:\n" + "\n".join(unexplained[:20])


def test_report_in_the_repository_is_that_of_the_code() -> None:
    written = REPORT.read_text() if REPORT.exists() else ""
    changes = difflib.unified_diff(
        written.splitlines(), current_report().splitlines(), "committed", "now", n=0, lineterm=""
    )
    found = list(changes)
    assert not found, "run `make columns`, review and commit docs/reports/columns.md:\n" + "\n".join(found[:20])


def test_every_entry_of_the_table_is_needed() -> None:
    """By chip and reason: whether each of several alike columns comes up is left to chance."""
    used = {(entry.chip, entry.reason) for sweep in standard_sweeps() for entry in sweep.used}
    idle = {(entry.chip, entry.reason) for entry in FREE} - used
    assert not idle, f"nothing was accepted for: {idle}"


def test_every_chip_of_every_machine_is_covered() -> None:
    """A new chip fails here, with LookupError, until a witness of subject.py gives it rows."""
    assert {unit.machine for unit in all_units()} == {"rv32im", "rv32im shard", "rv32im memory"}
    for sweep, unit in zip(standard_sweeps(), all_units(), strict=True):
        assert sweep.rows and list(sweep.columns) == unit.witness.chip(unit.chip).main


def test_no_column_is_free_everywhere() -> None:
    for sweep in standard_sweeps():
        for name, tally in sweep.columns.items():
            assert tally.rules, f"{sweep.chip}.{name}: no change of it was refused"


def test_columns_on_padding_rows_are_free_and_selectors_are_not() -> None:
    for sweep, unit in zip(standard_sweeps(), all_units(), strict=True):
        selectors = set(unit.witness.chip(unit.chip).selectors)
        free = {name for name, tally in sweep.columns.items() if tally.free[PADDING]}
        assert not free & selectors and bool(free) == bool(sweep.padding), sweep.chip


def _chip_names() -> list[str]:
    """Names of the chips of all machines, second instances left out: they have the polynomials of the first."""
    guest = program(finish())
    machines = (rv32im_machine(guest, tuple(COPROCESSORS)), shard_machine(guest), memory_machine(guest))
    return list(dict.fromkeys(chip.name for machine, _ in machines for chip in machine.chips))


@pytest.mark.soak
@pytest.mark.parametrize("chip", _chip_names())
def test_extended_sweep_finds_nothing_unexplained(chip: str) -> None:
    units = [unit for unit in all_units() if unit.chip == chip]
    assert units
    for unit in units:
        sweep = sweep_chip(unit.witness, unit.chip, EXTENDED)
        assert not sweep.unexplained, "\n".join(str(change) for change in sweep.unexplained[:20])
