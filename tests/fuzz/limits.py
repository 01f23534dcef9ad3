"""Runs a target on hostile inputs in a child process with hard limits of memory and processor time.

A decoder that allocates what a header only claims dies of MemoryError, one that loops over it of SIGXCPU; a wall clock says
nothing on a busy machine. The memory limit is what the address space may grow beyond that of the loaded modules.
"""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.targets import targets

MEMORY_BYTES = 64 << 20
CPU_SECONDS = 2
_LENGTH = struct.Struct("<I")
_ROOT = Path(__file__).resolve().parents[2]


def limited_outcomes(
    name: str, inputs: Sequence[bytes], *, memory_bytes: int = MEMORY_BYTES, cpu_seconds: int = CPU_SECONDS
) -> list[str]:
    """The outcome of each input (see Target.outcome). Raises AssertionError with what ended the child, and at which input.

    `cpu_seconds` are for one input, in whole seconds, rounded up by less than one.
    """
    command = [sys.executable, "-m", "tests.fuzz.limits", name, str(memory_bytes), str(cpu_seconds)]
    frames = b"".join(_LENGTH.pack(len(data)) + data for data in inputs)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # each thread would reserve address space
    done = subprocess.run(command, input=frames, capture_output=True, cwd=_ROOT, env=environment)
    outcomes = done.stdout.decode().split()
    if done.returncode or len(outcomes) != len(inputs):
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise AssertionError(f"{name}, input {len(outcomes)}: child ended with status {done.returncode}: {said}")
    return outcomes


def main() -> None:
    """The child: `python -m tests.fuzz.limits TARGET MEMORY_BYTES CPU_SECONDS`, inputs on stdin, one outcome a line."""
    target, memory_bytes, cpu_seconds = targets()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    inputs = _read_inputs(sys.stdin.buffer.read())
    target.outcome(target.seeds()[0])  # keys and modules that are made at first use
    _limit_memory(memory_bytes)
    for data in inputs:
        _limit_processor(cpu_seconds)
        print(target.outcome(data), flush=True)


def _read_inputs(frames: bytes) -> list[bytes]:
    inputs, position = [], 0
    while position < len(frames):
        (length,) = _LENGTH.unpack_from(frames, position)
        position += _LENGTH.size + length
        inputs.append(frames[position - length : position])
    return inputs


def _limit_memory(growth_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + growth_bytes, hard))


def _limit_processor(seconds: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + 1 + seconds, hard))


if __name__ == "__main__":
    main()
