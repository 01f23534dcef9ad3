"""Memory across shards (proof system, section 15): BOUNDARY in every shard, GIMG and GZERO in the proof of the memory, shard 0.

A word travels through a run as the token GLOBAL(address, value, shard): the memory proof sends each address once, with its first value
and shard 0; a shard that touches the word takes the token of an earlier shard and sends the one with its own number; the memory
proof takes the last. Within a shard BOUNDARY is what IMG and ZERO are in a proof without shards.
"""

from __future__ import annotations

import numpy as np

from zk.air.chip import Chip
from zk.chips.buses import GLOBAL, MEM, R16
from zk.chips.frame import Columns, boolean
from zk.chips.memory import chain_address, check_ascending, fill_img, fill_zero, log_height
from zk.chips.rows import Array, Trace, hi, lo

BOUNDARY_HEIGHT_LOG_MAX = 22


def build_boundary() -> Chip:
    """One row for each word and register that the shard touches: value before and shard that left it, value and time after.

    s_prev < SHARD, so the rows of an address form one path with ascending shard numbers: a shard has at most one of them.
    """
    chip = Chip("BOUNDARY", height_log_max=BOUNDARY_HEIGHT_LOG_MAX, optional=False, boundary=True)
    names = ("sel", "addr", "i0", "i1", "s_prev", "f0", "f1", "ts")
    c = Columns(chip.declare(names, virtual=("SHARD",), selectors=("sel",)))
    boolean(chip, "sel", c.sel)
    chip.send(MEM, c.sel, c.addr, 0, c.i0, c.i1)
    chip.receive(MEM, c.sel, c.addr, c.ts, c.f0, c.f1)
    chip.send(R16, c.sel, c.SHARD - c.s_prev - 1)
    chip.receive_global(GLOBAL, c.sel, c.addr, c.i0, c.i1, c.s_prev)
    chip.send_global(GLOBAL, c.sel, c.addr, c.f0, c.f1, c.SHARD)
    return chip


def fill_boundary(addresses: Array, first: Array, previous: Array, last: Array, times: Array) -> Trace:
    """Trace of BOUNDARY; addresses as field elements, `previous` the shard that left the first value (0: none)."""
    values = {"i0": lo(first), "i1": hi(first), "f0": lo(last), "f1": hi(last)}
    return {"sel": np.ones_like(addresses), "addr": addresses, "s_prev": previous, "ts": times, **values}


def build_gimg(rows: int) -> Chip:
    """Image words and registers: the first value at shard 0 goes out, the last one f of shard s_last comes back."""
    height = log_height(rows)
    chip = Chip("GIMG", height_log_min=height, height_log_max=height, optional=False, boundary=True)
    names = ("f0", "f1", "s_last")
    c = Columns(chip.declare(names, preprocessed=("addr", "lo", "hi", "real"), selectors=("real",)))
    chip.send(R16, c.real, c.s_last)
    chip.send_global(GLOBAL, c.real, c.addr, c.lo, c.hi, 0)
    chip.receive_global(GLOBAL, c.real, c.addr, c.f0, c.f1, c.s_last)
    return chip


def build_gzero() -> Chip:
    """Words that start as zero, each once: as ZERO, with shards in the place of times."""
    chip = Chip("GZERO", optional=False, boundary=True)
    names = ("sel", "prev", "w", "x", "f0", "f1", "s_last", "y")
    c = Columns(chip.declare(names, selectors=("sel",)))
    address = chain_address(chip, c)
    check_ascending(chip, c, address)
    chip.send_global(GLOBAL, c.sel, address, 0, 0, 0)
    chip.receive_global(GLOBAL, c.sel, address, c.f0, c.f1, c.s_last)
    return chip


def fill_gimg(values: Array, shards: Array) -> Trace:
    """Trace of GIMG: last value and shard of every row, image words first, then registers."""
    return _with_shards(fill_img(values, shards))


def fill_gzero(addresses: Array, values: Array, shards: Array, zero_base: int) -> Trace:
    """Trace of GZERO for touched words in ascending order. Raises TraceError as `fill_zero`."""
    return _with_shards(fill_zero(addresses, values, shards, zero_base))


def _with_shards(trace: Trace) -> Trace:
    return {"s_last" if name == "ts" else name: column for name, column in trace.items()}
