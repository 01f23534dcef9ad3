"""Columns that are free on some rows, and why that is harmless: reviewed by hand.

An accepted change is explained only if the changed columns are exactly covered by entries whose condition holds on the honest row.
An entry of several columns is about changes of all of them at once. That no contribution to a permutation bus changes is part of
what the judge accepts; the reasons say why it must be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Free:
    """These columns may take other values on rows where the condition holds."""

    chip: str
    columns: tuple[str, ...]
    condition: str
    reason: str


_RS2_NOT_READ = "the immediate form does not read rs2: time and gap of that access have multiplicity sel - f_i = 0"
_EQUAL_LIMBS = "the witness of inequality of a limb is multiplied by the difference of the limbs, which is 0"
_ONE_WITNESS = "only the sum (b0 - c0) v0 + (b1 - c1) v1 = 1 counts; z is fixed by it, and v0, v1 occur nowhere else"
_CARRY = (
    "the address gadget takes the low limb up to 2^18, so a carry may also stay in it; the address m0 + 2^16 m1 that is used is "
    "the same number"
)
_DIVISOR_ZERO = (
    "with divisor 0 the quotient is all ones and the remainder b by other constraints; {} says nothing and goes nowhere"
)
_SPLIT = "(w, x) only name the address 4 w + 2^14 x, which is what every bus sees; two splits of one address are the same row"
_GAP = "y only helps to show that the gap is not negative; the address and its predecessor are what the ORD bus sees"
_LARGEST = "hi = 0x7f00 makes the equation lo = e (0x7f00 - hi) say lo = 0 and leaves its witness e free; e occurs nowhere else"
_SKIPPED = "base mode reads one word of a: this access has multiplicity sel - base = 0, and the word is 0 by its own constraint"
_SKIPPED_WORD = "the limbs of a word that base mode does not read: only the element lo + 2^16 hi counts, and it is 0 by its own constraint"
_NO_START = (
    "without init the old word of the result is replaced and not read as an element: its canonicity is not asked for"
)


def _immediate_forms() -> Iterator[Free]:
    for chip in ("LOGIC", "CMP", "SHIFT"):
        yield Free(chip, ("t2",), "f_i = 1", _RS2_NOT_READ)


def _carries() -> Iterator[Free]:
    for chip in ("LW", "SW", "LOADSUB", "STORESUB"):
        yield Free(chip, ("n",), "16383 < b0 + i - 16384*n", _CARRY)
        yield Free(chip, ("n",), "0 < 4*b1 + n", _CARRY)
    yield Free("JALR", ("k0",), "k0 = 1 and b1 + 65535*jalrn + 1 != 65536*k1", _CARRY)


def _canonical_words() -> Iterator[Free]:
    for kind in ("in", "out"):
        for i in range(16):
            yield Free("P2", (f"{kind}{i}_e",), f"{kind}{i}_hi = 0x7f00", _LARGEST)
    for i in range(16):
        yield Free("PATH_H", (f"e{i}",), f"hi{i} = 0x7f00", _LARGEST)
    for j in range(5):
        for kind in "ab":
            yield Free("DOT", (f"{kind}{j}_e",), f"{kind}{j}_hi = 0x7f00", _LARGEST)
        yield Free("DOT_H", (f"e{j}",), f"hi{j} = 0x7f00", _LARGEST)
        yield Free("DOT_H", (f"old_e{j}",), f"init = 1 and old_hi{j} = 0x7f00", _LARGEST)
        yield Free("DOT_H", (f"old_e{j}",), "init = 0", _NO_START)
    for j in range(1, 5):
        for name in ("t", "d"):
            yield Free("DOT", (f"{name}_a{j}",), "base = 1", _SKIPPED)
        yield Free("DOT", (f"a{j}_lo", f"a{j}_hi", f"a{j}_e"), "base = 1", _SKIPPED_WORD)


FREE: tuple[Free, ...] = (
    *_immediate_forms(),
    Free("BEQ", ("v0",), "b0 = c0", _EQUAL_LIMBS),
    Free("BEQ", ("v1",), "b1 = c1", _EQUAL_LIMBS),
    Free("BEQ", ("v0", "v1"), "b0 != c0 and b1 != c1", _ONE_WITNESS),
    Free("BEQZ", ("v",), "b0 + b1 = 0", _EQUAL_LIMBS),
    *_carries(),
    *(
        Free("DIV", (column,), "cz = 1", _DIVISOR_ZERO.format(what))
        for column, what in (
            ("sq", "the sign of the quotient, multiplied by it,"),
            ("g0", "the slack of |r| < |c|"),
            ("g1", "the slack of |r| < |c|"),
            ("nu", "the borrow of |r| < |c|"),
        )
    ),
    *(Free(chip, ("w", "x"), "0 < x", _SPLIT) for chip in ("ZERO", "GZERO")),
    *(Free(chip, ("y",), "prev + 8195 < 4*w + 16384*x", _GAP) for chip in ("ZERO", "GZERO")),
    *_canonical_words(),
)
