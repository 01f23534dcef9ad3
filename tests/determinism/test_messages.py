"""An instruction has no effect beside those that its claims speak of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zk.air.chip import Bus, Chip, Interaction
from zk.air.expression import ExprLike, as_expr, column
from zk.chips.buses import DELEG, HALT, MEM, OUT, PATH, STATE
from zk.determinism.proof import ChipProof
from zk.determinism.report import calls, distinct_chips


def open_claims(chip: Chip) -> dict[str, str]:
    """Which of the two claims about effects are open, and why."""
    findings = ChipProof(chip, calls()).findings({"messages", "semantics"})
    return {finding.claim: finding.detail for finding in findings if not finding.proven}


def with_extra(name: str, bus: Bus, *message: ExprLike, sign: int = 1) -> Chip:
    """The chip with one more tuple sent or (sign -1) received."""
    chip = distinct_chips()[name]
    selector = sum((column(chip.column_names.index(s)) for s in chip.selectors if s != "f_i"), as_expr(0))
    extra = Interaction(bus, sign * selector, tuple(map(as_expr, message)))
    return replace(chip, interactions=[*chip.interactions, extra])


EXTRA = [(OUT, 0, 0, 0), (HALT, 0, 0), (DELEG, 3, 1, 0, 0, 0), (MEM, 8, 5, 1, 0), (STATE, 4, 1), (PATH, 1, *[0] * 10)]


@pytest.mark.parametrize("extra", EXTRA, ids=lambda extra: extra[0].name)
def test_a_further_message_of_a_stated_instruction_leaves_its_effects_open(extra: tuple[Bus, *tuple[int, ...]]) -> None:
    found = open_claims(with_extra("ADDI", *extra))
    assert set(found) == {"messages", "semantics"}
    assert extra[0].name in found["messages"]


@pytest.mark.parametrize("extra", EXTRA, ids=lambda extra: extra[0].name)
def test_a_further_message_of_an_instruction_without_stated_effects_is_open(
    extra: tuple[Bus, *tuple[int, ...]],
) -> None:
    assert extra[0].name in open_claims(with_extra("MUL", *extra))["messages"]
    findings = list(ChipProof(with_extra("ECALL", *extra), calls()).findings({"messages"}))
    assert len(findings) == 4 and all(extra[0].name in finding.detail for finding in findings)


def test_a_word_taken_and_not_given_back_is_open() -> None:
    assert "MEM" in open_claims(with_extra("ADDI", MEM, 8, 5, 1, 0, sign=-1))["messages"]


def test_a_second_access_of_one_slot_is_open() -> None:
    chip = distinct_chips()["ADDI"]
    again = [i for i in chip.interactions if i.bus == MEM][-2:]
    assert "one slot" in open_claims(replace(chip, interactions=[*chip.interactions, *again]))["messages"]


def test_an_instruction_that_does_not_read_its_operand_is_open() -> None:
    chip = distinct_chips()["ADDI"]
    first = next(n for n, i in enumerate(chip.interactions) if i.bus == MEM)
    rest = [i for n, i in enumerate(chip.interactions) if n not in (first, first + 1)]
    assert open_claims(replace(chip, interactions=rest)) == {"semantics": "operands"}
