"""`python -m zk.bench`: proves plain RV32IM guests of about 2^22 cycles in shards and prints, for each stage of the prover, seconds,
bytes, operations and the share of what this machine can do; a flame of the stages goes to an SVG file.

Three mixes (proof system, section 21), configurations P2 (Poseidon2, rate 1/2) and KA (Keccak, rate 1/2). The bound of a stage is its
arithmetic at the rates that single kernels show, measured first, or its bytes at the measured rate of copies, whichever is longer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console

from zk.bench.mixes import MIXES, largest_size
from zk.bench.rates import measure_rates
from zk.bench.report import describe_machine, describe_rates, peak_bytes, print_means, print_run, to_json, write_flame
from zk.bench.runs import Run, measure
from zk.configuration import ConfigName
from zk.shards.plan import SHARD_CYCLES
from zk.vm.elf import read_elf
from zk.vm.guest import build_guest

CONFIGS: tuple[ConfigName, ...] = ("P2", "KA")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="zk.bench", description=__doc__)
    parser.add_argument("--mix", choices=[mix.name for mix in MIXES], action="append", help="only these")
    parser.add_argument("--config", choices=CONFIGS, action="append", help="only these")
    parser.add_argument("--log-cycles", type=int, default=22, help="log2 of the cycles that a run has at most")
    parser.add_argument("--shard-cycles", type=int, default=SHARD_CYCLES, help="cycles of one shard at most")
    parser.add_argument("--flame", type=Path, default=Path("build/bench-flame.svg"), help="SVG file to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def main() -> None:
    """Measures and prints."""
    arguments = _arguments()
    console = Console(width=140, quiet=arguments.json)
    rates = measure_rates()
    console.print(f"prover, rate 1/2; {describe_machine()}\n{describe_rates(rates)}", highlight=False)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="blindbook-bench-") as folder:
        for mix in MIXES:
            if arguments.mix and mix.name not in arguments.mix:
                continue
            program = read_elf(build_guest([mix.source], Path(folder) / f"{mix.name}.elf"))
            size = largest_size(program, mix.hints, 1 << arguments.log_cycles)
            for config in arguments.config or CONFIGS:
                runs.append(measure(mix, program, size, config, arguments.shard_cycles, rates))
                print_run(console, runs[-1])
    print_means(console, runs)
    write_flame(arguments.flame, runs)
    if arguments.json:
        print(json.dumps(to_json(runs, rates)))
    console.print(f"peak memory of all runs {peak_bytes() / 2**30:.2f} GiB; flame: {arguments.flame}", highlight=False)


if __name__ == "__main__":
    main()
