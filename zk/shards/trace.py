"""Traces of the proofs of a run: its shards, each from its own execution, and its memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip, Machine
from zk.air.expression import P
from zk.chips.boundary import fill_boundary, fill_gimg, fill_gzero
from zk.chips.memory import log_height
from zk.chips.rows import Array
from zk.errors import TraceError
from zk.machine.keys import VerifyingKey
from zk.shards.keys import MachineKeys
from zk.shards.plan import FinalMemory, ShardInput, registers_first
from zk.vm.elf import GuestProgram
from zk.vm.executor import Execution, call_mask, finished, new_executor
from zk.vm.isa import REGISTER_COUNT
from zk.vm.lookups import count_lookups
from zk.vm.proving import fit_heights
from zk.vm.trace import add_lookup_tables, instance_rows, instruction_traces, pad_trace

U32 = NDArray[np.uint32]
_EVERYTHING = (1 << 64) - 1


def execute_shard(program: GuestProgram, shard: ShardInput, coprocessors: tuple[str, ...]) -> Execution:
    """Executes one shard by itself and keeps its rows. Raises TraceError where the run differs from the plan."""
    touched, words = shard.touched, registers_first(shard.touched)
    memory = touched.addresses[:words].astype(np.uint32), touched.first[:words].astype(np.uint32)
    executor = new_executor(program, memory, shard.ends.pc_start)
    executor.resume(shard.registers, shard.committed)
    executor.run_shard(shard.hints, shard.ends.cycles, _EVERYTHING, True, call_mask(coprocessors))
    execution = finished(program, executor, record=True)
    if execution.cycles != shard.ends.cycles or executor.halted != shard.ends.halted:
        raise TraceError(f"shard {shard.number}: expected {shard.ends.cycles} cycles, found {execution.cycles}")
    return execution


def shard_traces(machine: Machine, execution: Execution, shard: ShardInput) -> dict[str, U32]:
    """Main columns of every present chip of a shard."""
    chips = {chip.name: chip for chip in machine.chips}
    traces, counts = instruction_traces(machine, execution)
    traces["BOUNDARY"] = boundary_trace(chips["BOUNDARY"], shard)
    counts["BOUNDARY"] = len(shard.touched.addresses)
    numbers = np.full((1, traces["BOUNDARY"].shape[1]), shard.number, np.uint32)  # the virtual column SHARD
    add_lookup_tables(machine, execution, traces, counts, {"BOUNDARY": numbers})
    return {chip.name: traces[chip.name] for chip in machine.chips if chip.name in traces}


def boundary_trace(chip: Chip, shard: ShardInput) -> U32:
    """The columns of BOUNDARY, which are committed before everything else."""
    touched = shard.touched
    columns = fill_boundary(touched.addresses, touched.first, touched.previous, touched.last, touched.times)
    return pad_trace(chip, columns, len(touched.addresses))


def memory_traces(keys: MachineKeys, program: GuestProgram, memory: FinalMemory) -> tuple[dict[str, U32], list[int]]:
    """Main columns of the memory machine, and its public values."""
    chips = {chip.name: chip for chip in keys.machine.chips}
    numbers = {chip.program.name: number for number, chip in enumerate(keys.verifying.chips)}
    preprocessed = keys.proving.preprocessed[numbers["GIMG"]]
    image = _image_rows(preprocessed, memory)
    start, end = (int(x) for x in np.searchsorted(memory.addresses, (program.zero_base, P - REGISTER_COUNT)))
    addresses = memory.addresses[start:end]
    words = fill_gzero(addresses, memory.values[start:end], memory.shards[start:end], program.zero_base)
    traces = {
        "GIMG": pad_trace(chips["GIMG"], fill_gimg(*image), len(image[0])),
        "GZERO": pad_trace(chips["GZERO"], words, len(addresses)),
    }
    counts = {"GIMG": len(image[0]), "GZERO": len(addresses)}
    totals = count_lookups(keys.machine.chips, traces, counts, {"GIMG": preprocessed})
    traces["T16"] = totals.t16()
    return traces, [int(addresses[-1]) if len(addresses) else program.zero_base - 4]


def _image_rows(preprocessed: U32, memory: FinalMemory) -> tuple[Array, Array]:
    """Last value and shard of every row of GIMG: what the run left, else the first value and shard 0."""
    address, low, high, real = preprocessed[:, preprocessed[3] == 1].astype(np.int64)
    values, shards = low + (high << 16), np.zeros_like(real)
    at = np.searchsorted(memory.addresses, address)
    known = at < len(memory.addresses)
    known[known] = memory.addresses[at[known]] == address[known]
    values[known], shards[known] = memory.values[at[known]], memory.shards[at[known]]
    return values, shards


def trace_heights(key: VerifyingKey, rows: Mapping[str, int]) -> list[int | None]:
    """log2 heights of a proof by chip number, from the real rows before the split on instances; tables have theirs from the key."""
    names = {chip.program.name for chip in key.chips}
    split: dict[str, int] = {}
    for name, count in rows.items():
        split.update(instance_rows(name, count, names))
    missing = sorted(set(split) - names)
    if missing:
        raise TraceError(f"the machine has no chip for calls of {missing}")
    heights: list[int | None] = []
    for chip in key.chips:
        real = split.get(chip.program.name)
        height = None if real is None else max(chip.log_height_min, log_height(real))
        if chip.log_height_min == chip.log_height_max:
            height = chip.log_height_min
        if height is not None and height > chip.log_height_max:
            raise TraceError(f"chip {chip.program.name}: {real} rows do not fit 2^{chip.log_height_max}")
        heights.append(height)
    return fit_heights(key, heights)
