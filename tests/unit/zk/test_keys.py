"""Setup: what it refuses, and what the verifying key covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gpu.reference import ReferenceDevice
from tests.soundness import toy
from zk.air.chip import Bus, Chip, Machine
from zk.configuration import ConfigName
from zk.errors import SetupError, TraceError
from zk.machine import keys, params
from zk.machine.keys import canonical_bytes, setup
from zk.machine.prover import prove

DEVICE = ReferenceDevice()


def _setup(machine: Machine, **preprocessed: Any) -> keys.VerifyingKey:
    columns = {**toy.rom_columns(), **preprocessed}
    return setup(machine, columns, "P2", "APP_TEST", DEVICE)[1]


def _with(build: Callable[[], Chip], change: Callable[[Chip], None]) -> Machine:
    honest = toy.machine()
    chip = build()
    change(chip)
    return replace(honest, chips=tuple(chip if c.name == chip.name else c for c in honest.chips))


def _interact(chip: Chip) -> None:
    chip.send(toy.STATE, chip.constraints[0].expr, 0, 0)


def _constrain(chip: Chip) -> None:
    square = chip.constraints[0].expr
    chip.constrain("degree four", square * square)


def _long_message(chip: Chip) -> None:
    chip.send(Bus(9, "LONG", 16, "permutation"), 1, *([0] * 16))


# Machines that setup refuses, and a word of the reason.
REFUSED_MACHINES: list[tuple[Machine, str]] = [
    (_with(toy.step_chip, _interact), "affine"),
    (_with(toy.step_chip, _constrain), "degree"),
    (_with(toy.step_chip, _long_message), "15 entries"),
    (_with(toy.step_chip, lambda chip: chip.interactions.clear()), "interaction"),
    (_with(toy.step_chip, lambda chip: setattr(chip, "height_log_min", 3)), "heights"),
    (_with(toy.step_chip, lambda chip: setattr(chip, "height_log_min", 10)), "heights"),
    (_with(toy.rom_chip, lambda chip: setattr(chip, "height_log_max", 5)), "fixed height"),
    (_with(toy.rom_chip, lambda chip: setattr(chip, "optional", True)), "mandatory"),
    (replace(toy.machine(), chips=()), "chips"),
    (replace(toy.machine(), chips=(*toy.machine().chips, toy.jump_chip())), "twice"),
    (_with(toy.step_chip, lambda chip: setattr(chip, "height_log_min", 4)), "cells"),
]


@pytest.mark.parametrize(("machine", "reason"), REFUSED_MACHINES)
def test_machine_that_breaks_a_rule_of_form_is_refused(machine: Machine, reason: str) -> None:
    with pytest.raises(SetupError, match=reason):
        _setup(machine)


# Preprocessed columns that setup refuses.
REFUSED_COLUMNS: list[dict[str, Any]] = [
    {"rom": np.zeros((2, 8), dtype=np.uint32)},
    {"rom": np.zeros((2, 16), dtype=np.int64)},
    {"rom": np.full((2, 16), toy.P, dtype=np.uint32)},
    {"other": np.zeros((2, 16), dtype=np.uint32)},
]


@pytest.mark.parametrize("columns", REFUSED_COLUMNS)
def test_preprocessed_columns_that_do_not_fit_are_refused(columns: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        _setup(toy.machine(), **columns)


@pytest.mark.parametrize(
    ("config", "parameter_set"), [("K", "APP"), ("K", "APP_K"), ("KA", "APP"), ("KA", "ROOT"), ("P2", "APP_K")]
)
def test_parameter_set_of_another_configuration_is_refused(
    config: ConfigName, parameter_set: params.ParameterSetName
) -> None:
    with pytest.raises(SetupError, match="configuration"):
        setup(toy.machine(), toy.rom_columns(), config, parameter_set, DEVICE)


def test_digest_covers_every_part_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = toy.machine()
    other_rom = toy.rom_columns(8)["rom"]
    variants = [
        _setup(honest),
        _setup(honest, rom=other_rom),
        _setup(replace(honest, name="other")),
        _setup(replace(honest, public_value_count=5)),
        _setup(replace(honest, parameters=(("start_clk", b"\0\0\0\1"),))),
        _setup(replace(honest, buses=(*honest.buses, Bus(4, "X", 1, "lookup")))),
        _setup(replace(honest, chips=honest.chips[::-1])),
        _setup(_with(toy.jump_chip, lambda chip: chip.constrain("new", chip.interactions[0].multiplicity))),
        _setup(_with(toy.jump_chip, lambda chip: chip.constraints.clear())),
        _setup(_with(toy.jump_chip, lambda chip: setattr(chip, "height_log_max", 6))),
        _setup(_with(toy.jump_chip, lambda chip: setattr(chip, "optional", False))),
        _setup(_with(toy.jump_chip, lambda chip: chip.interactions.reverse())),
        setup(honest, toy.rom_columns(), "P2", "APP", DEVICE)[1],
        setup(honest, toy.rom_columns(), "P2", "APP_TEST", DEVICE, log_rows_max=7)[1],
        setup(honest, toy.rom_columns(), "K", "ROOT_TEST", DEVICE)[1],
        setup(honest, toy.rom_columns(), "KA", "APP_K", DEVICE)[1],
    ]
    monkeypatch.setattr(keys, "PROTOCOL", params.PROTOCOL + b"'")
    variants.append(_setup(honest))
    assert len({key.digest for key in variants}) == len(variants)
    assert len({canonical_bytes(key) for key in variants[:-1]}) == len(variants) - 1


def test_key_below_one_hundred_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "LOG_LEAVES_MAX", 60)
    with pytest.raises(SetupError, match="100 bits"):
        _setup(toy.machine())


def test_every_admitted_shape_has_a_row_and_a_root() -> None:
    key = _setup(toy.machine())
    for log_rows, log_width in key.admissible:
        assert (log_rows + log_width, log_width) in key.parameters.rows
        assert len(key.preprocessed_roots[log_rows]) == 32
    assert key.security().total >= 100


def _trace(change: Callable[[dict[str, Any]], Any]) -> None:
    pk, _ = setup(toy.machine(), toy.rom_columns(), "P2", "APP_TEST", DEVICE)
    statement = toy.statement(steps=60, jumps=3, log_height=7)
    change(statement.traces)
    prove(pk, statement.traces, statement.public_values, DEVICE)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda traces: traces.pop("step"), "expected a trace"),
        (lambda traces: traces.update(extra=traces["step"]), "not in the machine"),
        (lambda traces: traces.update(step=traces["step"][:8]), "shape"),
        (lambda traces: traces.update(step=traces["step"][:, :100]), "power of two"),
        (lambda traces: traces.update(step=traces["step"][:, :32]), "height"),
        (lambda traces: traces.update(step=traces["step"].astype(np.int64)), "u32"),
        (lambda traces: traces.update(step=traces["step"] + np.uint32(toy.P)), "below"),
    ],
)
def test_trace_that_does_not_fit_the_machine_is_refused(change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    with pytest.raises(TraceError, match=reason):
        _trace(change)


def test_trace_of_a_size_that_the_key_does_not_admit_is_refused() -> None:
    pk, _ = setup(toy.machine(), toy.rom_columns(), "P2", "APP_TEST", DEVICE, log_rows_max=6)
    statement = toy.statement(steps=300, jumps=3, log_height=9)
    with pytest.raises(TraceError, match="does not admit"):
        prove(pk, statement.traces, statement.public_values, DEVICE)
