"""The cases of a chip: one for each instruction and each further flag."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from zk.air.affine import columns_of, monomials
from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import LOGIC, PROG
from zk.determinism.contracts import TABLES
from zk.determinism.polynomial import constant_value
from zk.determinism.row import Row
from zk.errors import DeterminismError
from zk.vm.isa import OpCode


def cases_of(chip: Chip, without: frozenset[str] = frozenset()) -> list[dict[str, int]]:
    """All values of the selectors, and of the codes of LOGIC lookups, that the chip's constraints on selectors admit.

    Where all selectors are 0 a row sends and receives nothing and is no case. Raises DeterminismError where `without`
    names a constraint on selectors alone: without it a selector need not be 0 or 1, and the cases would not be all.
    """
    names = chip.column_names
    numbers = {names.index(name): name for name in chip.selectors}
    deciding = [constraint for constraint in chip.constraints if columns_of(constraint.expr) <= set(numbers)]
    left_out = sorted(without & {constraint.name for constraint in deciding})
    if left_out:
        raise DeterminismError(f"chip {chip.name}: {left_out} decide the cases, and cannot be left out")
    own = [monomials(constraint.expr) for constraint in deciding]
    result = []
    for values in product((1, 0), repeat=len(numbers)):
        assignment = dict(zip(numbers, values, strict=True))
        if all(_evaluate(form, assignment) == 0 for form in own) and any(values):
            selected = {numbers[n]: value for n, value in assignment.items()}
            result += [selected | codes for codes in _codes(chip)]
    return result


def coded_columns(chip: Chip) -> list[str]:
    """Columns that name the operation of a LOGIC lookup: the table has rows for its codes only."""
    codes = (i.message[0] for i in chip.interactions if i.bus == LOGIC)
    return sorted({chip.column_names[code.value] for code in codes if code.op == "column" and not chip.virtual})


def _codes(chip: Chip) -> list[dict[str, int]]:
    columns = coded_columns(chip)
    values = TABLES[LOGIC.number].ranges[0].values()
    return [dict(zip(columns, choice, strict=True)) for choice in product(values, repeat=len(columns))]


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
