"""Random programs: the executor equals the readable model, and their traces satisfy every constraint and bus."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.unit.vm.assembler import DATA, DATA_WORDS, model_of, random_program
from zk.air.check import check_trace
from zk.vm.executor import execute
from zk.vm.machine import rv32im_machine
from zk.vm.trace import generate_traces


@pytest.mark.parametrize("seed", range(8))
def test_random_program_equals_model_and_its_trace_is_a_witness(seed: int) -> None:
    print(f"seed {seed}")
    guest = random_program(random.Random(seed), 1500)
    execution = execute(guest)
    model = model_of(guest)
    model.run(10_000)
    assert execution.cycles == model.cycles
    assert execution.exit_code == model.exit_code
    assert execution.outputs.tolist() == [model.outputs[i] for i in range(16)]
    assert execution.registers[:32, 0].tolist() == model.registers
    addresses, values, _ = execution.touched
    assert values.tolist() == [model.word_at(address) for address in addresses.tolist()]
    assert set(range(DATA, DATA + 4 * DATA_WORDS, 4)) & set(addresses.tolist())

    machine, preprocessed = rv32im_machine(guest)
    traces, public_values = generate_traces(machine, execution)
    check_trace(machine, preprocessed, traces, public_values)
    assert {chip.name for chip in machine.chips if chip.name not in traces} == {"P2", "REFRESH"}


@pytest.mark.parametrize("seed", range(100, 140))
def test_short_random_program_equals_model(seed: int) -> None:
    print(f"seed {seed}")
    guest = random_program(random.Random(seed), 400)
    execution = execute(guest)
    model = model_of(guest)
    model.run(10_000)
    assert execution.registers[:32, 0].tolist() == model.registers
    assert execution.cycles == model.cycles


def test_random_padding_rows_are_neutral() -> None:
    """Section 5.6: with selectors 0 and defining columns consistent, every other cell of a padding row is arbitrary."""
    rng = np.random.default_rng(7)
    guest = random_program(random.Random(7), 300)
    execution = execute(guest)
    machine, preprocessed = rv32im_machine(guest)
    traces, public_values = generate_traces(machine, execution)
    for chip in machine.chips:
        if chip.name not in traces or not chip.selectors or chip.preprocessed:
            continue
        trace = traces[chip.name]
        flags = [chip.main.index(name) for name in chip.selectors]
        padding = np.flatnonzero(~trace[flags].any(axis=0))
        defined = {c.defines for c in chip.constraints if c.defines is not None}
        for number in set(range(len(chip.main))) - set(flags) - defined:
            if not defined:
                trace[number, padding] = rng.integers(0, 2**31 - 2**24 + 1, len(padding), dtype=np.uint32)
    check_trace(machine, preprocessed, traces, public_values)
