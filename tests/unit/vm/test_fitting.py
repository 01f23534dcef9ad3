"""Traces whose shape the key does not admit are brought to one that it does, by neutral padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.vm.assembler import finish, immediate_form, program
from zk.air.check import check_trace
from zk.errors import ShapeError
from zk.machine.keys import VerifyingKey
from zk.machine.shape import Shape, derive_shape
from zk.machine.verifier import check_shape
from zk.vm.elf import read_elf
from zk.vm.executor import execute
from zk.vm.guest import build_sample
from zk.vm.keys import GuestKeys, guest_keys
from zk.vm.machine import rv32im_machine
from zk.vm.proving import fit_traces
from zk.vm.trace import generate_traces

U32 = np.typing.NDArray[np.uint32]
NOP = immediate_form("addi", 0, 0, 0)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> GuestKeys:
    elf = build_sample("fibonacci", tmp_path_factory.mktemp("fitting") / "fibonacci.elf")
    return guest_keys(read_elf(elf), "K", log_rows_max=14)


def full_shape(key: VerifyingKey, traces: dict[str, U32]) -> Shape:
    names = [chip.program.name for chip in key.chips]
    heights = [traces[n].shape[1].bit_length() - 1 if n in traces else None for n in names]
    return derive_shape(key.chips, heights, key.log_rows_min)


def shape_of(key: VerifyingKey, traces: dict[str, U32]) -> tuple[int, int]:
    shape = full_shape(key, traces)
    return shape.log_rows, shape.log_width


def test_admitted_traces_stay_as_they_are(keys: GuestKeys) -> None:
    traces, _ = generate_traces(keys.machine, execute(keys.program, np.array([9], np.uint32)))
    assert fit_traces(keys.verifying, traces) is traces


def test_traces_of_a_missing_shape_get_padding_that_changes_nothing(keys: GuestKeys) -> None:
    key = keys.verifying
    machine, preprocessed = rv32im_machine(keys.program)
    traces, values = generate_traces(machine, execute(keys.program, np.array([9], np.uint32)))
    grown = dict(traces)
    while shape_of(key, grown) == shape_of(key, traces):  # the next shape upwards, and one step before it
        before = dict(grown)
        grown["ADDI"] = np.concatenate([grown["ADDI"], np.zeros_like(grown["ADDI"])], axis=1)
    narrow = replace(key, admissible=(shape_of(key, grown),))
    fitted = fit_traces(narrow, before)
    assert shape_of(narrow, fitted) == shape_of(key, grown)
    check_trace(machine, preprocessed, fitted, values)


def test_traces_that_no_padding_helps_come_back_unchanged(keys: GuestKeys) -> None:
    key = keys.verifying
    traces, _ = generate_traces(keys.machine, execute(keys.program, np.array([9], np.uint32)))
    none = replace(key, admissible=())
    assert fit_traces(none, traces) is traces


def test_long_program_with_a_short_run_is_admitted() -> None:
    """49 of 65,585 instructions run: the preprocessed columns outweigh the main ones by more than one doubling mends."""
    guest = program([*finish(), *[NOP] * (1 << 16)])
    keys = guest_keys(guest, "P2", (), log_rows_max=15)
    traces, values = generate_traces(keys.machine, execute(guest))
    with pytest.raises(ShapeError):
        check_shape(keys.verifying, full_shape(keys.verifying, traces))
    fitted = fit_traces(keys.verifying, traces)
    check_shape(keys.verifying, full_shape(keys.verifying, fitted))
    check_trace(keys.machine, rv32im_machine(guest, (), twins=True)[1], fitted, values)
