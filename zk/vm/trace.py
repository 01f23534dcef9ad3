"""From an execution to the columns of all chips."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Chip, Machine
from zk.chips.add import fill_add, fill_add_rw, fill_addi, fill_addi_rw, fill_mv
from zk.chips.branch import fill_beq, fill_beqz, fill_blt, fill_bltu
from zk.chips.compare import fill_cmp, fill_sltu_rw
from zk.chips.divide import fill_div
from zk.chips.ecall import fill_ecall
from zk.chips.jump import fill_jalr, fill_set
from zk.chips.load import fill_loadsub, fill_lw
from zk.chips.logic import fill_logic, fill_logic_rw
from zk.chips.memory import fill_img, fill_zero, log_height
from zk.chips.multiply import fill_mul
from zk.chips.refresh import fill_refresh
from zk.chips.rows import CpuRows, Trace
from zk.chips.shift import fill_shift
from zk.chips.shift_immediate import fill_shifti, fill_shifti_rw
from zk.chips.store import fill_storesub, fill_sw
from zk.coprocessors.dot import fill_dot, fill_dot_head
from zk.coprocessors.path import fill_path, fill_path_head
from zk.coprocessors.permutation import fill_p2, padding_of_sboxes
from zk.errors import TraceError
from zk.vm.executor import Execution
from zk.vm.lookups import count_lookups
from zk.vm.machine import public_values, twin_name
from zk.vm.parallel import map_threads

U32 = NDArray[np.uint32]

_CPU: Mapping[str, Callable[[CpuRows], Trace]] = {
    "ADDI": fill_addi,
    "ADDI_RW": fill_addi_rw,
    "MV": fill_mv,
    "SET": fill_set,
    "ADD": fill_add,
    "ADD_RW": fill_add_rw,
    "LOGIC": fill_logic,
    "LOGIC_RW": fill_logic_rw,
    "CMP": fill_cmp,
    "SLTU_RW": fill_sltu_rw,
    "BEQ": fill_beq,
    "BEQZ": fill_beqz,
    "BLT": fill_blt,
    "BLTU": fill_bltu,
    "JALR": fill_jalr,
    "SHIFT": fill_shift,
    "SHIFTI": fill_shifti,
    "SHIFTI_RW": fill_shifti_rw,
    "LW": fill_lw,
    "SW": fill_sw,
    "LOADSUB": fill_loadsub,
    "STORESUB": fill_storesub,
    "MUL": fill_mul,
    "DIV": fill_div,
}
_LOGGED: Mapping[str, Callable[[U32], Trace]] = {
    "REFRESH": fill_refresh,
    "P2": fill_p2,
    "PATH_H": fill_path_head,
    "PATH": fill_path,
    "DOT_H": fill_dot_head,
    "DOT": fill_dot,
}
WITH_SBOXES = frozenset({"P2", "PATH"})  # chips whose padding rows are not zero


def generate_traces(machine: Machine, execution: Execution) -> tuple[dict[str, U32], list[int]]:
    """Main columns (main_count, 2^h) of every present chip, padded, and the 38 public values.

    Takes the rows out of `execution`. Raises TraceError where the run does not fit the machine.
    """
    chips = {chip.name: chip for chip in machine.chips}
    traces, counts = instruction_traces(machine, execution)
    zero_words, zero_trace = _zero(execution)
    if len(zero_words):
        traces["ZERO"], counts["ZERO"] = pad_trace(chips["ZERO"], zero_trace, len(zero_words)), len(zero_words)
    image = _image(execution)
    traces["IMG"] = pad_trace(chips["IMG"], image, len(image["ts"]))
    add_lookup_tables(machine, execution, traces, counts)
    mem_top = int(zero_words[-1]) if len(zero_words) else execution.program.zero_base - 4
    values = public_values(
        execution.program.entry, execution.cycles + 1, execution.exit_code, mem_top, execution.outputs.tolist()
    )
    return {chip.name: traces[chip.name] for chip in machine.chips if chip.name in traces}, values


def instruction_traces(machine: Machine, execution: Execution) -> tuple[dict[str, U32], dict[str, int]]:
    """Padded columns and counts of real rows of the instruction and coprocessor chips that have any.

    Takes the rows out of `execution`. Raises TraceError where it was not recorded or the machine lacks a chip.
    """
    if not execution.rows:
        raise TraceError("the execution was not recorded")
    traces: dict[str, U32] = {}
    counts: dict[str, int] = {}
    chips = {chip.name: chip for chip in machine.chips}

    def instances(name: str) -> list[tuple[str, U32, int]]:
        rows, start, result = execution.rows.pop(name), 0, []
        trace = _fill(name, rows, execution) if rows.shape[1] else {}
        for instance, count in instance_rows(name, rows.shape[1], chips).items():
            result.append((instance, pad_trace(chips[instance], _part(trace, start, start + count), count), count))
            start += count
        return result

    for filled in map_threads(instances, [chip.name for chip in machine.chips if chip.name in execution.rows]):
        for instance, columns, count in filled:
            traces[instance], counts[instance] = columns, count
    left = [name for name, rows in execution.rows.items() if rows.shape[1]]
    if left:
        raise TraceError(f"the machine has no chip for calls of {left}")
    return traces, counts


def instance_rows(name: str, rows: int, chips: Container[str]) -> dict[str, int]:
    """How the rows of a chip are split on its instances; empty instances are left out. `chips`: names in the machine."""
    first = split_rows(rows) if twin_name(name) in chips else rows
    split = {name: first, twin_name(name): rows - first}
    return {instance: count for instance, count in split.items() if count}


def split_rows(rows: int) -> int:
    """How many rows the first of two instances takes: half of the height that all would need, where the rest is short enough to
    save a quarter of the cells; else all."""
    height = log_height(rows)
    half = 1 << max(0, height - 1)
    return half if rows > half and half + (1 << log_height(rows - half)) <= 3 << height >> 2 else rows


def _part(trace: Trace, start: int, end: int) -> Trace:
    return {name: column[start:end] for name, column in trace.items()}


def _fill(name: str, rows: U32, execution: Execution) -> Trace:
    if name in _CPU:
        return _CPU[name](CpuRows.decode(rows, execution.program.rom))
    if name == "ECALL":
        return fill_ecall(rows, execution.program.rom)
    return _LOGGED[name](rows)


def pad_trace(chip: Chip, trace: Trace, rows: int) -> U32:
    """Columns in declaration order; padding rows are zero except for columns that are defined by others."""
    height = max(chip.height_log_min, log_height(rows))
    if height > chip.height_log_max:
        raise TraceError(f"chip {chip.name}: {rows} rows do not fit 2^{chip.height_log_max}")
    unknown = set(trace) - set(chip.main)
    if unknown:
        raise TraceError(f"chip {chip.name}: trace generation made unknown columns {sorted(unknown)}")
    result = np.zeros((len(chip.main), 1 << height), np.uint32)
    padding = padding_of_sboxes() if chip.name in WITH_SBOXES else {}
    for number, name in enumerate(chip.main):
        if name in trace:
            result[number, :rows] = trace[name]
        if name in padding:
            result[number, rows:] = padding[name]
    return result


def _zero(execution: Execution) -> tuple[NDArray[np.int64], Trace]:
    """Touched words at or above zero_base, and the trace of ZERO."""
    start = int(np.searchsorted(execution.touched[0], execution.program.zero_base))
    addresses, values, times = (column[start:].astype(np.int64) for column in execution.touched)
    return addresses, fill_zero(addresses, values, times, execution.program.zero_base)


def _image(execution: Execution) -> Trace:
    """Last value and time of image words and registers."""
    program = execution.program
    addresses, values, times = execution.touched
    last_values = program.image_values.astype(np.int64)
    last_times = np.zeros_like(last_values)
    below = int(np.searchsorted(addresses, program.zero_base))
    rows = np.searchsorted(program.image_addresses, addresses[:below])
    last_values[rows], last_times[rows] = values[:below], times[:below]
    registers = execution.registers.astype(np.int64)
    return fill_img(np.concatenate([last_values, registers[:, 0]]), np.concatenate([last_times, registers[:, 1]]))


def add_lookup_tables(
    machine: Machine,
    execution: Execution,
    traces: dict[str, U32],
    counts: Mapping[str, int],
    further: Mapping[str, U32] | None = None,
) -> None:
    """Adds the columns of ROM, T16 and T5. `counts`: real rows of the chips that look something up; `further`: their columns that are
    not in the traces."""
    chips = {chip.name: chip for chip in machine.chips}
    traces["ROM"] = pad_trace(chips["ROM"], {"m": execution.executions.astype(np.int64)}, len(execution.executions))
    totals = count_lookups(machine.chips, traces, counts, further)
    traces["T16"] = totals.t16()
    traces["T5"] = totals.shifts[None].astype(np.uint32)
