"""The contracts may be assumed by induction only where every row leads its paths on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zk.air.chip import Bus, Chip, Interaction
from zk.air.expression import ZERO, Expr, column, const
from zk.chips.buses import ACC, DELEG, GLOBAL, HALT, MEM, OUT, PATH, STATE
from zk.determinism.contracts import CONTRACTS
from zk.determinism.proof import ChipProof
from zk.determinism.report import calls, distinct_chips

# A lookup without which a row may go back on its path, or stay where it is.
NEEDED = {
    "ADD": "lookup 7 in R16",
    "MUL": "lookup 18 in R16",
    "ECALL": "lookup 5 in R16",
    "LW": "lookup 5 in R16",
    "ZERO": "lookup 7 in R16",
    "GZERO": "lookup 5 in R16",
    "REFRESH": "lookup 2 in R16",
    "BOUNDARY": "lookup 2 in R16",
}


def open_progress(chip: Chip, without: frozenset[str] = frozenset()) -> str:
    """What is open of the progress of all cases."""
    findings = ChipProof(chip, calls(), without).findings({"progress"})
    return "; ".join(finding.detail for finding in findings if not finding.proven)


def changed(chip: Chip, bus: Bus, at: int, difference: Expr | int) -> Chip:
    """The chip with entry `at` of what it sends last on a bus changed."""
    name = "global_interactions" if bus == GLOBAL else "interactions"
    interactions = list(getattr(chip, name))
    position = max(n for n, i in enumerate(interactions) if i.bus == bus and i.multiplicity.left is not ZERO)
    message = list(interactions[position].message)
    message[at] = message[at] + difference
    interactions[position] = replace(interactions[position], message=tuple(message))
    return replace(chip, **{name: interactions})


@pytest.mark.parametrize("difference", [-1, -5, 1])
@pytest.mark.parametrize("name", ["ADDI", "BEQ", "JALR", "ECALL", "MUL"])
def test_an_instruction_must_count_the_clock_by_one(name: str, difference: int) -> None:
    chip = distinct_chips()[name]
    assert open_progress(chip) == ""
    assert "STATE[1] grows" in open_progress(changed(chip, STATE, 1, difference))


@pytest.mark.parametrize(
    ("name", "bus", "entry", "expected"),
    [
        ("PATH", PATH, 1, "PATH[1] grows"),
        ("PATH", PATH, 0, "PATH[0] of interaction"),
        ("DOT", ACC, 1, "ACC[1] grows"),
        ("DOT_H", ACC, 1, "begin a path on ACC"),
        ("PATH_H", PATH, 1, "begin a path on PATH"),
        ("IMG", MEM, 1, "begin a path on MEM"),
        ("GIMG", GLOBAL, 3, "begin a path on GLOBAL"),
        ("BOUNDARY", GLOBAL, 0, "GLOBAL[0] stays"),
        ("ECALL", DELEG, 1, "DELEG[1] of interaction"),
        ("REFRESH", MEM, 2, "MEM[2] stays"),
        ("ADDI", MEM, 0, "MEM[0] stays"),
        ("ADDI", MEM, 1, "in the row's cycle"),
    ],
)
def test_every_path_is_led_on(name: str, bus: Bus, entry: int, expected: str) -> None:
    chip = distinct_chips()[name]
    assert open_progress(chip) == ""
    assert expected in open_progress(changed(chip, bus, entry, 1))


@pytest.mark.parametrize("name", NEEDED)
def test_without_the_lookup_of_a_distance_a_row_may_go_back(name: str) -> None:
    assert "grows" in open_progress(distinct_chips()[name], frozenset({NEEDED[name]}))


@pytest.mark.parametrize(
    ("name", "bus", "expected"),
    [
        ("P2", MEM, "begin a path"),
        ("ADDI", STATE, "begin a path"),
        ("REFRESH", MEM, "begin a path"),
        ("ZERO", MEM, "MEM[0] stays"),
        ("P2", OUT, "is an instruction's"),
        ("REFRESH", HALT, "is an instruction's"),
        ("DOT_H", DELEG, "is an instruction's"),
    ],
)
def test_no_other_row_may_begin_a_path_or_speak_for_an_instruction(name: str, bus: Bus, expected: str) -> None:
    chip = distinct_chips()[name]
    message = tuple(const(0) for _ in range(bus.length))
    extra = Interaction(bus, column(chip.column_names.index("sel")), message)
    assert expected in open_progress(replace(chip, interactions=[*chip.interactions, extra]))


def test_every_bus_that_a_chip_continues_has_a_progress() -> None:
    for chip in distinct_chips().values():
        interactions = [i for i in (*chip.interactions, *chip.global_interactions) if i.bus.kind == "permutation"]
        received = {i.bus.number for i in interactions if i.multiplicity.left is ZERO}
        sent = {i.bus.number for i in interactions if i.multiplicity.left is not ZERO}
        assert all(CONTRACTS[number].progress is not None for number in received & sent)
