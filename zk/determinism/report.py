"""All claims about the chips of the full machine, and their table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from rich.table import Table

from zk.air.chip import Chip, Machine
from zk.determinism.proof import ChipProof, Finding, calls_of
from zk.vm.elf import GuestProgram
from zk.vm.machine import COPROCESSORS, rv32im_machine

_ECALL = 0x73


def full_machine() -> Machine:
    """The machine with every coprocessor and every second instance, of a program of one instruction."""
    one = np.array([4], np.uint32), np.array([_ECALL], np.uint32)
    empty = np.zeros(0, np.uint32)
    machine, _ = rv32im_machine(GuestProgram(4, *one, empty, empty, zero_base=8), COPROCESSORS, twins=True)
    return machine


def distinct_chips(machine: Machine) -> list[Chip]:
    """The chips without second instances: those whose lowered program is that of an earlier chip."""
    seen: set[object] = set()
    result = []
    for chip in machine.chips:
        program = chip.lower()
        key = (program.nodes, program.constraints, program.interactions, tuple(chip.column_names))
        if key not in seen:
            result.append(chip)
        seen.add(key)
    return result


def findings_of(name: str) -> list[Finding]:
    """All claims about the chip with this name in the full machine."""
    machine = full_machine()
    chip = next(chip for chip in machine.chips if chip.name == name)
    return list(ChipProof(chip, calls_of(machine)).findings())


def prove_chips(names: Sequence[str], processes: int = 1) -> Iterator[list[Finding]]:
    """Proves all claims about these chips, one chip after the other in each of the processes."""
    if processes <= 1:
        yield from map(findings_of, names)
        return
    with ProcessPoolExecutor(processes) as executor:
        yield from executor.map(findings_of, names)


def table_of(findings: Iterable[Finding]) -> Table:
    """Chip, case, claim, whether it is proven, method and seconds."""
    table = Table("chip", "case", "claim", "result", "method", "seconds", box=None)
    for f in findings:
        result = "proven" if f.proven else f"OPEN: {f.detail}"
        table.add_row(f.chip, f.case, f.claim, result, f.method, f"{f.seconds:.2f}")
    return table
