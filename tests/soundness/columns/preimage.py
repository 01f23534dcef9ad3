"""The inverse of Poseidon2, to reach chosen outputs: honest rows with rare output words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zk.air.expression import P
from zk.coprocessors.poseidon2 import CONSTANTS, FULL_ROUNDS_HALF, external_layer

_WIDTH = 16
_CUBE_ROOT = pow(3, -1, P - 1)
Matrix = list[list[int]]


def preimage(outputs: Sequence[int]) -> list[int]:
    """The sixteen canonical elements that the permutation maps to `outputs`."""
    identity = np.eye(_WIDTH, dtype=np.uint64)
    external = _inverse(external_layer(identity).astype(int).tolist())
    internal = _inverse([[1 + (CONSTANTS.diagonal[i] if i == j else 0) for j in range(_WIDTH)] for i in range(_WIDTH)])
    state = list(outputs)
    for constants in reversed(CONSTANTS.full[FULL_ROUNDS_HALF:]):
        state = _full_round(state, external, constants)
    for constant in reversed(CONSTANTS.partial):
        state = _apply(internal, state)
        state[0] = (pow(state[0], _CUBE_ROOT, P) - constant) % P
    for constants in reversed(CONSTANTS.full[:FULL_ROUNDS_HALF]):
        state = _full_round(state, external, constants)
    return _apply(external, state)


def _full_round(state: list[int], matrix: Matrix, constants: Sequence[int]) -> list[int]:
    return [(pow(x, _CUBE_ROOT, P) - c) % P for x, c in zip(_apply(matrix, state), constants, strict=True)]


def _apply(matrix: Matrix, state: Sequence[int]) -> list[int]:
    return [sum(m * x for m, x in zip(row, state, strict=True)) % P for row in matrix]


def _inverse(matrix: Matrix) -> Matrix:
    """Gauss and Jordan mod p."""
    size = len(matrix)
    rows = [[*row, *(int(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if rows[i][column] % P)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = pow(rows[column][column], -1, P)
        rows[column] = [x * scale % P for x in rows[column]]
        for i in range(size):
            if i != column and rows[i][column]:
                factor = rows[i][column]
                rows[i] = [(x - factor * y) % P for x, y in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows]
