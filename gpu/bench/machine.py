"""What a rate was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from gpu.cpu import CpuDevice


def describe(device: CpuDevice, threads: int) -> str:
    """Processor, instruction set, threads, and the load that disturbs the measurement."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.split(":")[1].strip() for line in information.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"{processor}, {os.cpu_count()} hardware threads, {threads} used, {device.name}, load {load}"
