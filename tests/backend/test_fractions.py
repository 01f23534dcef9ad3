"""LogUp leaves, fraction tree and layer rounds against the reference device."""

from __future__ import annotations

import pytest

from gpu.cpu import CpuDevice
from gpu.device import Device, ExtValue, FractionTree
from gpu.reference import ReferenceDevice

from .machines import TestChip, random_chip, random_values

MACHINES = {
    "one chip of 16 rows": [random_chip(1, 4, interactions=1)],
    "full tree": [random_chip(2, 5, interactions=2)],
    "tree of 1024 leaves": [random_chip(3, 8, interactions=3), random_chip(4, 4, interactions=5)],
    "tree of 4096 leaves": [random_chip(5, 10, interactions=2), random_chip(6, 7, interactions=1, preprocessed=0)],
    "unused upper chunks": [random_chip(7, 12, interactions=2), random_chip(8, 4, interactions=3, virtual=0)],
    "half used": [random_chip(9, 11, interactions=3), random_chip(10, 9, interactions=2, constraints=0)],
}


def tree_on(device: Device, chips: list[TestChip], extra: int = 0) -> tuple[FractionTree, int]:
    used = sum(len(chip.program.interactions) << chip.log_height for chip in chips)
    log_leaves = max(used - 1, 1).bit_length() + extra
    alpha, beta = random_values(100, 2)
    return device.fraction_tree([chip.on(device) for chip in chips], alpha, beta, log_leaves), log_leaves


def transcript(tree: FractionTree, log_leaves: int) -> list[tuple[ExtValue, ...]]:
    """Every message of the tree for fixed challenges, with the points that a verifier would have."""
    messages: list[tuple[ExtValue, ...]] = [tree.root()]
    point: list[ExtValue] = []
    for index in range(1, log_leaves + 1):
        challenges = random_values(1000 + index, index + 1)
        prover = tree.layer(index, point, challenges[-1])
        bound: list[ExtValue] = []
        for challenge in challenges[: index - 1]:
            messages.append(prover.round())
            prover.bind(challenge)
            bound.insert(0, challenge)
        messages.append(prover.claims())
        point = [*bound, challenges[index - 1]]
    return messages


@pytest.mark.parametrize("chips", MACHINES.values(), ids=MACHINES.keys())
def test_all_messages_equal_the_reference(native: CpuDevice, chips: list[TestChip]) -> None:
    assert transcript(*tree_on(native, chips)) == transcript(*tree_on(ReferenceDevice(), chips))


def test_a_tree_larger_than_its_leaves_is_filled_with_zero_over_one(native: CpuDevice) -> None:
    chips = MACHINES["tree of 1024 leaves"]
    assert transcript(*tree_on(native, chips, 2)) == transcript(*tree_on(ReferenceDevice(), chips, 2))


def test_a_tree_smaller_than_its_leaves_is_refused(native: CpuDevice) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        tree_on(native, MACHINES["full tree"], -1)


def test_a_layer_is_proven_once(native: CpuDevice) -> None:
    tree, _ = tree_on(native, MACHINES["full tree"])
    one: ExtValue = (1, 0, 0, 0, 0)
    tree.layer(2, [one], one)
    with pytest.raises(ValueError, match="already"):
        tree.layer(2, [one], one)
