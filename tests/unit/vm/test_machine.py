"""The machine as the specification counts it, its public values, its determinism."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.vm.assembler import DATA, call, finish, model_of, program
from zk.air.check import check_trace
from zk.errors import SetupError, TraceError
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute
from zk.vm.machine import (
    CLK_END,
    EXIT_LO,
    MEM_TOP,
    OUTPUTS,
    PC_END,
    PC_START,
    exit_code,
    output_words,
    rv32im_machine,
)
from zk.vm.trace import generate_traces

# Proof system, section 21, "Counts": main columns / constraints / interactions.
COUNTS = {
    "ADDI": (17, 3, 12), "ADD": (21, 7, 16), "LOGIC": (32, 10, 18), "CMP": (25, 11, 18), "BEQ": (19, 7, 10),
    "BLT": (22, 10, 14), "JAL": (10, 1, 7), "JALR": (19, 6, 12), "SHIFT": (37, 17, 25), "LW": (21, 3, 16),
    "SW": (21, 3, 16), "LOADSUB": (32, 15, 18), "STORESUB": (29, 11, 18), "MUL": (35, 11, 27), "DIV": (42, 28, 28),
    "ECALL": (24, 12, 25), "ZERO": (8, 1, 8), "IMG": (3, 0, 2), "ROM": (1, 0, 1), "T16": (3, 0, 3), "T5": (1, 0, 1),
    "P2": (280, 198, 121), "PATH": (177, 158, 2), "PATH_H": (101, 17, 92), "DOT": (66, 22, 47), "DOT_H": (53, 19, 42),
}  # fmt: skip
DEGREE_TWO = {"LOGIC", "JAL", "ECALL", "ZERO"}
CORE_SUM = (422, 156, 295)
ALL_SUM = (1099, 570, 599)
COPROCESSORS = ("P2", "P2_PATH", "EXT_DOT")


@pytest.fixture(scope="module")
def guest() -> GuestProgram:
    return program(finish())


def test_counts_of_every_chip_are_those_of_the_specification(guest: GuestProgram) -> None:
    machine, _ = rv32im_machine(guest, COPROCESSORS)
    found = {c.name: (len(c.main), len(c.constraints), len(c.interactions)) for c in machine.chips}
    assert found == COUNTS
    core = [counts for name, counts in found.items() if name not in ("P2", "PATH", "PATH_H", "DOT", "DOT_H")]
    assert tuple(sum(column) for column in zip(*core, strict=True)) == CORE_SUM
    assert tuple(sum(column) for column in zip(*found.values(), strict=True)) == ALL_SUM


def test_degrees_are_those_of_the_specification(guest: GuestProgram) -> None:
    machine, _ = rv32im_machine(guest, COPROCESSORS)
    for chip in machine.chips:
        degree = max((c.expr.degree for c in chip.constraints), default=0)
        assert degree == (2 if chip.name in DEGREE_TWO else 0 if not chip.constraints else 3), chip.name


def test_lowered_program_keeps_every_constraint_and_interaction(guest: GuestProgram) -> None:
    machine, _ = rv32im_machine(guest, COPROCESSORS)
    for chip in machine.chips:
        lowered = chip.lower()
        assert (len(lowered.constraints), len(lowered.interactions)) == (len(chip.constraints), len(chip.interactions))
        assert len(set(lowered.constraints)) == len(chip.constraints), f"{chip.name}: two constraints are the same"
        for number, node in enumerate(lowered.nodes):
            assert node.op < 2 or (node.a < number and node.b < number)


def test_same_program_gives_the_same_machine(guest: GuestProgram) -> None:
    first, columns = rv32im_machine(guest)
    second, again = rv32im_machine(program(finish()))
    assert [chip.lower() for chip in first.chips] == [chip.lower() for chip in second.chips]
    assert first.parameters == second.parameters
    assert all((columns[name] == again[name]).all() for name in columns)


def test_machine_parameters_cover_the_program(guest: GuestProgram) -> None:
    base = dict(rv32im_machine(guest)[0].parameters)
    assert base["pc_start"] == guest.entry.to_bytes(4, "big")
    other = dict(rv32im_machine(program(finish(1)))[0].parameters)
    assert other["rom_digest"] != base["rom_digest"]


def test_public_values_of_a_run(guest: GuestProgram) -> None:
    execution = execute(program(finish(0x12345)))
    model = model_of(program(finish(0x12345)))
    model.run(1000)
    machine, preprocessed = rv32im_machine(execution.program)
    traces, values = generate_traces(machine, execution)
    check_trace(machine, preprocessed, traces, values)
    assert len(values) == machine.public_value_count == 38
    assert (values[PC_START], values[PC_END], values[CLK_END]) == (guest.entry, 0, model.cycles + 1)
    assert values[EXIT_LO : EXIT_LO + 2] == [0x2345, 1]
    assert exit_code(values) == 0x12345
    assert values[MEM_TOP] == guest.zero_base - 4  # no zero-initialised word was touched
    assert output_words(values) == [100 + i for i in range(16)]


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (PC_START, 4, "pc_start"),
        (PC_END, 4, "pc_end"),
        (CLK_END, (1 << 22) + 1, "clk_end"),
        (EXIT_LO, 65536, "value 3"),
        (OUTPUTS + 31, 65536, "value 37"),
        (MEM_TOP, 2**31 - 2**24 + 1, "value 5"),
        (OUTPUTS, -1, "value 6"),
    ],
)
def test_public_value_that_breaks_a_rule_is_refused(
    guest: GuestProgram, position: int, value: int, reason: str
) -> None:
    machine, _ = rv32im_machine(guest)
    values = generate_traces(machine, execute(guest))[1]
    machine.check_public_values(values)
    values[position] = value
    with pytest.raises(ValueError, match=reason):
        machine.check_public_values(values)
    with pytest.raises(ValueError, match="38"):
        machine.check_public_values(values[:-1])


def test_unknown_coprocessor_is_refused(guest: GuestProgram) -> None:
    with pytest.raises(SetupError, match="coprocessors"):
        rv32im_machine(guest, ("KECCAK_F",))


def test_trace_needs_a_recorded_run_and_fitting_chips(guest: GuestProgram) -> None:
    machine, _ = rv32im_machine(guest, ())
    with pytest.raises(TraceError, match="not recorded"):
        generate_traces(machine, execute(guest, record=False))
    with_call = program([*call(3, DATA, 0, 0), *finish()])
    machine, _ = rv32im_machine(with_call, ())
    with pytest.raises(TraceError, match="P2"):
        generate_traces(machine, execute(with_call))


def test_entry_must_be_a_legal_instruction() -> None:
    with pytest.raises(SetupError, match="entry"):
        rv32im_machine(program([0xFFFFFFFF, *finish()]))


def test_heights_are_at_least_sixteen_rows_and_powers_of_two(guest: GuestProgram) -> None:
    machine, preprocessed = rv32im_machine(guest)
    traces, _ = generate_traces(machine, execute(guest))
    for name, trace in traces.items():
        assert trace.dtype == np.uint32 and trace.shape[1] >= 16 and trace.shape[1] & (trace.shape[1] - 1) == 0, name
    assert preprocessed["ROM"].shape[1] == traces["ROM"].shape[1]
    assert preprocessed["IMG"].shape[1] == traces["IMG"].shape[1]
