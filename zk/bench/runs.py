"""Measured runs: one mix in one configuration, proven in shards in this process, and verified."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.bench.device import MeasuredDevice
from zk.bench.mixes import Mix
from zk.bench.rates import Rates
from zk.bench.work import Work, trace_work
from zk.configuration import ConfigName
from zk.shards.keys import ShardKeys, shard_keys
from zk.shards.plan import Plan, ShardInput
from zk.shards.proving import plan_run, prove_run
from zk.shards.verifier import verify_run
from zk.vm.elf import GuestProgram

U32 = NDArray[np.uint32]
WARM_UP = 200  # size of the run that compiles the chips
STAGES = ("execute", "trace", "commit", "gkr", "zerocheck", "open", "other")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage took, what it did, and the time that this needs at least on this machine (0 where nobody counts it)."""

    seconds: float
    work: Work
    bound_seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """Figures of one run. `seconds` is wall time, `cpu_seconds` that of all threads, which other programs disturb less. `calls`:
    seconds by stage and call; cells are those of all shards and of the memory."""

    mix: str
    config: ConfigName
    cycles: int
    shards: int
    used_cells: int
    committed_cells: int
    seconds: float
    cpu_seconds: float
    verify_seconds: float
    proof_bytes: int
    stages: dict[str, Stage]
    calls: dict[tuple[str, ...], float]

    @property
    def rate(self) -> float:
        """Cycles per second, execution and traces included."""
        return self.cycles / self.seconds

    @property
    def bound_seconds(self) -> float:
        """Sum of the bounds of all stages."""
        return sum(stage.bound_seconds for stage in self.stages.values())


def measure(mix: Mix, program: GuestProgram, size: int, config: ConfigName, shard_cycles: int, rates: Rates) -> Run:
    """Proves one mix at a size; the chips are compiled by a small run before."""
    device = MeasuredDevice()
    keys = shard_keys(program, config, (), device)
    prove_run(keys, plan_run(keys, mix.hints(WARM_UP)), device)
    device.spans.clear()
    cpu_start = time.process_time()
    plan = plan_run(keys, mix.hints(size), shard_cycles=shard_cycles)
    proven = prove_run(keys, plan, device)
    cpu_seconds = time.process_time() - cpu_start
    calls, works = _by_call(device)
    works["trace"] = trace_work(plan.cycles, sum(part.statistics.used_cells for part in proven.parts))
    start = time.perf_counter()
    verify_run(keys.verifying, proven.proof)
    verified = time.perf_counter() - start
    seconds = {
        "execute": plan.seconds,
        "trace": sum(part.trace_seconds for part in proven.parts),
        **_by_stage(calls),
    }
    calls.update({(name,): seconds[name] for name in ("execute", "trace")})
    total = plan.seconds + proven.seconds
    seconds["other"] = calls["other",] = max(0.0, total - sum(seconds.values()))
    return Run(
        mix.name,
        config,
        plan.cycles,
        len(plan.shards),
        used_cells(keys, plan) + proven.parts[0].statistics.used_cells,
        sum(part.statistics.committed_cells for part in proven.parts),
        total,
        cpu_seconds,
        verified,
        len(proven.proof),
        {name: _stage(seconds[name], works.get(name, Work()), rates) for name in STAGES},
        calls,
    )


def used_cells(keys: ShardKeys, plan: Plan) -> int:
    """Rows times columns of all shards, without the padding to powers of two."""
    return sum(_used_cells_of(keys, shard) for shard in plan.shards)


def _used_cells_of(keys: ShardKeys, shard: ShardInput) -> int:
    rows = {**shard.rows, "BOUNDARY": len(shard.touched.addresses)}
    chips = keys.shard.machine.chips
    fixed = {chip.name: 1 << chip.height_log_max for chip in chips if chip.height_log_min == chip.height_log_max}
    counts = {**fixed, **rows}
    return sum(len(chip.main) * counts.get(chip.name, 0) for chip in chips)


def _by_call(device: MeasuredDevice) -> tuple[dict[tuple[str, ...], float], dict[str, Work]]:
    calls: dict[tuple[str, ...], float] = {}
    works: dict[str, Work] = {}
    for span in device.spans:
        path = (span.stage, span.name)
        calls[path] = calls.get(path, 0.0) + span.seconds
        works[span.stage] = works.get(span.stage, Work()) + span.work
    return calls, works


def _by_stage(calls: Mapping[tuple[str, ...], float]) -> dict[str, float]:
    stages: dict[str, float] = {}
    for path, seconds in calls.items():
        stages[path[0]] = stages.get(path[0], 0.0) + seconds
    return stages


def _stage(seconds: float, work: Work, rates: Rates) -> Stage:
    return Stage(seconds, work, rates.bound_seconds(work))
