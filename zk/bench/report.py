"""The figures of the benchmark as tables, JSON and a flame graph."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gpu import _native
from zk.bench.rates import Rates
from zk.bench.runs import Run, Stage
from zk.bench.work import Work
from zk.flame_graph import flame_graph


def describe_machine() -> str:
    """Processor and threads."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} threads, kernels {_native.instruction_sets()[0]}"


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def print_run(console: Console, run: Run) -> None:
    """One table of stages, and a line of totals below it."""
    table = Table("stage", "s", "GB moved", "operations", "bound s", "share", title=f"{run.mix}, {run.config}")
    for name, stage in run.stages.items():
        table.add_row(name, f"{stage.seconds:.2f}", *_counted(stage))
    console.print(table)
    console.print(
        f"{run.cycles:,} cycles in {run.shards} shards, {run.seconds:.2f} s ({run.cpu_seconds:.2f} s of CPU): "
        f"{run.rate:,.0f} cycles/s, "
        f"{100 * run.bound_seconds / run.seconds:.0f} % of the bound; "
        f"cells a cycle {run.used_cells / run.cycles:.1f} used, committed / used "
        f"{run.committed_cells / run.used_cells:.2f}; proof {run.proof_bytes:,} bytes, verified in "
        f"{run.verify_seconds:.2f} s"
    )


def print_means(console: Console, runs: Sequence[Run]) -> None:
    """One line for each configuration: cells of a cycle, each mix counting the same."""
    for config in dict.fromkeys(run.config for run in runs):
        own = [run for run in runs if run.config == config]
        used = sum(run.used_cells / run.cycles for run in own) / len(own)
        committed = sum(run.committed_cells / run.cycles for run in own) / len(own)
        names = ", ".join(run.mix for run in own)
        console.print(
            f"{config}: mean of {names}: cells a cycle {used:.1f} used, {committed:.1f} committed", highlight=False
        )


def describe_rates(rates: Rates) -> str:
    """The measured bounds in one line."""
    return (
        f"all threads: {rates.poseidon2 / 1e6:.1f} M Poseidon2/s, {rates.keccak / 1e6:.1f} M Keccak-f/s, "
        f"{rates.extension_multiplications / 1e6:.0f} M extension and {rates.base_multiplications / 1e6:.0f} M base "
        f"multiplications/s, {rates.bytes / 1e9:.1f} GB/s"
    )


def to_json(runs: Sequence[Run], rates: Rates) -> dict[str, Any]:
    """All figures; calls as "stage / call"."""
    return {
        "machine": describe_machine(),
        "rates": asdict(rates),
        "peak_bytes": peak_bytes(),
        "runs": [
            {**asdict(run), "rate": run.rate, "calls": {" / ".join(path): s for path, s in run.calls.items()}}
            for run in runs
        ],
    }


def write_flame(path: Path, runs: Sequence[Run]) -> None:
    """Where the time of all runs went: mix and configuration, stage, call."""
    weights = {(f"{run.mix} {run.config}", *call): round(1e6 * s) for run in runs for call, s in run.calls.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(flame_graph(weights, f"prover, {describe_machine()}", "µs"))


def _counted(stage: Stage) -> tuple[str, str, str, str]:
    if stage.work == Work():
        return "", "", "", ""
    return (
        f"{stage.work.bytes / 1e9:.1f}",
        _operations(stage.work),
        f"{stage.bound_seconds:.2f}",
        f"{100 * stage.bound_seconds / stage.seconds:.0f} %",
    )


def _operations(work: Work) -> str:
    named = (
        (work.poseidon2, "Poseidon2"),
        (work.keccak, "Keccak-f"),
        (work.extension_multiplications, "ext mul"),
        (work.base_multiplications, "base mul"),
    )
    return ", ".join(f"{count / 1e6:.0f} M {name}" for count, name in named if count)
