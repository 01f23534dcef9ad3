"""All claims about the chips of all machines, and their table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from rich.table import Table

from zk.air.chip import Chip, Machine
from zk.determinism.cases import cases_of
from zk.determinism.proof import ChipProof, Finding, calls_of
from zk.shards.machine import memory_machine, shard_machine
from zk.vm.elf import GuestProgram
from zk.vm.machine import COPROCESSORS, rv32im_machine

_ECALL = 0x73


@cache
def machines() -> tuple[Machine, ...]:
    """The machine with every coprocessor and every second instance, that of a shard, and that of all shards' memory.

    Their program is one instruction: chips depend on it by the heights of tables only.
    """
    one = np.array([4], np.uint32), np.array([_ECALL], np.uint32)
    empty = np.zeros(0, np.uint32)
    program = GuestProgram(4, *one, empty, empty, zero_base=8)
    whole, _ = rv32im_machine(program, COPROCESSORS, twins=True)
    shard, _ = shard_machine(program, COPROCESSORS, twins=True)
    memory, _ = memory_machine(program)
    return whole, shard, memory


@cache
def distinct_chips() -> dict[str, Chip]:
    """The chips of all machines by name, without second instances: those with the expressions of an earlier chip."""
    seen: set[object] = set()
    result = {}
    for chip in (chip for machine in machines() for chip in machine.chips):
        program = chip.lower()
        key = (
            program.nodes,
            program.constraints,
            program.interactions,
            chip.lower_global() is None,
            *chip.column_names,
        )
        if key not in seen:
            result[chip.name] = chip
        seen.add(key)
    return result


@cache
def chips_without_cases() -> frozenset[str]:
    """Tables that only offer rows: there is nothing to prove of them."""
    return frozenset(name for name, chip in distinct_chips().items() if not cases_of(chip))


def calls() -> frozenset[int]:
    """Numbers of the calls that coprocessors answer."""
    return calls_of(machines()[0])


def findings_of(name: str) -> list[Finding]:
    """All claims about the chip with this name."""
    return list(ChipProof(distinct_chips()[name], calls()).findings())


def prove_chips(names: Sequence[str], processes: int = 1) -> Iterator[list[Finding]]:
    """Proves all claims about these chips, one chip after the other in each of the processes."""
    if processes <= 1:
        yield from map(findings_of, names)
        return
    with ProcessPoolExecutor(processes) as executor:
        yield from executor.map(findings_of, names)


def table_of(findings: Iterable[Finding]) -> Table:
    """Chip, case, claim, whether it is proven and given which choices, method and seconds."""
    table = Table("chip", "case", "claim", "result", "method", "seconds", box=None)
    for f in findings:
        result = ("proven" if f.proven else f"OPEN: {f.detail}") + "".join(f"; given {given}" for given in f.given)
        table.add_row(f.chip, f.case, f.claim, result, f.method, f"{f.seconds:.2f}")
    return table
