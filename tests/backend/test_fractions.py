"""LogUp leaves, fraction tree and layer rounds against the reference device."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gpu.cpu import CpuDevice
from gpu.device import Device, ExtValue, FractionTree
from gpu.reference import ReferenceDevice
from zk.field import Ext

from .machines import TestChip, random_chip, random_values

FULL, MAIN, TABLE = "full", "main columns only", "no constraints"
MACHINES = {
    "one chip of 16 rows": [random_chip(MAIN, 4)],
    "full tree": [random_chip(TABLE, 5)],
    "tree of 1024 leaves": [random_chip(FULL, 8), random_chip(TABLE, 4), random_chip(MAIN, 4)],
    "tree of 4096 leaves": [random_chip(TABLE, 10), random_chip(FULL, 7), random_chip("no interactions", 5)],
    "unused upper chunks": [random_chip(TABLE, 12), random_chip(FULL, 4)],
    "half used": [random_chip(FULL, 11), random_chip(TABLE, 9)],
    "few leaves above the middle": [random_chip(TABLE, 11), random_chip(FULL, 5)],
    "most leaves used": [random_chip(FULL, 11), random_chip(TABLE, 8), random_chip(MAIN, 8)],
}


def tree_on(device: Device, chips: list[TestChip], extra: int = 0) -> tuple[FractionTree, int]:
    used = sum(len(chip.program.interactions) << chip.log_height for chip in chips)
    log_leaves = max(used - 1, 1).bit_length() + extra
    alpha, beta = random_values(100, 2)
    return device.fraction_tree([chip.on(device) for chip in chips], alpha, beta, log_leaves), log_leaves


def transcript(
    tree: FractionTree, log_leaves: int, *, known: bool = True, zeros: Sequence[int] = ()
) -> list[tuple[ExtValue, ...]]:
    """Every message of the tree for fixed challenges, with the points that a verifier would have.

    `known`: the provers are told their claims; `zeros`: challenges of these numbers are zero.
    """
    messages: list[tuple[ExtValue, ...]] = [tree.root()]
    point: list[ExtValue] = []
    p, q = (Ext(value) for value in tree.root())
    for index in range(1, log_leaves + 1):
        challenges = random_values(1000 + index, index + 1)
        for number in zeros:
            challenges[min(number, index - 1)] = (0, 0, 0, 0, 0)
        claim = p + Ext(challenges[-1]) * q
        prover = tree.layer(index, point, challenges[-1], claim.c if known else None)
        bound: list[ExtValue] = []
        for challenge in challenges[: index - 1]:
            messages.append(prover.round())
            prover.bind(challenge)
            bound.insert(0, challenge)
        messages.append(prover.claims())
        p0, p1, q0, q1 = (Ext(value) for value in messages[-1])
        mu = Ext(challenges[index - 1])
        p, q = p0 + mu * (p1 - p0), q0 + mu * (q1 - q0)
        point = [*bound, mu.c]
    return messages


@pytest.mark.parametrize("chips", MACHINES.values(), ids=MACHINES.keys())
def test_all_messages_equal_the_reference(native: CpuDevice, chips: list[TestChip]) -> None:
    assert transcript(*tree_on(native, chips)) == transcript(*tree_on(ReferenceDevice(), chips))


@pytest.mark.parametrize("name", ["one chip of 16 rows", "few leaves above the middle", "most leaves used"])
def test_messages_without_claims_are_the_same(native: CpuDevice, name: str) -> None:
    assert transcript(*tree_on(native, MACHINES[name]), known=False) == transcript(*tree_on(native, MACHINES[name]))


@pytest.mark.parametrize("known", [True, False])
def test_coordinates_of_zero_leave_the_messages_defined(native: CpuDevice, known: bool) -> None:
    chips, zeros = MACHINES["few leaves above the middle"], (0, 1, 5, 99)
    found = transcript(*tree_on(native, chips), known=known, zeros=zeros)
    assert found == transcript(*tree_on(ReferenceDevice(), chips), zeros=zeros)


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


def test_the_leaves_are_proven_after_the_layer_above_them(native: CpuDevice) -> None:
    tree, log_leaves = tree_on(native, MACHINES["few leaves above the middle"])
    points = random_values(5, log_leaves)
    with pytest.raises(ValueError, match="before"):
        tree.layer(log_leaves, points[1:], points[0])
