"""ROM (the program), IMG (initial memory and registers) and ZERO (memory that starts as zero)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip
from zk.air.expression import Expr, P
from zk.chips.buses import MEM, ORD, PROG, R16
from zk.chips.frame import Columns, boolean
from zk.chips.rows import Array, Trace, hi, lo
from zk.errors import SetupError, TraceError
from zk.vm.isa import ADDRESS_LIMIT, REGISTER_COUNT
from zk.vm.rom import Rom, check_rom

U32 = NDArray[np.uint32]
_GAP_MAX = 1 << 29


def log_height(rows: int) -> int:
    """log2 of the smallest admissible height for this many rows."""
    return max(4, (rows - 1).bit_length())


# ROM


def build_rom(rows: int) -> Chip:
    """The program; column m counts executions. Padding rows carry op 0, which nobody can send."""
    height = log_height(rows)
    chip = Chip("ROM", height_log_min=height, height_log_max=height, optional=False)
    c = Columns(chip.declare(("m",), preprocessed=("pc", "op", "r", "rs1", "x", "y")))
    chip.receive(PROG, c.m, c.pc, c.op, c.r, c.rs1, c.x, c.y)
    return chip


def preprocess_rom(rom: Rom) -> U32:
    """Preprocessed columns (6, height). Raises SetupError where a rule of section 14 is broken."""
    check_rom(rom)
    return _pad(rom.columns())


# IMG


def build_img(rows: int) -> Chip:
    """Gives each image word and register its first value at time 0 and takes its last value f at time ts."""
    height = log_height(rows)
    chip = Chip("IMG", height_log_min=height, height_log_max=height, optional=False)
    c = Columns(chip.declare(("f0", "f1", "ts"), preprocessed=("addr", "lo", "hi", "real")))
    chip.selectors = ["real"]
    chip.send(MEM, c.real, c.addr, 0, c.lo, c.hi)
    chip.receive(MEM, c.real, c.addr, c.ts, c.f0, c.f1)
    return chip


def image_columns(addresses: U32, values: U32) -> U32:
    """Preprocessed columns (4, rows) of image words followed by the 33 registers, which start as 0."""
    registers = P - 1 - np.arange(REGISTER_COUNT, dtype=np.int64)
    all_addresses = np.concatenate([addresses.astype(np.int64), registers])
    words = np.concatenate([values.astype(np.int64), np.zeros(REGISTER_COUNT, np.int64)])
    columns = np.stack([all_addresses, lo(words), hi(words), np.ones_like(words)])
    return columns.astype(np.uint32)


def preprocess_img(columns: U32, zero_base: int) -> U32:
    """Pads the columns (4, rows). Raises SetupError where a rule of section 14 is broken."""
    check_image(columns, zero_base)
    return _pad(columns)


def check_image(columns: U32, zero_base: int) -> None:
    """The rules of section 14 on image rows and zero_base."""
    if zero_base % 4 or not 4 <= zero_base < ADDRESS_LIMIT:
        raise SetupError(f"zero_base: expected a multiple of 4 in [4, 2^30), found {zero_base:#x}")
    address, low, high, real = columns.astype(np.int64)
    registers = (address >= P - REGISTER_COUNT) & (address < P)
    if not (((address % 4 == 0) & (address < zero_base)) | registers).all():
        raise SetupError("IMG: an address is neither a 4-aligned word below zero_base nor a register")
    if len(np.unique(address)) != len(address):
        raise SetupError("IMG: an address occurs twice")
    if registers.sum() != REGISTER_COUNT:
        raise SetupError(f"IMG: expected {REGISTER_COUNT} register rows, found {registers.sum()}")
    if (low >= 65536).any() or (high >= 65536).any():
        raise SetupError("IMG: a limb is not below 2^16")
    if (low[registers] | high[registers]).any():
        raise SetupError("IMG: registers start as 0")
    if (real != 1).any():
        raise SetupError("IMG: `real` must be 1 on the given rows")


def _pad(columns: U32) -> U32:
    result = np.zeros((columns.shape[0], 1 << log_height(columns.shape[1])), np.uint32)
    result[:, : columns.shape[1]] = columns
    return result


def fill_img(values: Array, times: Array) -> Trace:
    """Trace of IMG: last value and time of every row, image words first, then registers."""
    return {"f0": lo(values), "f1": hi(values), "ts": times}


# ZERO


def build_zero() -> Chip:
    """Words that start as 0, each once: addresses 4w + 2^14 x increase strictly along the ORD chain.

    w, x, y and the lookup of the gap prove addr - prev - 4 in [0, 2^29 + 2^18), so nothing wraps mod p.
    """
    chip = Chip("ZERO")
    c = Columns(chip.declare(("sel", "prev", "w", "x", "f0", "f1", "ts", "y"), selectors=("sel",)))
    address = chain_address(chip, c)
    chip.send(MEM, c.sel, address, 0, 0, 0)
    chip.receive(MEM, c.sel, address, c.ts, c.f0, c.f1)
    check_ascending(chip, c, address)
    return chip


def chain_address(chip: Chip, c: Columns) -> Expr:
    """The address 4w + 2^14 x of a row, which follows `prev` in the ORD chain; columns sel, prev, w, x."""
    boolean(chip, "sel", c.sel)
    address = 4 * c.w + 16384 * c.x
    chip.receive(ORD, c.sel, c.prev)
    chip.send(ORD, c.sel, address)
    return address


def check_ascending(chip: Chip, c: Columns, address: Expr) -> None:
    """The address is 4-aligned, below 2^30 + 2^18 and above `prev`; column y."""
    for value in (c.w, c.x, c.y, (address - c.prev - 4 - 8192 * c.y) / 4):
        chip.send(R16, c.sel, value)


def fill_zero(addresses: Array, values: Array, times: Array, zero_base: int) -> Trace:
    """Trace of ZERO for touched words in ascending order, all at or above zero_base."""
    previous = np.concatenate([np.array([zero_base - 4], np.int64), addresses[:-1]])
    gap = addresses - previous - 4
    if len(gap) and int(gap.max()) >= _GAP_MAX:
        at = int(gap.argmax())
        raise TraceError(
            f"memory between {int(previous[at]):#x} and {int(addresses[at]):#x} is unused over 2^29 bytes or more: "
            "such a run has no proof"
        )
    split = {"x": addresses >> 14, "w": (addresses & 16383) >> 2, "y": gap >> 13}
    ones = np.ones_like(addresses)
    return {"sel": ones, "prev": previous, **split, "f0": lo(values), "f1": hi(values), "ts": times}
