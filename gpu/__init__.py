"""Devices that run the prover's kernels; kernels are written once for CPU and GPU."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu.device import Device


@cache
def default_device() -> Device:
    """The fastest device of this machine: the CPU device with the best instruction set that the processor has."""
    from gpu.cpu import CpuDevice

    return CpuDevice()
