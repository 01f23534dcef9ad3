"""The cases of a chip: assignments of its selectors, one for each instruction and each further flag."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from zk.air.affine import columns_of, monomials
from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import PROG
from zk.determinism.polynomial import constant_value
from zk.determinism.row import Row
from zk.vm.isa import OpCode


def cases_of(chip: Chip) -> list[dict[str, int]]:
    """All assignments of the selectors that the chip's constraints on selectors admit and that send or receive something."""
    names = chip.column_names
    numbers = {names.index(name): name for name in chip.selectors}
    own = [monomials(c.expr) for c in chip.constraints if columns_of(c.expr) <= set(numbers)]
    result = []
    for values in product((1, 0), repeat=len(numbers)):
        assignment = dict(zip(numbers, values, strict=True))
        if all(_evaluate(form, assignment) == 0 for form in own) and any(values):
            result.append({numbers[n]: value for n, value in assignment.items()})
    return result


def _evaluate(form: Mapping[tuple[int, ...], int], assignment: Mapping[int, int]) -> int:
    total = 0
    for monomial, coefficient in form.items():
        for number in monomial:
            coefficient *= assignment[number]
        total += coefficient
    return total % P


def op_of(row: Row) -> int | None:
    """The op code that the row fetches; None for a row that fetches nothing."""
    ops = [constant_value(message.entries[1]) for message in row.looked_up if message.bus == PROG]
    return ops[0] if ops else None


def case_name(chip: Chip, row: Row) -> str:
    """The instruction, or the selectors that are set, with flags that are no instruction."""
    op = op_of(row)
    names = chip.column_names
    chosen = [name for name in chip.selectors if row.fixed[names.index(name)]]
    if op is None:
        return "+".join(chosen)
    instruction = OpCode(op).name
    instructions = {code.name.lower() for code in OpCode} | {"f_i", "sel"}
    return " ".join([instruction, *(name for name in chosen if name not in instructions)])
