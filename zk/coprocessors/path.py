"""P2_PATH (call 4): PATH walks one level of a Merkle path per row, PATH_H reads the leaf and writes the root."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.chips.buses import DELEG, PATH, R16
from zk.chips.frame import Columns, boolean
from zk.chips.rows import Trace, hi, lo
from zk.coprocessors.gadgets import (
    SBOX_COLUMNS,
    Word,
    access_words,
    check_canonical,
    check_limbs,
    permutation,
)
from zk.coprocessors.permutation import sbox_columns, time_columns, word_columns
from zk.coprocessors.poseidon2 import permute_with_sboxes

CALL = 4
DEPTH_MAX = 30
_DIGEST = range(8)
_LANES = range(16)


def build_path() -> Chip:
    """Replaces the digest cur by its parent; the sibling is free. Level counts up, so no cycle of rows exists."""
    chip = Chip("PATH", height_log_max=20)
    names = ("sel", "clk", "level", "idx", "bit", *(f"cur{i}" for i in _DIGEST), *(f"x{i}" for i in _LANES))
    c = Columns(chip.declare((*names, *SBOX_COLUMNS), selectors=("sel",)))
    x = c.each("x{}", 16)
    boolean(chip, "sel", c.sel)
    chip.constrain("bit is boolean", c.sel * (c.bit * (c.bit - 1)))
    for i in _DIGEST:
        chip.constrain(f"cur{i} is the child that bit names", c.sel * (c[f"cur{i}"] - x[i] - c.bit * (x[8 + i] - x[i])))
    permuted = permutation(chip, x, [c[name] for name in SBOX_COLUMNS])
    parent = [permuted[i] + x[i] for i in _DIGEST]
    chip.receive(PATH, c.sel, c.clk, c.level, c.idx, *c.each("cur{}", 8))
    chip.send(PATH, c.sel, c.clk, c.level + 1, (c.idx - c.bit) / 2, *parent)
    return chip


def fill_path(rows: NDArray[np.uint32]) -> Trace:
    """Trace of PATH from logged rows (19, n): clk, level, index, 16 words (left, right)."""
    clk, level, index = (row.astype(np.int64) for row in rows[:3])
    x = rows[3:19].astype(np.int64)
    bit = index & 1
    columns: Trace = {"sel": np.ones_like(clk), "clk": clk, "level": level, "idx": index, "bit": bit}
    columns |= {f"cur{i}": np.where(bit == 1, x[8 + i], x[i]) for i in _DIGEST}
    columns |= {f"x{i}": x[i] for i in _LANES}
    return columns | sbox_columns(permute_with_sboxes(x.astype(np.uint64))[1])


def build_path_head() -> Chip:
    """Reads the leaf from words 0..7 and writes the root to words 8..15, in the digest form of canonical words."""
    chip = Chip("PATH_H", height_log_max=16)
    words = [f"{part}{i}" for i in _LANES for part in ("lo", "hi", "e", "t", "d")]
    olds = [f"old{i}_{part}" for i in _DIGEST for part in ("lo", "hi")]
    c = Columns(chip.declare(("sel", "clk", "ptr", "depth", "idx", *words, *olds), selectors=("sel",)))
    lanes = [Word(c[f"lo{i}"], c[f"hi{i}"], c[f"e{i}"]) for i in _LANES]
    leaf, root = lanes[:8], lanes[8:]
    boolean(chip, "sel", c.sel)
    chip.receive(DELEG, c.sel, CALL, c.clk, c.ptr, c.depth, c.idx)
    chip.send(R16, c.sel, DEPTH_MAX - c.depth)
    for i, word in enumerate(lanes):
        check_canonical(chip, c.sel, word, f"word {i}")
    for word in root:
        check_limbs(chip, c.sel, word)
    chip.send(PATH, c.sel, c.clk, 0, c.idx, *(word.value for word in leaf))
    chip.receive(PATH, c.sel, c.clk, c.depth, 0, *(word.value for word in root))
    reads = [(word.limbs, word.limbs) for word in leaf]
    writes = [((c[f"old{i}_lo"], c[f"old{i}_hi"]), word.limbs) for i, word in enumerate(root)]
    access_words(chip, c.sel, c.clk, c.ptr, [*reads, *writes], [(c[f"t{i}"], c[f"d{i}"]) for i in _LANES])
    return chip


def fill_path_head(rows: NDArray[np.uint32]) -> Trace:
    """Trace of PATH_H from logged rows (44, n): clk, ptr, depth, index, 16 old words, 16 times, 8 words of the root."""
    values = rows.astype(np.int64)
    clk, pointer, depth, index = values[:4]
    old, times, root = values[4:20], values[20:36], values[36:44]
    columns: Trace = {"sel": np.ones_like(clk), "clk": clk, "ptr": pointer, "depth": depth, "idx": index}
    for i in _LANES:
        word = word_columns("", old[i] if i < 8 else root[i - 8])
        columns |= {f"{part}{i}": limb for part, limb in word.items()} | time_columns(str(i), clk, times[i])
    for i in _DIGEST:
        columns |= {f"old{i}_lo": lo(old[8 + i]), f"old{i}_hi": hi(old[8 + i])}
    return columns
