"""EXT_DOT (call 5): DOT multiplies and adds one element per row, DOT_H starts a call and writes its result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.air.expression import Expr, P, total
from zk.chips.buses import ACC, DELEG, R16, U8P
from zk.chips.frame import Columns, access, boolean
from zk.chips.rows import Array, Trace, hi, lo
from zk.coprocessors.gadgets import Word, check_canonical, check_limbs
from zk.coprocessors.permutation import time_columns, word_columns

CALL = 5
_DEGREE = range(5)
# Powers X^5 .. X^8 modulo X^5 + X^2 - 1, as coefficients of 1 .. X^4.
_REDUCTION = ((1, 0, -1, 0, 0), (0, 1, 0, -1, 0), (0, 0, 1, 0, -1), (-1, 0, 1, 1, 0))


def multiply(a: Sequence[Expr], b: Sequence[Expr]) -> list[Expr]:
    """The product of two elements of the extension field."""
    product = [total(a[i] * b[k - i] for i in _DEGREE if 0 <= k - i < 5) for k in range(9)]
    return [product[j] + total(row[j] * c for row, c in zip(_REDUCTION, product[5:], strict=True)) for j in _DEGREE]


def multiply_arrays(a: Array, b: Array) -> Array:
    """Products of canonical elements of shape (5, n)."""
    product = [np.zeros(a.shape[1], np.int64) for _ in range(9)]
    for i in _DEGREE:
        for j in _DEGREE:
            product[i + j] = (product[i + j] + a[i] * b[j]) % P
    for row, c in zip(_REDUCTION, product[5:], strict=True):
        for j in _DEGREE:
            product[j] = product[j] + row[j] * c
    result: Array = np.stack(product[:5]) % P
    return result


def build_dot() -> Chip:
    """new = acc + a b. In base mode a is one word; `base` travels on the bus, so that it cannot change inside a call."""
    chip = Chip("DOT", height_log_max=20)
    words = [f"{kind}{j}_{part}" for kind in "ab" for j in _DEGREE for part in ("lo", "hi", "e")]
    times = [f"{name}_{kind}{j}" for kind in "ab" for j in _DEGREE for name in ("t", "d")]
    sums = [f"{name}{j}" for name in ("acc", "new") for j in _DEGREE]
    names = ("sel", "base", "clk", "i", "pa", "pb", *words, *times, *sums)
    c = Columns(chip.declare(names, selectors=("sel", "base")))
    boolean(chip, "sel", c.sel)
    boolean(chip, "base", c.base)
    chip.constrain("base only on elements", c.base * (1 - c.sel))
    a, b = ([Word(*(c[f"{kind}{j}_{part}"] for part in ("lo", "hi", "e"))) for j in _DEGREE] for kind in "ab")
    for kind, operand in (("a", a), ("b", b)):
        for j, word in enumerate(operand):
            check_canonical(chip, c.sel, word, f"{kind}{j}")
    for j in range(1, 5):
        chip.constrain(f"a base element has no coefficient {j}", c.base * a[j].value)
    accumulator, new = c.each("acc{}", 5), c.each("new{}", 5)
    for target, old, term in zip(new, accumulator, multiply(_values(a), _values(b)), strict=True):
        chip.define(target, old + term)

    extension = c.sel - c.base
    tops: dict[str, Expr] = {}
    for kind, operand, pointer in (("a", a, c.pa), ("b", b, c.pb)):
        for j, word in enumerate(operand):
            multiplicity = extension if kind == "a" and j else c.sel
            t, d, time = c[f"t_{kind}{j}"], c[f"d_{kind}{j}"], 4 * c.clk + 2
            tops[f"{kind}{j}"] = access(chip, multiplicity, pointer + 4 * j, time, word.limbs, word.limbs, t, d)
    for first, second in (("a0", "b0"), ("b1", "b2"), ("b3", "b4")):
        chip.send(U8P, c.sel, tops[first], tops[second])
    for first, second in (("a1", "a2"), ("a3", "a4")):
        chip.send(U8P, extension, tops[first], tops[second])
    chip.receive(ACC, c.sel, c.clk, c.i, c.base, c.pa, c.pb, *accumulator)
    chip.send(ACC, c.sel, c.clk, c.i + 1, c.base, c.pa + 20 - 16 * c.base, c.pb + 20, *new)
    return chip


def fill_dot(rows: NDArray[np.uint32]) -> Trace:
    """Trace of DOT from logged rows (30, n): clk, i, base, a, b, 5 words of a, 5 times, 5 of b, 5 times, accumulator."""
    values = rows.astype(np.int64)
    clk, index, base, pointer_a, pointer_b = values[:5]
    a, times_a, b, times_b, accumulator = (values[5 * k : 5 * k + 5] for k in range(1, 6))
    new = (accumulator + multiply_arrays(a, b)) % P
    columns: Trace = {"sel": np.ones_like(clk), "base": base, "clk": clk, "i": index, "pa": pointer_a, "pb": pointer_b}
    for j in _DEGREE:
        columns |= word_columns(f"a{j}_", a[j]) | word_columns(f"b{j}_", b[j])
        columns |= time_columns(f"_a{j}", clk, times_a[j]) | time_columns(f"_b{j}", clk, times_b[j])
        columns |= {f"acc{j}": accumulator[j], f"new{j}": new[j]}
    for j in range(1, 5):  # words that base mode skips
        columns[f"d_a{j}"] = columns[f"d_a{j}"] * (1 - base)
    return columns


def build_dot_head() -> Chip:
    """Takes the call, hands the chain its start s = init * old, and writes what the chain ends with to the result slot."""
    chip = Chip("DOT_H", height_log_max=16)
    parts = ("lo", "hi", "e", "t", "d", "old_lo", "old_hi", "old_e", "s")
    names = ("sel", "init", "clk", "pa", "pb", "len", "base", "pe", *(f"{name}{j}" for j in _DEGREE for name in parts))
    c = Columns(chip.declare(names, selectors=("sel", "init")))
    boolean(chip, "sel", c.sel)
    boolean(chip, "init", c.init)
    chip.constrain("init only on calls", c.init * (1 - c.sel))
    chip.constrain("base is boolean", c.sel * (c.base * (c.base - 1)))
    result = [Word(c[f"lo{j}"], c[f"hi{j}"], c[f"e{j}"]) for j in _DEGREE]
    old = [Word(c[f"old_lo{j}"], c[f"old_hi{j}"], c[f"old_e{j}"]) for j in _DEGREE]
    start = c.each("s{}", 5)
    chip.receive(DELEG, c.sel, CALL, c.clk, c.pa, c.pb, 4 * c.len + 2 * c.init + c.base)
    chip.send(R16, c.sel, c.len)
    end_of_b = c.pb + 20 * c.len
    tops: list[Expr] = []
    for j in _DEGREE:
        chip.define(start[j], c.init * old[j].value)
        check_canonical(chip, c.sel, result[j], f"result {j}")
        check_limbs(chip, c.sel, result[j])
        check_canonical(chip, c.init, old[j], f"initial value {j}")
        limbs = (old[j].limbs, result[j].limbs)
        tops.append(access(chip, c.sel, end_of_b + 4 * j, 4 * c.clk + 2, *limbs, c[f"t{j}"], c[f"d{j}"]))
    chip.send(U8P, c.sel, tops[0], tops[1])
    chip.send(U8P, c.sel, tops[2], tops[3])
    chip.send(U8P, c.sel, tops[4], 0)
    chip.send(ACC, c.sel, c.clk, 0, c.base, c.pa, c.pb, *start)
    chip.receive(ACC, c.sel, c.clk, c.len, c.base, c.pe, end_of_b, *_values(result))
    return chip


def fill_dot_head(rows: NDArray[np.uint32]) -> Trace:
    """Trace of DOT_H from logged rows (22, n): clk, a, b, len, base, init, end of a, 5 old words, 5 times, 5 results."""
    values = rows.astype(np.int64)
    names = ("clk", "pa", "pb", "len", "base", "init", "pe")
    columns: Trace = {"sel": np.ones_like(values[0]), **dict(zip(names, values[:7], strict=True))}
    init, clk = columns["init"], columns["clk"]
    for j in _DEGREE:
        old, time, result = values[7 + j], values[12 + j], values[17 + j]
        columns |= {f"{part}{j}": limb for part, limb in word_columns("", result).items()}
        columns |= {f"old_lo{j}": lo(old), f"old_hi{j}": hi(old), f"s{j}": init * old}
        # Without init the old word may be any 32-bit value, and its witness is free.
        columns[f"old_e{j}"] = word_columns("", init * old)["e"]
        columns |= time_columns(str(j), clk, time)
    return columns


def _values(words: Sequence[Word]) -> list[Expr]:
    return [word.value for word in words]
