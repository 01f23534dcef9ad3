"""Proofs of guest runs, and what a verified proof says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.device import Device
from zk.errors import VerificationError
from zk.machine.keys import VerifyingKey
from zk.machine.prover import ProofStatistics, Prover
from zk.machine.verifier import verify
from zk.vm.executor import RECORDED_CYCLES_MAX, execute
from zk.vm.keys import GuestKeys
from zk.vm.machine import CLK_END, exit_code, output_words
from zk.vm.trace import generate_traces

U32 = NDArray[np.uint32]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class GuestProof:
    """A proof with what was measured on the way. Seconds are wall time."""

    proof: bytes
    public_values: list[int]
    cycles: int
    execute_seconds: float
    trace_seconds: float
    prove_seconds: float
    statistics: ProofStatistics


@dataclass(frozen=True, slots=True)
class GuestResult:
    """What a verified proof says: the program ran from its start to HALT with this result."""

    exit_code: int
    outputs: list[int]
    cycles: int
    public_values: list[int]


def prove_guest(
    keys: GuestKeys,
    hints: U32,
    device: Device,
    progress: Progress | None = None,
    *,
    max_cycles: int = RECORDED_CYCLES_MAX,
) -> GuestProof:
    """Runs the guest and proves the run. Raises ExecutionError, TraceError."""
    report = progress or (lambda stage, done: None)
    report("execute", 0.0)
    start = time.perf_counter()
    execution = execute(keys.program, hints, max_cycles, coprocessors=keys.coprocessors)
    executed = time.perf_counter()
    report("trace", 0.0)
    traces, public_values = generate_traces(keys.machine, execution)
    traced = time.perf_counter()
    prover = Prover(keys.proving, traces, public_values, device, report)
    proof = prover.run()
    return GuestProof(
        proof,
        public_values,
        execution.cycles,
        executed - start,
        traced - executed,
        time.perf_counter() - traced,
        prover.statistics,
    )


def verify_guest(key: VerifyingKey, proof: bytes, *, allow_failure: bool = False) -> GuestResult:
    """Checks a proof. Raises VerificationError, also for an exit code other than 0 unless `allow_failure`."""
    values = [int(value) for value in verify(key, proof)]
    code = exit_code(values)
    if code and not allow_failure:
        raise VerificationError(f"exit code: expected 0, found {code}")
    return GuestResult(code, output_words(values), values[CLK_END] - 1, values)
