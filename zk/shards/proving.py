"""Proves a run of several shards: split, records of all boundaries, then every shard by itself, in parallel and resumable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu.device import Device
from zk.errors import InputFileError, VerificationError
from zk.files import read_bytes
from zk.machine.boundary import BoundaryContext, BoundaryRecord, global_challenges
from zk.machine.prover import ProofStatistics, Prover, make_record
from zk.machine.verifier import verify_shard
from zk.shards.bundle import Bundle, encode_bundle
from zk.shards.keys import ShardKeys
from zk.shards.plan import SHARD_CYCLES, FinalMemory, Plan, ShardInput, make_plan
from zk.shards.trace import boundary_trace, execute_shard, memory_traces, shard_traces, trace_heights
from zk.vm.executor import CYCLES_MAX
from zk.vm.proving import fit_traces

U32 = NDArray[np.uint32]
Progress = Callable[[str, float], None]
_STAGE_ENDS = {"trace": 0.1, "commit": 0.3, "gkr": 0.7, "zerocheck": 0.8, "open": 1.0}


@dataclass(frozen=True, slots=True)
class Part:
    """What one proof of a run needs beside the keys: its record and challenges, and a shard or the final memory."""

    context: BoundaryContext
    content: ShardInput | FinalMemory

    @property
    def number(self) -> int:
        """0: the memory."""
        return self.context.record.shard


@dataclass(frozen=True, slots=True)
class PartProof:
    """A proof of one part. Seconds are wall time; those of `statistics` by stage are part of `prove_seconds`."""

    number: int
    proof: bytes
    trace_seconds: float = 0.0
    prove_seconds: float = 0.0
    statistics: ProofStatistics = field(default_factory=ProofStatistics)


@dataclass(frozen=True, slots=True)
class RunProof:
    """The proof of a run with what was measured on the way; parts taken from an interrupted attempt have no measurements."""

    proof: bytes
    parts: list[PartProof]
    boundary_seconds: float
    seconds: float  # all together, without the execution that made the plan

    @property
    def shards(self) -> int:
        """Number of shards, without the memory."""
        return len(self.parts) - 1


def prove_run(
    keys: ShardKeys,
    plan: Plan,
    device: Device,
    progress: Progress | None = None,
    *,
    jobs: int = 1,
    folder: Path | None = None,
) -> RunProof:
    """Proves a run in the shards of its plan.

    `jobs` processes prove at the same time. Finished proofs are kept in `folder`; a later call with the same program, hints and sizes
    takes up those that it finds there and that verify. Raises TraceError, WorkerError.
    """
    report = progress or (lambda stage, done: None)
    start = time.perf_counter()
    records = make_records(keys, plan, device, lambda done: report("boundary", done))
    recorded = time.perf_counter()
    parts = make_parts(keys, plan, records)
    proofs = _prove_parts(keys, parts, device, report, jobs, folder)
    bundle = encode_bundle(keys.verifying, Bundle(tuple(records), tuple(part.proof for part in proofs)))
    end = time.perf_counter()
    return RunProof(bundle, proofs, recorded - start, end - start)


def plan_run(keys: ShardKeys, hints: U32, *, shard_cycles: int = SHARD_CYCLES, max_cycles: int = CYCLES_MAX) -> Plan:
    """Executes the guest and cuts the run. Raises ExecutionError, TraceError."""
    words = np.ascontiguousarray(hints, dtype=np.uint32)
    return make_plan(
        keys.program,
        keys.shard.machine.chips,
        words,
        coprocessors=keys.coprocessors,
        shard_cycles=shard_cycles,
        max_cycles=max_cycles,
    )


def make_records(
    keys: ShardKeys, plan: Plan, device: Device, progress: Callable[[float], None] | None = None
) -> list[BoundaryRecord]:
    """Records of the memory and of all shards: commits the boundary columns of the whole run."""
    key, chips = keys.shard.verifying, {chip.name: chip for chip in keys.shard.machine.chips}
    traces, _ = _memory(keys, plan.memory)
    heights = [traces[chip.program.name].shape[1].bit_length() - 1 for chip in keys.memory.verifying.chips]
    records = [make_record(keys.memory.proving, 0, heights, traces, device)]
    for shard in plan.shards:
        rows = {**shard.rows, "BOUNDARY": len(shard.touched.addresses)}
        columns = {"BOUNDARY": boundary_trace(chips["BOUNDARY"], shard)}
        shard_heights = trace_heights(key, rows)
        boundary_height = shard_heights[[chip.program.name for chip in key.chips].index("BOUNDARY")]
        columns = {name: _grown(column, boundary_height) for name, column in columns.items()}
        records.append(make_record(keys.shard.proving, shard.number, shard_heights, columns, device))
        if progress is not None:
            progress(shard.number / len(plan.shards))
    return records


def make_parts(keys: ShardKeys, plan: Plan, records: Sequence[BoundaryRecord]) -> list[Part]:
    """The parts of a run in order, under the challenges that its records give."""
    buses = global_challenges((keys.memory.verifying, keys.shard.verifying), records)
    contents: list[ShardInput | FinalMemory] = [plan.memory, *plan.shards]
    return [Part(BoundaryContext(record, buses), content) for record, content in zip(records, contents, strict=True)]


def prove_part(keys: ShardKeys, part: Part, device: Device, progress: Callable[[float], None]) -> PartProof:
    """Traces and proof of one part. Raises TraceError."""
    start = time.perf_counter()
    mine = keys.of(part.number)
    if isinstance(part.content, FinalMemory):
        traces, values = _memory(keys, part.content)
    else:
        execution = execute_shard(keys.program, part.content, keys.coprocessors)
        traces = fit_traces(mine.verifying, shard_traces(mine.machine, execution, part.content))
        values = part.content.ends.encode()
    traced = time.perf_counter()
    stages = list(_STAGE_ENDS)

    def report(stage: str, done: float) -> None:
        first, last = _STAGE_ENDS[stages[stages.index(stage) - 1]], _STAGE_ENDS[stage]
        progress(first + done * (last - first))

    progress(_STAGE_ENDS["trace"])
    prover = Prover(mine.proving, traces, values, device, report, part.context)
    proof = prover.run()
    return PartProof(part.number, proof, traced - start, time.perf_counter() - traced, prover.statistics)


def part_name(keys: ShardKeys, part: Part) -> str:
    """File name of the proof of a part: says what it is a proof of, so that another run never takes it for its own."""
    record, buses = part.context.record, part.context.buses
    words = np.array([*record.value.c, *buses.alpha.c, *buses.beta.c], dtype=">u4").tobytes()
    content = keys.of(part.number).verifying.digest + record.root + words
    if isinstance(part.content, ShardInput):
        content += np.array(part.content.ends.encode(), dtype=">u4").tobytes()
    return f"part-{part.number:05d}-{hashlib.sha256(content).hexdigest()[:24]}.proof"


def find_part(keys: ShardKeys, part: Part, folder: Path | None) -> PartProof | None:
    """The proof of a part from an earlier attempt, if it is there and valid."""
    path = None if folder is None else folder / part_name(keys, part)
    if path is None or not path.exists():
        return None
    try:
        proof = read_bytes(path)
        verify_shard(keys.of(part.number).verifying, proof, part.context)
    except (InputFileError, VerificationError):
        return None
    return PartProof(part.number, proof)


def _prove_parts(
    keys: ShardKeys, parts: Sequence[Part], device: Device, report: Progress, jobs: int, folder: Path | None
) -> list[PartProof]:
    from zk.shards.pool import prove_all

    found = {part.number: proof for part in parts if (proof := find_part(keys, part, folder)) is not None}
    missing = [part for part in parts if part.number not in found]
    label = {part.number: f"shard {part.number}/{len(parts) - 1}" if part.number else "memory" for part in parts}
    report("shards", len(found) / len(parts))
    for proof in prove_all(keys, missing, device, lambda number, done: report(label[number], done), jobs, folder):
        found[proof.number] = proof
        report("shards", len(found) / len(parts))
    return [found[part.number] for part in parts]


def _memory(keys: ShardKeys, memory: FinalMemory) -> tuple[dict[str, U32], list[int]]:
    traces, values = memory_traces(keys.memory, keys.program, memory)
    return fit_traces(keys.memory.verifying, traces), values


def _grown(columns: U32, height: int | None) -> U32:
    """The columns with as many neutral rows as the height demands."""
    rows = 0 if height is None else (1 << height) - columns.shape[1]
    return np.pad(columns, ((0, 0), (0, rows))) if rows > 0 else columns
