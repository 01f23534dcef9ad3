"""What each chip's rows are functions of, where this is more than "what it receives determines what it sends"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from zk.air.chip import Chip
from zk.air.expression import Expr
from zk.chips.frame import Columns
from zk.determinism.contracts import LIMB, SHARD, Range
from zk.errors import DeterminismError

Word = tuple[tuple[int, Expr], ...]  # weights and digits of an integer


@dataclass(frozen=True, slots=True)
class Choice:
    """Why the prover may choose a column; `only_with` is the selector with which it may."""

    reason: str
    only_with: str


@dataclass(frozen=True, slots=True)
class Product:
    """Two integers whose product the constraints compute from the products of their digits."""

    left: Word
    right: Word


@dataclass(frozen=True, slots=True)
class Statement:
    """Exceptions and hints for one chip.

    `choices`: columns that the prover is free to choose, by design; the outputs are then a function of inputs and
    choices. `splits`: columns that are proven to be determined and then enumerated, because they make products linear.
    `setup`: ranges of preprocessed and virtual columns that setup checks. `product`: the integers that a convolution
    multiplies. `example`: values of columns with which the search for a counterexample starts; no proof uses them.
    """

    choices: Mapping[str, Choice] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    setup: Mapping[str, Range] = field(default_factory=dict)
    product: Callable[[Columns], Product] | None = None
    example: Mapping[str, int] = field(default_factory=dict)


_BYTE_WEIGHTS = (1, 1 << 8, 1 << 16, 1 << 24)


def _bytes_of_limbs(c: Columns, name: str) -> list[Expr]:
    return [byte for j in range(2) for byte in (c[f"{name}l{j}"], (c[f"{name}{j}"] - c[f"{name}l{j}"]) / 256)]


def _signed(digits: list[Expr], sign: Expr) -> Word:
    return (*zip(_BYTE_WEIGHTS, digits, strict=True), (-1 << 32, sign))


def _mul_product(c: Columns) -> Product:
    return Product(_signed(_bytes_of_limbs(c, "b"), c.sb), _signed(_bytes_of_limbs(c, "c"), c.sc))


def _div_product(c: Columns) -> Product:
    return Product(_signed([c.q0, c.q1, c.q2, c.q3], c.sq), _signed(_bytes_of_limbs(c, "c"), c.sc))


_FACTOR = {"c0": 0x0203, "cl0": 0x03, "c1": 0x0001, "cl1": 0x01}
_FACTORS = {"b0": 0x0507, "bl0": 0x07, "b1": 0x0603, "bl1": 0x03} | _FACTOR
_FUNCTION = Statement()
_HINT = Choice("HINT_WORD takes the next private word", "hint")
_ADDRESS = Choice("which words of memory are used is the run's affair", "sel")
_TIME = Choice("a word may be refreshed at any time", "sel")
_SIBLING = Choice(
    "of the two children only the one that continues the path is constrained, the sibling is private advice", "sel"
)
_INDEX_BIT = Choice("the bits of the index are fixed by the chain: it ends with index 0 after at most 30 rows", "sel")
STATEMENTS: dict[str, Statement] = {
    **dict.fromkeys(
        ("ADDI", "ADDI_RW", "MV", "SET", "ADD", "ADD_RW", "LOGIC", "LOGIC_RW", "CMP", "SLTU_RW"), _FUNCTION
    ),
    **dict.fromkeys(("BEQ", "BEQZ", "BLT", "BLTU", "JALR", "LW", "SW", "STORESUB"), _FUNCTION),
    "LOADSUB": Statement(splits=("p0", "p1")),
    "SHIFT": Statement(splits=("sh",)),
    **dict.fromkeys(("SHIFTI", "SHIFTI_RW"), Statement(splits=("power",))),
    "MUL": Statement(product=_mul_product, example=_FACTORS),
    "DIV": Statement(product=_div_product, example=_FACTOR),
    "ECALL": Statement(choices=dict.fromkeys(("n00", "n01"), _HINT)),
    "ROM": _FUNCTION,
    "IMG": Statement(setup={"lo": LIMB, "hi": LIMB}),
    "T16": _FUNCTION,
    "T5": _FUNCTION,
    "REFRESH": Statement(choices={"address": _ADDRESS, "time": _TIME}),
    "ZERO": Statement(choices=dict.fromkeys(("w", "x"), _ADDRESS)),
    "BOUNDARY": Statement(choices={"addr": _ADDRESS}, setup={"SHARD": SHARD}),
    "GIMG": Statement(setup={"lo": LIMB, "hi": LIMB}),
    "GZERO": Statement(choices=dict.fromkeys(("w", "x"), _ADDRESS)),
    "P2": Statement(example={f"in{i}_{part}": 0 for i in range(16) for part in ("lo", "hi", "e")}),
    "PATH": Statement(
        choices={"bit": _INDEX_BIT, **dict.fromkeys((f"x{i}" for i in range(16)), _SIBLING)},
        example=dict.fromkeys((f"x{i}" for i in range(16)), 0),
    ),
    "PATH_H": _FUNCTION,
    "DOT": _FUNCTION,
    "DOT_H": _FUNCTION,
}


def statement_of(chip: Chip) -> Statement:
    """The statement of a chip, also for its second instance. Raises DeterminismError where there is none."""
    name = chip.name.removesuffix("_2")
    if name not in STATEMENTS:
        raise DeterminismError(f"chip {chip.name}: expected a statement in zk/determinism/statements.py, found none")
    return STATEMENTS[name]
