"""REFRESH: gives a word a later time of last access, so that the instruction chips may look up short distances only."""

from __future__ import annotations

from numpy import int64, uint32
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.chips.buses import R16, U8P
from zk.chips.frame import Columns, access, boolean
from zk.chips.rows import Trace, hi, lo


def build_refresh() -> Chip:
    """The word at `address` stays (lo, hi); its time goes from t to `time`.

    `time` < 2^24 is looked up too: it is not bound to the clock, and a chain of rows could otherwise lead round p to an
    earlier time, from which an instruction would read a value of the future.
    """
    chip = Chip("REFRESH")
    c = Columns(chip.declare(("sel", "address", "lo", "hi", "t", "d", "time", "high"), selectors=("sel",)))
    boolean(chip, "sel", c.sel)
    word = (c.lo, c.hi)
    top = access(chip, c.sel, c.address, c.time, word, word, c.t, c.d)
    chip.send(R16, c.sel, c.time - 65536 * c.high)
    chip.send(U8P, c.sel, top, c.high)
    return chip


def fill_refresh(rows: NDArray[uint32]) -> Trace:
    """Trace of REFRESH from logged rows (4, n): address, word, time before, time after."""
    address, word, t, time = (column.astype(int64) for column in rows)
    times = {"t": t, "d": lo(time - t - 1), "time": time, "high": hi(time)}
    return {"sel": address * 0 + 1, "address": address, "lo": lo(word), "hi": hi(word), **times}
