"""Virtual columns: tables whose multilinear extension the verifier computes itself (proof system, section 5.7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zk.field import Ext, P, one, zero

LOG_HEIGHT_MIN = {"BYTE_X": 8, "BYTE_Y": 16, "BYTE_AND": 16, "POW2_16": 4, "POW2_16_COMPLEMENT": 4, "BIT4": 5}


def virtual_column(kind: str, log_height: int, shard: int = 0) -> NDArray[np.uint32]:
    """The 2^log_height entries of a virtual column; raises ValueError for an unknown kind or too small a height.

    `shard` is the number of the shard that the proof is about (section 15), the value of the constant column SHARD.
    """
    check_kind(kind, log_height)
    index = np.arange(1 << log_height, dtype=np.uint32)
    if kind == "IDX":
        return index
    if kind == "BYTE_X":
        return index & np.uint32(0xFF)
    if kind == "BYTE_Y":
        return index >> np.uint32(8) & np.uint32(0xFF)
    if kind == "BYTE_AND":
        return index & index >> np.uint32(8) & np.uint32(0xFF)
    if kind == "POW2_16":
        return np.uint32(1) << (index & np.uint32(15))
    if kind == "POW2_16_COMPLEMENT":
        return np.uint32(1) << (np.uint32(16) - (index & np.uint32(15)))
    if kind == "BIT4":
        return index >> np.uint32(4) & np.uint32(1)
    return np.full_like(index, shard if kind == "SHARD" else 1)


def evaluate_virtual(kind: str, point: Sequence[Ext], shard: int = 0) -> Ext:
    """The multilinear extension of a virtual column of height 2^len(point)."""
    check_kind(kind, len(point))
    if kind == "IDX":
        return _weighted_bits(point)
    if kind == "BYTE_X":
        return _weighted_bits(point[:8])
    if kind == "BYTE_Y":
        return _weighted_bits(point[8:16])
    if kind == "BYTE_AND":
        return _weighted_bits([low * high for low, high in zip(point[:8], point[8:16], strict=True)])
    if kind == "POW2_16":
        return _power_of_two(point, 2)
    if kind == "POW2_16_COMPLEMENT":
        return _power_of_two(point, pow(2, -1, P)) * (1 << 16)
    if kind == "BIT4":
        return point[4]
    return Ext.of(shard) if kind == "SHARD" else one()


def check_kind(kind: str, log_height: int) -> None:
    """Demands a known kind on a table high enough for its bits."""
    if kind not in (*LOG_HEIGHT_MIN, "IDX", "ONE", "SHARD"):
        raise ValueError(f"virtual column: unknown kind {kind!r}")
    if log_height < LOG_HEIGHT_MIN.get(kind, 0):
        raise ValueError(
            f"virtual column {kind}: expected at least 2^{LOG_HEIGHT_MIN[kind]} rows, found 2^{log_height}"
        )


def _weighted_bits(bits: Sequence[Ext]) -> Ext:
    result = zero()
    for i, bit in enumerate(bits):
        result = result + bit * (1 << i)
    return result


def _power_of_two(point: Sequence[Ext], base: int) -> Ext:
    result = one()
    for coordinate in point[:4]:
        result = result * (coordinate * (base - 1) + 1)
        base = base * base % P
    return result
