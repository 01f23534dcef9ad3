"""Poseidon2 over KoalaBear, width 16, with the outputs of its S-boxes (proof system, sections 3 and 21)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.reference.poseidon2 import DIAGONAL, HALF_FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH, round_constants
from zk.air.expression import P

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

FULL_ROUNDS_HALF = HALF_FULL_ROUNDS
SBOX_COUNT = 2 * FULL_ROUNDS_HALF * WIDTH + PARTIAL_ROUNDS
M4 = ((2, 3, 1, 1), (1, 2, 3, 1), (1, 1, 2, 3), (3, 1, 1, 2))


@dataclass(frozen=True, slots=True)
class Poseidon2Constants:
    """Round constants: 8 full rounds of 16 (four first, four last), 20 partial rounds; diagonal of the internal layer."""

    full: tuple[tuple[int, ...], ...]
    partial: tuple[int, ...]
    diagonal: tuple[int, ...]

    def flat(self) -> U32:
        """All 164 constants in the order full, partial, diagonal."""
        return np.array([*(c for round_ in self.full for c in round_), *self.partial, *self.diagonal], dtype=np.uint32)


def _load() -> Poseidon2Constants:
    first, partial, last = round_constants()
    return Poseidon2Constants((*first, *last), partial, DIAGONAL)


CONSTANTS = _load()


def permute(state: U64) -> U64:
    """The permutation of canonical states of shape (16, n)."""
    return permute_with_sboxes(state)[0]


def permute_with_sboxes(state: U64) -> tuple[U64, U64]:
    """The permuted states (16, n) and the outputs of all 148 S-boxes in order of evaluation (148, n)."""
    prime = np.uint64(P)
    outputs = np.empty((SBOX_COUNT, state.shape[1]), np.uint64)
    position = 0

    def cube(x: U64) -> U64:
        return x * x % prime * x % prime

    def full_round(x: U64, constants: tuple[int, ...]) -> U64:
        nonlocal position
        y = cube((x + np.array(constants, np.uint64)[:, None]) % prime)
        outputs[position : position + WIDTH] = y
        position += WIDTH
        return external_layer(y)

    x = external_layer(state)
    for constants in CONSTANTS.full[:FULL_ROUNDS_HALF]:
        x = full_round(x, constants)
    diagonal = np.array(CONSTANTS.diagonal, np.uint64)[:, None]
    for constant in CONSTANTS.partial:
        x[0] = outputs[position] = cube((x[0] + np.uint64(constant)) % prime)
        position += 1
        x = (x.sum(axis=0) + diagonal * x) % prime
    for constants in CONSTANTS.full[FULL_ROUNDS_HALF:]:
        x = full_round(x, constants)
    return x, outputs


def external_layer(state: U64) -> U64:
    """M4 on each block of four lanes, then the column sums are added; canonical in and out, shape (16, n)."""
    blocks = state.reshape(4, 4, -1)
    mixed = np.einsum("ij,bjn->bin", np.array(M4, np.uint64), blocks)
    result: U64 = ((mixed + mixed.sum(axis=0)) % np.uint64(P)).reshape(state.shape)
    return result
