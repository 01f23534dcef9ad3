"""Proves and verifies programs of any length: as one proof where the run fits one shard, else in shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu.device import Device
from zk.configuration import ConfigName
from zk.errors import GuestFailureError
from zk.shards.bundle import is_bundle
from zk.shards.keys import shard_keys
from zk.shards.machine import shard_machine
from zk.shards.plan import COPROCESSOR_CELLS_MAX, SHARD_CYCLES, Plan, make_plan
from zk.shards.proving import prove_run
from zk.shards.verifier import verify_run
from zk.vm.elf import GuestProgram
from zk.vm.executor import CYCLES_MAX, RECORDED_CYCLES_MAX
from zk.vm.keys import TWINS, guest_keys
from zk.vm.proving import prove_guest, verify_guest

U32 = NDArray[np.uint32]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """What a key depends on beside the program: configuration, coprocessors, largest log2 of stacked rows."""

    config: ConfigName
    coprocessors: tuple[str, ...]
    log_rows_max: int | None = None


@dataclass(frozen=True, slots=True)
class ProvenProgram:
    """A proof of a run. `shards` is 1 for a proof without a boundary. Seconds are wall time; cells are those of all proofs."""

    proof: bytes
    vk_digest: bytes
    security_bits: float
    cycles: int
    shards: int
    committed_cells: int
    execute_seconds: float
    trace_seconds: float
    prove_seconds: float


@dataclass(frozen=True, slots=True)
class VerifiedProgram:
    """What a verified proof says: the program ran from its start to HALT with this result."""

    vk_digest: bytes
    exit_code: int
    outputs: list[int]
    cycles: int
    shards: int


def prove_program(
    program: GuestProgram,
    hints: U32,
    options: KeyOptions,
    device: Device,
    progress: Progress | None = None,
    *,
    shard_cycles: int | None = None,
    max_cycles: int = CYCLES_MAX,
    jobs: int = 1,
    folder: Path | None = None,
) -> ProvenProgram:
    """Runs the guest and proves the run, in shards where it has more than `shard_cycles` instructions or many coprocessor rows.

    Without `shard_cycles` as `shard_size` says. `jobs` and `folder` as in `prove_run`. Raises ExecutionError, TraceError, SetupError,
    and GuestFailureError for an exit code other than 0, before any proof is made.
    """
    report = progress or (lambda stage, done: None)
    report("execute", 0.0)
    plan = plan_program(program, hints, options, shard_cycles=shard_cycles, max_cycles=max_cycles)
    exit_code = plan.shards[-1].ends.exit_code
    if exit_code:
        raise GuestFailureError(f"the guest ended with exit code {exit_code}: no proof of such a run is accepted")
    if len(plan.shards) == 1:
        return _prove_whole(program, hints, options, device, report)
    report("keys", 0.0)
    keys = shard_keys(program, options.config, options.coprocessors, device, log_rows_max=options.log_rows_max)
    run = prove_run(keys, plan, device, report, jobs=jobs, folder=folder)
    return ProvenProgram(
        run.proof,
        keys.verifying.digest,
        keys.verifying.security_bits(),
        plan.cycles,
        len(plan.shards),
        sum(part.statistics.committed_cells for part in run.parts),
        plan.seconds,
        sum(part.trace_seconds for part in run.parts),
        run.seconds,
    )


def plan_program(
    program: GuestProgram,
    hints: U32,
    options: KeyOptions,
    *,
    shard_cycles: int | None = None,
    max_cycles: int = CYCLES_MAX,
) -> Plan:
    """Executes the guest and cuts the run; needs no key. Raises ExecutionError, TraceError, SetupError."""
    cycles, coprocessor_cells = shard_size(options.config)
    machine, _ = shard_machine(program, options.coprocessors, twins=TWINS[options.config])
    return make_plan(
        program,
        machine.chips,
        np.ascontiguousarray(hints, dtype=np.uint32),
        coprocessors=options.coprocessors,
        shard_cycles=shard_cycles or cycles,
        coprocessor_cells=coprocessor_cells,
        max_cycles=max_cycles,
    )


def shard_size(config: ConfigName) -> tuple[int, int]:
    """Cycles and coprocessor cells of a shard. Under K, whose proofs the contract takes one by one, as much as one proof can hold."""
    return (RECORDED_CYCLES_MAX, 1 << 27) if config == "K" else (SHARD_CYCLES, COPROCESSOR_CELLS_MAX)


def _prove_whole(
    program: GuestProgram, hints: U32, options: KeyOptions, device: Device, report: Progress
) -> ProvenProgram:
    report("keys", 0.0)
    keys = guest_keys(program, options.config, options.coprocessors, device, log_rows_max=options.log_rows_max)
    proven = prove_guest(keys, hints, device, report)
    return ProvenProgram(
        proven.proof,
        keys.verifying.digest,
        keys.verifying.security_bits,
        proven.cycles,
        1,
        proven.statistics.committed_cells,
        proven.execute_seconds,
        proven.trace_seconds,
        proven.prove_seconds,
    )


def verify_program(
    program: GuestProgram, proof: bytes, options: KeyOptions, device: Device, progress: Progress | None = None
) -> VerifiedProgram:
    """Checks a proof of either form against the program. Raises VerificationError, SetupError."""
    report = progress or (lambda stage, done: None)
    report("keys", 0.0)
    arguments = (program, options.config, options.coprocessors, device)
    if not is_bundle(proof):
        key = guest_keys(*arguments, log_rows_max=options.log_rows_max).verifying
        report("verify", 0.0)
        whole = verify_guest(key, proof)
        return VerifiedProgram(key.digest, whole.exit_code, whole.outputs, whole.cycles, 1)
    run_key = shard_keys(*arguments, log_rows_max=options.log_rows_max).verifying
    report("verify", 0.0)
    run = verify_run(run_key, proof, progress=lambda done: report("verify", done))
    return VerifiedProgram(run_key.digest, run.exit_code, run.outputs, run.cycles, run.shards)
