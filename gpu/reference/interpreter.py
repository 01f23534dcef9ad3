"""Interprets a chip program on NumPy arrays, in the base field or in the extension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpu.program import ChipProgram, Op
from gpu.reference import field
from gpu.reference.field import U64


def evaluate_base(program: ChipProgram, columns: Sequence[U64]) -> list[U64]:
    """The values of all nodes on base columns of shape (n,)."""
    values: list[U64] = []
    for node in program.nodes:
        if node.op is Op.CONST:
            values.append(np.full_like(columns[0], node.a))
        elif node.op is Op.COLUMN:
            values.append(columns[node.a])
        else:
            operation = {Op.ADD: field.add, Op.SUB: field.sub, Op.MUL: field.mul}[node.op]
            values.append(operation(values[node.a], values[node.b]))
    return values


def evaluate_extension(program: ChipProgram, columns: Sequence[U64]) -> list[U64]:
    """The values of all nodes on extension columns of shape (5, n)."""
    values: list[U64] = []
    for node in program.nodes:
        if node.op is Op.CONST:
            values.append(field.embed(np.full_like(columns[0][0], node.a)))
        elif node.op is Op.COLUMN:
            values.append(columns[node.a])
        else:
            operation = {Op.ADD: field.add, Op.SUB: field.sub, Op.MUL: field.ext_mul}[node.op]
            values.append(operation(values[node.a], values[node.b]))
    return values
