"""Zerocheck messages and column evaluations against the reference device, on random columns that satisfy nothing."""

from __future__ import annotations

import pytest

from gpu.cpu import CpuDevice
from gpu.device import Device, ExtValue
from gpu.errors import TensorError
from gpu.reference import ReferenceDevice

from .machines import TestChip, random_chip, random_values

FULL, MAIN, TABLE, PLAIN = "full", "main columns only", "no constraints", "no interactions"
MACHINES = {
    "one chip of 16 rows": [random_chip(FULL, 4)],
    "heights on both sides of a block": [random_chip(MAIN, 6), random_chip(FULL, 5), random_chip(PLAIN, 4)],
    "no constraints, no interactions": [random_chip(TABLE, 7), random_chip(PLAIN, 6)],
    "several chunks": [random_chip(FULL, 11), random_chip(TABLE, 9), random_chip(MAIN, 4)],
}


def transcript(device: Device, chips: list[TestChip], extra: int = 0) -> list[object]:
    """All messages and evaluations for fixed challenges."""
    variables = max(chip.log_height for chip in chips) + extra
    combination, alpha, beta = random_values(5, 3)
    prover = device.zerocheck(
        [chip.on(device) for chip in chips],
        random_values(6, variables),
        combination,
        alpha,
        beta,
        [random_values(70 + i, len(chip.program.interactions)) for i, chip in enumerate(chips)],
        [random_values(90 + i, len(chip.program.constraints)) for i, chip in enumerate(chips)],
    )
    messages: list[object] = []
    for challenge in random_values(8, variables):
        messages.append(prover.round())
        prover.bind(challenge)
    return [*messages, prover.column_evaluations()]


@pytest.mark.parametrize("chips", MACHINES.values(), ids=MACHINES.keys())
def test_all_messages_equal_the_reference(native: CpuDevice, chips: list[TestChip]) -> None:
    assert transcript(native, chips) == transcript(ReferenceDevice(), chips)


def test_variables_above_every_chip_have_zero_messages(native: CpuDevice) -> None:
    chips = MACHINES["one chip of 16 rows"]
    messages = transcript(native, chips, 2)
    zero: ExtValue = (0, 0, 0, 0, 0)
    assert messages[:2] == [(zero, zero, zero)] * 2
    assert messages == transcript(ReferenceDevice(), chips, 2)


def test_wrong_number_of_weights_is_refused(native: CpuDevice) -> None:
    chip = random_chip(FULL, 4)
    one: ExtValue = (1, 0, 0, 0, 0)
    point = random_values(6, 4)
    with pytest.raises(TensorError, match="expected 3 weights, found 2"):
        native.zerocheck([chip.on(native)], point, one, one, one, [[one] * 2], [[one] * 4])
    with pytest.raises(ValueError, match="a weight for each constraint"):
        native.zerocheck([chip.on(native)], point, one, one, one, [[one] * 3], [[one] * 3])


def test_columns_of_another_shape_are_refused(native: CpuDevice) -> None:
    chip = random_chip(FULL, 4)
    wrong = TestChip(chip.program, chip.columns, 5)
    one: ExtValue = (1, 0, 0, 0, 0)
    with pytest.raises(TensorError, match="expected columns of shape"):
        native.fraction_tree([wrong.on(native)], one, one, 8)
