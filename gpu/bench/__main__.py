"""Prints the rate of each kernel, its bound, and the machine.

Bounds are those of the design (proof system, section 18), measured on two hyper-threads of one AVX-512 core; a rate on another
machine may lie above them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gpu import _native
from gpu.bench.machine import describe
from gpu.bench.programs import COLUMNS, INTERACTIONS, chip_program
from gpu.cpu import CpuDevice, P, instruction_sets
from gpu.device import ChipColumns, ColumnClaim, ExtValue

ONE: ExtValue = (3, 1, 4, 1, 5)
REPETITIONS = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured rate in millions of units per second, with its bound."""

    name: str
    millions: float
    unit: str
    bound: str


def seconds(run: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """The shortest of some runs: other work on the machine only adds."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def repeat(count: int, run: Callable[[], None]) -> None:
    """Calls `run` so often."""
    for _ in range(count):
        run()


def randoms(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    return np.random.default_rng(1).integers(0, P, shape, dtype=np.uint32)


def arithmetic(device: CpuDevice) -> Iterator[Rate]:
    """Single-thread rates of field and permutations on data in the cache."""
    kernels = device.kernels
    a = randoms(1 << 14)
    product = np.empty_like(a)
    taken = seconds(lambda: repeat(500, lambda: kernels.multiply_base(a, a, product)))
    yield Rate("base multiplication", 500 * a.size / taken / 1e6, "products/s/thread", "6000-16000 in registers")
    blocks = randoms(64, 5, 16)
    result = np.empty_like(blocks)
    taken = seconds(lambda: repeat(500, lambda: kernels.multiply_extension(blocks, blocks, result)))
    yield Rate("extension multiplication", 500 * 1024 / taken / 1e6, "products/s/thread", "350")
    states = randoms(16, 1 << 14)
    taken = seconds(lambda: kernels.poseidon2_permute(states))
    yield Rate("Poseidon2-16", states.shape[1] / taken / 1e6, "permutations/s/thread", "6.8")
    words = np.random.default_rng(1).integers(0, 1 << 63, (25, 1 << 13), dtype=np.uint64)
    taken = seconds(lambda: kernels.keccak_permute(words))
    yield Rate("Keccak-f[1600]", words.shape[1] / taken / 1e6, "permutations/s/thread", "-")


def commitments(device: CpuDevice, log_rows: int, width: int) -> Iterator[Rate]:
    """Encoding, hashing and univariate evaluation on all threads, in cells of the committed matrix."""
    columns = randoms(width, 1 << log_rows)
    taken = seconds(lambda: device.evaluate_univariate(columns.reshape(-1), ONE))
    yield Rate("univariate evaluation", columns.size / taken / 1e6, "cells/s", "memory")
    for name, log_inv_rate in (("poseidon2", 1), ("keccak", 1), ("keccak", 4)):
        taken = seconds(lambda n=name, r=log_inv_rate: device.commit(n, columns, r), 2)  # type: ignore[misc]
        yield Rate(f"commit {name}, rate 1/{1 << log_inv_rate}", columns.size / taken / 1e6, "cells/s", "32 (P2, 1/2)")


def provers(device: CpuDevice, log_height: int) -> Iterator[Rate]:
    """GKR, zerocheck and opening of one synthetic chip on all threads, in cells of the trace."""
    columns = randoms(COLUMNS, 1 << log_height)
    chip = ChipColumns(device.load(chip_program()), log_height, columns, None, None)
    cells = columns.size
    log_leaves = log_height + INTERACTIONS.bit_length() - 1
    taken = seconds(lambda: gkr(device, chip, log_leaves), 2)
    yield Rate("fraction tree and layers", cells / taken / 1e6, "cells/s", "34 (0.7 G products/s, 20 a cell)")
    taken = seconds(lambda: zerocheck(device, chip), 2)
    yield Rate("zerocheck", cells / taken / 1e6, "cells/s", "80")
    taken = seconds(lambda: opening(device, columns), 2)
    yield Rate("opening sumcheck", cells / taken / 1e6, "cells/s", "memory")


def gkr(device: CpuDevice, chip: ChipColumns, log_leaves: int) -> None:
    """A whole fraction tree with all its layers."""
    tree = device.fraction_tree([chip], ONE, ONE, log_leaves)
    for index in range(1, log_leaves + 1):
        layer = tree.layer(index, [ONE] * (index - 1), ONE)
        for _ in range(index - 1):
            layer.round()
            layer.bind(ONE)
        layer.claims()


def zerocheck(device: CpuDevice, chip: ChipColumns) -> None:
    """All rounds of a zerocheck."""
    program = chip.chip.program
    weights = [[ONE] * len(program.interactions)], [[ONE] * len(program.constraints)]
    prover = device.zerocheck([chip], [ONE] * chip.log_height, ONE, ONE, ONE, *weights)
    for _ in range(chip.log_height):
        prover.round()
        prover.bind(ONE)
    prover.column_evaluations()


def opening(device: CpuDevice, columns: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]) -> None:
    """All rounds of an opening with one claim for each column."""
    log_height = int(columns.shape[1]).bit_length() - 1
    log_size = (columns.size - 1).bit_length()
    claims = [ColumnClaim(i << log_height, log_height, ONE) for i in range(columns.shape[0])]
    prover = device.opening([(0, columns)], log_size, ONE, [ONE] * log_height, claims)
    for _ in range(log_size):
        prover.round()
        prover.bind(ONE)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m gpu.bench", description=__doc__)
    parser.add_argument("--instruction-set", choices=instruction_sets(), default=instruction_sets()[0])
    parser.add_argument(
        "--log-rows", type=int, default=18, help="log2 of the rows of a committed matrix and of a trace"
    )
    parser.add_argument("--width", type=int, default=32, help="columns of the committed matrix")
    options = parser.parse_args()
    device = CpuDevice(options.instruction_set)
    print(describe(device, _native.thread_count()))
    print(f"{'kernel':32} {'M units/s':>10}  {'unit':24} bound (M/s)")
    for rates in (
        arithmetic(device),
        commitments(device, options.log_rows, options.width),
        provers(device, options.log_rows),
    ):
        for rate in rates:
            print(f"{rate.name:32} {rate.millions:10.1f}  {rate.unit:24} {rate.bound}", flush=True)


if __name__ == "__main__":
    main()
