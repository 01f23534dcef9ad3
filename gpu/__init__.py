"""Devices that run the prover's kernels; kernels are written once for CPU and GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu.device import Device


@cache
def default_device() -> Device:
    """The fastest device of this machine: the CPU device with the best instruction set that the processor has."""
    from gpu.cpu import CpuDevice

    return CpuDevice()


@cache
def native_permutation() -> Callable[[list[int]], list[int]] | None:
    """Poseidon2 of sixteen canonical elements in native code, None where it is not built."""
    try:
        from gpu._native import permute_poseidon2
    except ImportError:
        return None
    return permute_poseidon2
