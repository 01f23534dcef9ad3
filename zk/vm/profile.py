"""Where a guest spends its cycles, and what the proof of the run will cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Machine
from zk.chips.memory import log_height
from zk.machine.keys import chip_keys, smallest_log_rows
from zk.machine.shape import derive_shape
from zk.vm import _executor
from zk.vm.debug_info import function_name, read_debug_info
from zk.vm.elf import GuestProgram
from zk.vm.executor import CYCLES_MAX, FAMILIES, RECORDED_CYCLES_MAX, call_mask, fault_error, new_executor
from zk.vm.trace import instance_rows

U32 = NDArray[np.uint32]
Stack = tuple[str, ...]

_PARENT, _CONTEXT, _CALLS, _CYCLES, _ROWS = 0, 1, 2, 3, 4  # columns of the call tree


@dataclass(slots=True)
class PathCost:
    """What a call path costs by itself, without what it calls: cycles, and cells of its rows before padding."""

    calls: int = 0
    cycles: int = 0
    cells: int = 0


@dataclass(slots=True)
class FunctionCost:
    """All paths of a function: by itself, and with everything below it (`cumulative`, recursion counted once)."""

    name: str
    calls: int = 0
    cycles: int = 0
    cells: int = 0
    cumulative_cycles: int = 0
    cumulative_cells: int = 0


@dataclass(frozen=True, slots=True)
class ChipCost:
    """Real rows and committed columns of a chip instance; `cells` with padding to 2^log_height."""

    chip: str
    rows: int
    log_height: int
    columns: int

    @property
    def cells(self) -> int:
        """Cells of the trace."""
        return self.columns << self.log_height


@dataclass(frozen=True, slots=True)
class ProofCost:
    """The shape of the proof of a run in one shard: stack of 2^log_rows rows, 2^log_size cells for the opening."""

    chips: tuple[ChipCost, ...]
    log_rows: int
    log_size: int
    used_cells: int
    committed_cells: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A finished run. `rows` by chip family; `proof` is None for a run that is longer than one shard."""

    cycles: int
    exit_code: int
    hints_read: int
    outputs: tuple[int, ...]
    paths: Mapping[Stack, PathCost]
    rows: Mapping[str, int]
    proof: ProofCost | None

    def functions(self) -> list[FunctionCost]:
        """Most cumulative cycles first."""
        found: dict[str, FunctionCost] = {}
        for path, cost in self.paths.items():
            for name in set(path):
                entry = found.setdefault(name, FunctionCost(name))
                entry.cumulative_cycles += cost.cycles
                entry.cumulative_cells += cost.cells
            own = found[path[-1]]
            own.calls += cost.calls
            own.cycles += cost.cycles
            own.cells += cost.cells
        return sorted(found.values(), key=lambda entry: (-entry.cumulative_cycles, entry.name))


def profile_guest(
    program: GuestProgram,
    content: bytes,
    machine: Machine,
    hints: U32,
    coprocessors: Iterable[str],
    max_cycles: int = CYCLES_MAX,
    shard_cycles: int = RECORDED_CYCLES_MAX,
) -> Profile:
    """Runs the guest with a record of its calls (some 20 M cycles/s).

    `content` is the ELF file, whose debug information tells inlined functions apart; `machine` the one that will prove the run
    if it has at most `shard_cycles` instructions. Raises ExecutionError.
    """
    contexts, names = _contexts(program, content)
    executor, tree = new_executor(program), _executor.CallTree(contexts)
    executor.run_observed(np.ascontiguousarray(hints, np.uint32), max_cycles, call_mask(coprocessors), tree)
    if executor.fault:
        raise fault_error(program, executor)
    nodes = tree.nodes()
    totals = nodes[:, _ROWS:].sum(axis=0).tolist()
    rows = {family: int(count) for family, count in zip(FAMILIES, totals, strict=True) if count}
    zeroed = int((executor.touched()[0][0] >= program.zero_base).sum())
    columns = {chip.name: len(chip.main) for chip in machine.chips}
    return Profile(
        cycles=executor.cycles,
        exit_code=executor.exit_code,
        hints_read=executor.hints_read,
        outputs=tuple(executor.outputs()[0].tolist()),
        paths=_paths(nodes, names, np.array([columns.get(family, 0) for family in FAMILIES], np.uint64)),
        rows=rows,
        proof=predict_cost(machine, {**rows, "ZERO": zeroed}) if executor.cycles <= shard_cycles else None,
    )


def predict_cost(machine: Machine, rows: Mapping[str, int]) -> ProofCost:
    """The shape that traces with these rows (by chip, before the split on instances) will have."""
    known = {chip.name for chip in machine.chips}
    counts = {
        instance: number
        for name, count in rows.items()
        if count
        for instance, number in instance_rows(name, count, known).items()
    }
    costs, heights = [], []
    for chip in machine.chips:
        count = counts.get(chip.name, 0)
        height = max(chip.height_log_min, log_height(count)) if count or not chip.optional else None
        heights.append(height)
        if height is not None:
            costs.append(ChipCost(chip.name, count, height, len(chip.main) + len(chip.preprocessed)))
    keys = chip_keys(machine)
    shape = derive_shape(keys, heights, smallest_log_rows(keys))
    committed = sum(tree.width << shape.log_rows for tree in shape.trees)
    return ProofCost(tuple(costs), shape.log_rows, shape.log_size, sum(tree.cells for tree in shape.trees), committed)


def _contexts(program: GuestProgram, content: bytes) -> tuple[U32, list[Stack]]:
    """Context number of every ROM row, and the names of each context: the function, then the inlined ones."""
    debug = read_debug_info(content, program.instruction_addresses)
    numbers: dict[Stack, int] = {}
    contexts = []
    for pc in program.rom.pc.tolist():
        function = function_name(program.symbol_at(pc) or "(no symbol)")
        names = (function, *(call.name for call in debug.inlined_at(pc)))
        contexts.append(numbers.setdefault(names, len(numbers)))
    return np.array(contexts, np.uint32), list(numbers)


def _paths(nodes: NDArray[np.uint64], contexts: list[Stack], columns: NDArray[np.uint64]) -> dict[Stack, PathCost]:
    """Cost by call path. A call counts for the called function, even where its first instruction is of an inlined one."""
    cells = (nodes[:, _ROWS:] @ columns).tolist()
    stacks: list[Stack] = [()]
    paths: dict[Stack, PathCost] = {}
    for number, (parent, context, calls, cycles) in enumerate(nodes[:, :_ROWS].tolist()):
        if number == 0:
            continue
        above, names = stacks[parent], contexts[context]
        stacks.append(above + names)
        own = paths.setdefault(stacks[-1], PathCost())
        own.cycles += cycles
        own.cells += cells[number]
        if calls:
            paths.setdefault((*above, names[0]), PathCost()).calls += calls
    return paths
