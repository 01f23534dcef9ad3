"""Proofs of guest runs, and what a verified proof says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.device import Device
from zk.errors import ShapeError, VerificationError
from zk.machine.keys import VerifyingKey
from zk.machine.prover import ProofStatistics, Prover
from zk.machine.shape import derive_shape
from zk.machine.verifier import check_shape, verify
from zk.vm.executor import RECORDED_CYCLES_MAX, execute
from zk.vm.keys import GuestKeys
from zk.vm.machine import CLK_END, exit_code, output_words
from zk.vm.trace import WITH_SBOXES, generate_traces

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
    traces = fit_traces(keys.verifying, traces)
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


def fit_traces(key: VerifyingKey, traces: dict[str, U32]) -> dict[str, U32]:
    """Traces of a shape that the key admits.

    Just below a power of two of cells, and for long programs that run briefly, the preprocessed columns can need fold variables
    that the key does not have. A chip made taller by padding rows, which are neutral, leads to an admitted shape; the chip and
    height that add the fewest cells are taken. The traces come back unchanged where they fit, and where nothing helps (the
    prover then names the size).
    """
    names = [chip.program.name for chip in key.chips]
    heights = [traces[name].shape[1].bit_length() - 1 if name in traces else None for name in names]
    fitted_heights = fit_heights(key, heights)
    if fitted_heights == heights:
        return traces
    fitted = dict(traces)
    for name, height in zip(names, fitted_heights, strict=True):
        missing = 0 if height is None else (1 << height) - traces[name].shape[1]
        if missing:
            fitted[name] = np.pad(traces[name], ((0, 0), (0, missing)))
    return fitted


def fit_heights(key: VerifyingKey, heights: Sequence[int | None]) -> list[int | None]:
    """The log2 heights that `fit_traces` gives to traces of these heights, by chip number."""
    if _is_admitted(key, heights):
        return list(heights)
    for number, height in _taller(key, heights):
        taller = [height if c == number else h for c, h in enumerate(heights)]
        if _is_admitted(key, taller):
            return taller
    return list(heights)


def _taller(key: VerifyingKey, heights: Sequence[int | None]) -> list[tuple[int, int]]:
    """Chips whose padding rows are zero with every height above their own, by the cells that this adds."""
    choices = [
        (chip.program.main_count * ((1 << taller) - (1 << height)), number, taller)
        for number, (chip, height) in enumerate(zip(key.chips, heights, strict=True))
        if height is not None and chip.program.name not in WITH_SBOXES
        for taller in range(height + 1, chip.log_height_max + 1)
    ]
    return [(number, height) for _, number, height in sorted(choices)]


def _is_admitted(key: VerifyingKey, heights: Sequence[int | None]) -> bool:
    try:
        check_shape(key, derive_shape(key.chips, heights, key.log_rows_min))
    except ShapeError:
        return False
    return True


def verify_guest(key: VerifyingKey, proof: bytes, *, allow_failure: bool = False) -> GuestResult:
    """Checks a proof. Raises VerificationError, also for an exit code other than 0 unless `allow_failure`."""
    values = [int(value) for value in verify(key, proof)]
    code = exit_code(values)
    if code and not allow_failure:
        raise VerificationError(f"exit code: expected 0, found {code}")
    return GuestResult(code, output_words(values), values[CLK_END] - 1, values)
