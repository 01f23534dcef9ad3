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

# Main columns / constraints / interactions: proof system, section 21, and the narrow forms of ARCHITECTURE.md.
COUNTS = {
    "ADDI": (15, 3, 11), "ADDI_RW": (11, 3, 8), "MV": (11, 1, 9), "SET": (10, 1, 6), "ADD": (18, 7, 14),
    "ADD_RW": (13, 3, 11), "LOGIC": (26, 5, 16), "LOGIC_RW": (20, 1, 13), "CMP": (22, 11, 16), "SLTU_RW": (13, 3, 11),
    "BEQ": (17, 7, 9), "BEQZ": (12, 6, 6), "BLT": (18, 8, 13), "BLTU": (16, 6, 11), "JALR": (17, 6, 11),
    "SHIFT": (34, 17, 23), "SHIFTI": (19, 7, 15), "SHIFTI_RW": (15, 7, 12), "LW": (17, 1, 15), "SW": (17, 1, 15),
    "LOADSUB": (28, 13, 17), "STORESUB": (25, 9, 17), "MUL": (32, 11, 26), "DIV": (39, 28, 26), "ECALL": (20, 12, 23),
    "ZERO": (8, 1, 8), "REFRESH": (8, 1, 5), "IMG": (3, 0, 2), "ROM": (1, 0, 1), "T16": (5, 0, 5), "T5": (1, 0, 1),
    "P2": (280, 198, 121), "PATH": (177, 158, 2), "PATH_H": (101, 17, 92), "DOT": (66, 22, 47), "DOT_H": (53, 19, 42),
}  # fmt: skip
DEGREE_TWO = {"MV", "SET", "LOGIC", "LOGIC_RW", "LW", "SW", "ECALL", "ZERO", "REFRESH"}
CORE_SUM = (511, 179, 376)
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
