"""`python -m zk.bench`: proves plain RV32IM guests of about 2^20 cycles and prints rate, cells, bound and machine.

Three mixes (proof system, section 21): SHA-256, order matching, wide decimal arithmetic. Configuration P2, rate 1/2.
The bound is the arithmetic of section 18 at the rates that this machine shows for single kernels, measured first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import gpu
from gpu import _native
from zk.machine.prover import ProofStatistics
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import execute
from zk.vm.guest import build_guest
from zk.vm.keys import guest_keys
from zk.vm.machine import rv32im_machine
from zk.vm.proving import prove_guest, verify_guest
from zk.vm.trace import generate_traces

U32 = NDArray[np.uint32]
CYCLES = 1 << 20
PERMUTATIONS_PER_CELL = 0.29
EXTENSION_MULTIPLICATIONS_PER_CELL = 28
BASE_NANOSECONDS_PER_CELL = 10
_FOLDER = Path(__file__).resolve().parent
_SAMPLES = _FOLDER.parent / "guests" / "samples"


@dataclass(frozen=True, slots=True)
class Mix:
    """A guest and the hints for a size."""

    name: str
    source: Path
    hints: Callable[[int], U32]


MIXES = (
    Mix("sha256", _SAMPLES / "sha256.cpp", lambda n: np.array([n] + [0] * (-(-n // 4)), dtype=np.uint32)),
    Mix("orders", _FOLDER / "guests" / "orders.cpp", lambda n: np.array([n], dtype=np.uint32)),
    Mix("decimals", _FOLDER / "guests" / "decimals.cpp", lambda n: np.array([n], dtype=np.uint32)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one mix."""

    name: str
    cycles: int
    used_cells: int
    committed_cells: int
    execute_seconds: float
    trace_seconds: float
    prove_seconds: float
    verify_seconds: float
    proof_bytes: int
    stages: dict[str, float]
    bound_seconds: float

    @property
    def seconds(self) -> float:
        """Execution, traces and proof."""
        return self.execute_seconds + self.trace_seconds + self.prove_seconds


def largest_size(program: GuestProgram, hints: Callable[[int], U32]) -> int:
    """The largest size whose run stays within CYCLES."""

    def fits(size: int) -> bool:
        return execute(program, hints(size), 64 * CYCLES, record=False).cycles <= CYCLES

    high = 2
    while fits(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def count_used_cells(program: GuestProgram, hints: U32) -> int:
    """Rows times columns, without the padding to powers of two."""
    machine, _ = rv32im_machine(program, (), twins=True)
    traces, _ = generate_traces(machine, execute(program, hints))
    used = 0
    for chip in machine.chips:
        if chip.name not in traces:
            continue
        columns = traces[chip.name]
        selectors = [chip.main.index(name) for name in chip.selectors if name in chip.main]
        rows = int(np.count_nonzero(columns[selectors].any(axis=0))) if selectors else columns.shape[1]
        used += rows * columns.shape[0]
    return used


def measure_kernel_rates() -> tuple[float, float]:
    """(Poseidon2 permutations, extension multiplications) per second, all threads together, on blocks that stay in the cache."""
    kernels, threads, rounds = _native.kernels(_native.instruction_sets()[0]), _native.thread_count(), 200
    randomness = np.random.default_rng(1)

    def draw(rows: int, count: int) -> list[U32]:
        return [randomness.integers(0, 2**30, size=(rows, count), dtype=np.uint32) for _ in range(threads)]

    states, a, b = draw(16, 1 << 12), draw(5, 1 << 12), draw(5, 1 << 12)
    products = [np.empty_like(block) for block in a]
    with ThreadPoolExecutor(threads) as pool:

        def rate(call: Callable[[int], object]) -> float:
            def repeat(thread: int) -> None:
                for _ in range(rounds):
                    call(thread)

            return threads * rounds * (1 << 12) / _best_seconds(lambda: list(pool.map(repeat, range(threads))))

        return (
            rate(lambda thread: kernels.poseidon2_permute(states[thread])),
            rate(lambda thread: kernels.multiply_extension(a[thread], b[thread], products[thread])),
        )


def _best_seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(mix: Mix, folder: Path, rates: tuple[float, float]) -> Row:
    """Proves one mix; chips are compiled by a small run before."""
    program = read_elf(build_guest([mix.source], folder / f"{mix.name}.elf"))
    device = gpu.default_device()
    keys = guest_keys(program, "P2", (), device)
    prove_guest(keys, mix.hints(200), device)
    hints = mix.hints(largest_size(program, mix.hints))
    proven = prove_guest(keys, hints, device)
    start = time.perf_counter()
    verify_guest(keys.verifying, proven.proof)
    verified = time.perf_counter() - start
    statistics: ProofStatistics = proven.statistics
    cell_seconds = (
        PERMUTATIONS_PER_CELL / rates[0]
        + EXTENSION_MULTIPLICATIONS_PER_CELL / rates[1]
        + BASE_NANOSECONDS_PER_CELL * 1e-9
    )
    return Row(
        mix.name,
        proven.cycles,
        count_used_cells(program, hints),
        statistics.committed_cells,
        proven.execute_seconds,
        proven.trace_seconds,
        proven.prove_seconds,
        verified,
        len(proven.proof),
        dict(statistics.seconds),
        statistics.committed_cells * cell_seconds,
    )


def render(rows: list[Row]) -> Table:
    """The rows as a table."""
    table = Table(
        "mix",
        "cycles",
        "used/cycle",
        "committed/cycle",
        "trace s",
        "prove s",
        "stages s",
        "cycles/s",
        "bound s",
        "share",
    )
    for row in rows:
        table.add_row(
            row.name,
            f"{row.cycles:,}",
            f"{row.used_cells / row.cycles:.1f}",
            f"{row.committed_cells / row.cycles:.1f}",
            f"{row.trace_seconds:.2f}",
            f"{row.prove_seconds:.2f}",
            ", ".join(f"{name} {seconds:.2f}" for name, seconds in row.stages.items()),
            f"{row.cycles / row.seconds:,.0f}",
            f"{row.bound_seconds:.2f}",
            f"{100 * row.bound_seconds / row.prove_seconds:.0f} %",
        )
    return table


def describe_machine() -> str:
    """Processor and threads."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} threads, kernels {_native.instruction_sets()[0]}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="zk.bench", description=__doc__)
    parser.add_argument("--mix", choices=[mix.name for mix in MIXES], action="append", help="only these")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    rates = measure_kernel_rates()
    chosen = [mix for mix in MIXES if not arguments.mix or mix.name in arguments.mix]
    with tempfile.TemporaryDirectory(prefix="blindbook-bench-") as folder:
        rows = [measure(mix, Path(folder), rates) for mix in chosen]
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if arguments.json:
        print(
            json.dumps(
                [{**{name: getattr(row, name) for name in row.__slots__}, "seconds": row.seconds} for row in rows]
            )
        )
        return
    console = Console(width=160)
    console.print(f"prover, P2, rate 1/2; {describe_machine()}")
    console.print(f"kernels: {rates[0] / 1e6:.1f} M Poseidon2/s, {rates[1] / 1e6:.0f} M extension multiplications/s")
    console.print(render(rows))
    console.print(f"peak memory of all runs {peak_bytes / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
