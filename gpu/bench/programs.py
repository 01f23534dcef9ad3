"""A synthetic chip with the proportions of the RV32IM chips (section 21)."""

from __future__ import annotations

from gpu.program import ChipProgram, InteractionProgram, Node, Op

COLUMNS = 24
CONSTRAINTS = 10
INTERACTIONS = 16
MESSAGE_LENGTH = 3


def chip_program() -> ChipProgram:
    """24 columns, 10 constraints of degree 3, 16 interactions: 0.67 interactions a cell."""
    nodes = [Node(Op.COLUMN, column) for column in range(COLUMNS)]

    def add(op: Op, a: int, b: int) -> int:
        nodes.append(Node(op, a, b))
        return len(nodes) - 1

    constraints = []
    for k in range(CONSTRAINTS):
        difference = add(Op.SUB, (2 * k + 1) % COLUMNS, (2 * k + 2) % COLUMNS)
        product = add(Op.MUL, difference, (2 * k + 3) % COLUMNS)
        constraints.append(add(Op.MUL, add(Op.ADD, product, (2 * k + 4) % COLUMNS), 0))
    interactions = tuple(
        InteractionProgram(1 + i, 0, tuple((i + j) % COLUMNS for j in range(MESSAGE_LENGTH)))
        for i in range(INTERACTIONS)
    )
    return ChipProgram("bench", COLUMNS, 0, (), tuple(nodes), tuple(constraints), interactions)
