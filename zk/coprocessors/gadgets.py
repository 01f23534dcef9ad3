"""What the coprocessor chips share: words of memory as canonical field elements, and the Poseidon2 permutation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zk.air.chip import Chip
from zk.air.expression import Expr, ExprLike, total
from zk.chips.buses import R16, U8P
from zk.chips.frame import access
from zk.coprocessors.poseidon2 import CONSTANTS, FULL_ROUNDS_HALF, M4, SBOX_COUNT

HIGH_LIMB_MAX = 0x7F00  # p = 2^16 * 0x7f00 + 1: a word is canonical iff hi < 0x7f00, or hi = 0x7f00 and lo = 0
SBOX_COLUMNS = tuple(f"s{i}" for i in range(SBOX_COUNT))


@dataclass(frozen=True, slots=True)
class Word:
    """A memory word as limbs, with the witness e of its canonicity."""

    lo: Expr
    hi: Expr
    e: Expr

    @property
    def value(self) -> Expr:
        """The field element."""
        return self.lo + 65536 * self.hi

    @property
    def limbs(self) -> tuple[Expr, Expr]:
        """(lo, hi)."""
        return self.lo, self.hi


def check_canonical(chip: Chip, sel: Expr, word: Word, name: str) -> None:
    """lo + 2^16 hi < p, for limbs that are already known to be below 2^16."""
    slack = HIGH_LIMB_MAX - word.hi
    chip.send(R16, sel, slack)
    chip.constrain(f"{name} is canonical", sel * (word.lo - word.e * slack))


def check_limbs(chip: Chip, sel: Expr, word: Word) -> None:
    """Both limbs of a newly written word are below 2^16."""
    chip.send(R16, sel, word.lo)
    chip.send(R16, sel, word.hi)


def access_words(
    chip: Chip,
    sel: Expr,
    clk: Expr,
    pointer: Expr,
    words: Sequence[tuple[tuple[ExprLike, ExprLike], tuple[ExprLike, ExprLike]]],
    times: Sequence[tuple[Expr, Expr]],
) -> None:
    """One access (old, new) to each of an even number of words from `pointer` on, at ts = 4 clk + 2."""
    tops = []
    for i, ((old, new), (t, d)) in enumerate(zip(words, times, strict=True)):
        tops.append(access(chip, sel, pointer + 4 * i, 4 * clk + 2, old, new, t, d))
    for first, second in zip(tops[::2], tops[1::2], strict=True):
        chip.send(U8P, sel, first, second)


def permutation(chip: Chip, inputs: Sequence[Expr], sboxes: Sequence[Expr]) -> list[Expr]:
    """The outputs of Poseidon2 as affine forms of the 148 S-box columns, each defined as a cube of an affine form."""
    queue = iter(sboxes)

    def cube(x: Expr) -> Expr:
        column = next(queue)
        chip.define(column, x * x * x)
        return column

    state = _external_layer(inputs)
    for constants in CONSTANTS.full[:FULL_ROUNDS_HALF]:
        state = _external_layer([cube(x + c) for x, c in zip(state, constants, strict=True)])
    for constant in CONSTANTS.partial:
        state[0] = cube(state[0] + constant)
        everything = total(state)
        state = [everything + d * x for d, x in zip(CONSTANTS.diagonal, state, strict=True)]
    for constants in CONSTANTS.full[FULL_ROUNDS_HALF:]:
        state = _external_layer([cube(x + c) for x, c in zip(state, constants, strict=True)])
    return state


def _external_layer(state: Sequence[Expr]) -> list[Expr]:
    blocks = [state[i : i + 4] for i in range(0, 16, 4)]
    mixed = [[total(m * x for m, x in zip(row, block, strict=True)) for row in M4] for block in blocks]
    sums = [total(block[lane] for block in mixed) for lane in range(4)]
    return [x + sums[lane] for block in mixed for lane, x in enumerate(block)]
