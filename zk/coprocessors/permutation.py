"""P2: one Poseidon2 permutation or node per row (call 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import DELEG
from zk.chips.frame import Columns, boolean
from zk.chips.rows import Array, Trace, hi, in_field, inverses, lo
from zk.coprocessors.gadgets import (
    HIGH_LIMB_MAX,
    SBOX_COLUMNS,
    Word,
    access_words,
    check_canonical,
    check_limbs,
    permutation,
)
from zk.coprocessors.poseidon2 import permute_with_sboxes

CALL = 3
_LANES = range(16)


def build_p2() -> Chip:
    """16 words at ptr: in-place permutation, or with node = 1 the first eight := perm(x) + x, the others unchanged."""
    chip = Chip("P2", height_log_max=20)
    words = [f"{kind}{i}_{part}" for i in _LANES for kind in ("in", "out") for part in ("lo", "hi", "e")]
    times = [f"{name}{i}" for i in _LANES for name in ("t", "d")]
    names = ("sel", "clk", "ptr", "node", *words, *times, *SBOX_COLUMNS)
    c = Columns(chip.declare(names, selectors=("sel",)))
    inputs, outputs = (
        [Word(*(c[f"{k}{i}_{part}"] for part in ("lo", "hi", "e"))) for i in _LANES] for k in ("in", "out")
    )
    boolean(chip, "sel", c.sel)
    chip.constrain("node is boolean", c.sel * (c.node * (c.node - 1)))
    chip.receive(DELEG, c.sel, CALL, c.clk, c.ptr, c.node, 0)

    for i, (word, written) in enumerate(zip(inputs, outputs, strict=True)):
        check_canonical(chip, c.sel, word, f"in{i}")
        check_canonical(chip, c.sel, written, f"out{i}")
        check_limbs(chip, c.sel, written)
    permuted = permutation(chip, [word.value for word in inputs], [c[name] for name in SBOX_COLUMNS])
    for i, (word, written, y) in enumerate(zip(inputs, outputs, permuted, strict=True)):
        x = word.value
        result = y + c.node * x if i < 8 else y + c.node * (x - y)
        chip.constrain(f"out{i}", c.sel * (written.value - result))
    changes = [(word.limbs, written.limbs) for word, written in zip(inputs, outputs, strict=True)]
    access_words(chip, c.sel, c.clk, c.ptr, changes, [(c[f"t{i}"], c[f"d{i}"]) for i in _LANES])
    return chip


def fill_p2(rows: NDArray[np.uint32]) -> Trace:
    """Trace of P2 from logged rows (35, n): clk, ptr, node, 16 words, 16 times."""
    clk, pointer, node = (row.astype(np.int64) for row in rows[:3])
    inputs, times = rows[3:19], rows[19:35].astype(np.int64)
    permuted, sboxes = permute_with_sboxes(inputs.astype(np.uint64))
    x, y = inputs.astype(np.int64), permuted.astype(np.int64)
    outputs = np.where(node == 0, y, x)
    outputs[:8] = (y[:8] + node * x[:8]) % P
    columns: Trace = {"sel": np.ones_like(clk), "clk": clk, "ptr": pointer, "node": node}
    for i in _LANES:
        columns |= word_columns(f"in{i}_", x[i]) | word_columns(f"out{i}_", outputs[i])
        columns |= time_columns(str(i), clk, times[i])
    return columns | sbox_columns(sboxes)


def word_columns(prefix: str, word: Array) -> Trace:
    """lo, hi and the witness e of canonicity."""
    slack = HIGH_LIMB_MAX - hi(word)
    return {f"{prefix}lo": lo(word), f"{prefix}hi": hi(word), f"{prefix}e": _witness(lo(word), slack)}


def _witness(low: Array, slack: Array) -> Array:
    """e with low = e * slack; 0 where slack is 0."""
    return in_field(low * inverses()[slack] % P)


def time_columns(suffix: str, clk: Array, t: Array) -> Trace:
    """t and d of an access at ts = 4 clk + 2."""
    return {f"t{suffix}": t, f"d{suffix}": lo(4 * clk + 2 - t - 1)}


def sbox_columns(outputs: NDArray[np.uint64]) -> Trace:
    """The 148 S-box columns."""
    return {name: values.astype(np.int64) for name, values in zip(SBOX_COLUMNS, outputs, strict=True)}


def padding_of_sboxes() -> dict[str, int]:
    """S-box columns of an all-zero row: they are defined, not gated."""
    _, outputs = permute_with_sboxes(np.zeros((16, 1), np.uint64))
    return {name: int(value) for name, value in zip(SBOX_COLUMNS, outputs[:, 0], strict=True)}
