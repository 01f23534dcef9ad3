"""Poseidon2 of width 16 over KoalaBear on NumPy arrays (proof system, section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from gpu.reference.field import MODULUS, U64, P

WIDTH = 16
RATE = 8
HALF_FULL_ROUNDS = 4
PARTIAL_ROUNDS = 20

_HALF = pow(2, -1, P)
DIAGONAL: tuple[int, ...] = (
    *(d % P for d in (-2, 1, 2, _HALF, 3, 4, -_HALF, -3, -4)),
    *(pow(2, -k, P) for k in (8, 3, 24)),
    *(-pow(2, -k, P) % P for k in (8, 3, 4, 24)),
)


def _grain_bits() -> Iterator[int]:
    """Output bits of the self-shrinking 80-bit Grain LFSR, seeded with the shape of the permutation."""
    fields = ((1, 2), (0, 4), (31, 12), (WIDTH, 12), (2 * HALF_FULL_ROUNDS, 10), (PARTIAL_ROUNDS, 10), (2**30 - 1, 30))
    state = [(number >> (length - 1 - i)) & 1 for number, length in fields for i in range(length)]

    def step() -> int:
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        del state[0]
        state.append(bit)
        return bit

    for _ in range(160):
        step()
    while True:
        keep, bit = step(), step()
        if keep:
            yield bit


@cache
def round_constants() -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """(first full rounds, partial rounds, last full rounds)."""
    bits = _grain_bits()

    def element() -> int:
        while True:
            candidate = 0
            for _ in range(31):
                candidate = 2 * candidate + next(bits)
            if candidate < P:
                return candidate

    def full() -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(element() for _ in range(WIDTH)) for _ in range(HALF_FULL_ROUNDS))

    first = full()
    partial = tuple(element() for _ in range(PARTIAL_ROUNDS))
    return first, partial, full()


def _external_layer(state: U64) -> U64:
    """M4 on each block of four lanes, then the column sums added."""
    a, b, c, d = (state[i::4] for i in range(4))  # each (4, n): lane i of the four blocks
    both = a + b + c + d
    mixed = np.stack([both + a + 2 * b, both + b + 2 * c, both + c + 2 * d, both + d + 2 * a])  # [lane, block, n]
    mixed = mixed + mixed.sum(axis=1, dtype=np.uint64)[:, None]
    result: U64 = mixed.transpose(1, 0, 2).reshape(state.shape) % MODULUS
    return result


def _cube(x: U64) -> U64:
    result: U64 = x * x % MODULUS * x % MODULUS
    return result


def permute(state: U64) -> U64:
    """The permutation on each column of a (16, n) array."""
    first, partial, last = (np.array(c, dtype=np.uint64) for c in round_constants())
    diagonal = np.array(DIAGONAL, dtype=np.uint64)[:, None]
    state = _external_layer(state)
    for constants in first:
        state = _external_layer(_cube(state + constants[:, None]))
    for constant in partial:
        state[0] = _cube(state[0] + constant)
        state = (state * diagonal + state.sum(axis=0, dtype=np.uint64)) % MODULUS
    for constants in last:
        state = _external_layer(_cube(state + constants[:, None]))
    return state


def leaves(rows: U64) -> U64:
    """Leaf digests (n, 8) of rows (n, width)."""
    count, width = rows.shape
    state = np.zeros((WIDTH, count), dtype=np.uint64)
    state[RATE], state[RATE + 1] = width, 1
    for start in range(0, width, RATE):
        block = rows[:, start : start + RATE].T
        state[:RATE] = 0
        state[: block.shape[0]] = block
        state = permute(state)
    return state[:RATE].T.copy()


def nodes(left: U64, right: U64) -> U64:
    """Parent digests (n, 8) of digests (n, 8), with feed-forward."""
    inputs = np.concatenate([left, right], axis=1).T.copy()
    digests: U64 = ((permute(inputs) + inputs) % MODULUS)[:RATE].T.copy()
    return digests
