"""The opening sumcheck against the reference device, with and without written-out weights."""

from __future__ import annotations

import numpy as np
import pytest

from gpu.cpu import CpuDevice
from gpu.device import ColumnClaim, Device, ExtValue, WeightedSumProver
from gpu.reference import ReferenceDevice

from .conftest import P
from .machines import random_values

Layout = list[tuple[int, list[int]]]  # (offset of a piece, log heights of its columns in order)

LAYOUTS: dict[str, tuple[int, Layout]] = {
    "a vector smaller than a block": (6, [(0, [4, 4]), (32, [3])]),
    "one block": (8, [(0, [7, 6, 5, 4])]),
    "columns longer than a block": (11, [(0, [9, 9, 8]), (1536, [8])]),
    "short columns at the end of each piece": (13, [(0, [11, 10, 8, 7, 5, 4, 4]), (4096, [9, 6, 4])]),
    "columns longer than 2^8 of the vector": (17, [(0, [15, 14, 12, 10, 9, 8, 8, 5, 4, 4]), (1 << 16, [13, 10, 7, 6])]),
    "a piece that is no multiple of a block": (10, [(0, [8, 7, 4])]),
}


def start(device: Device, log_size: int, layout: Layout) -> WeightedSumProver:
    pieces, claims = [], []
    for offset, heights in layout:
        cells = np.random.default_rng(offset).integers(0, P, sum(1 << h for h in heights), dtype=np.uint32)
        pieces.append((offset, device.upload(cells)))
        for height in heights:
            claims.append(ColumnClaim(offset, height, random_values(offset + height, 1)[0]))
            offset += 1 << height
    point = random_values(11, max(h for _, heights in layout for h in heights))
    return device.opening(pieces, log_size, random_values(12, 1)[0], point, claims)


def transcript(device: Device, log_size: int, layout: Layout, written_out_after: int) -> list[object]:
    """All messages; after `written_out_after` rounds the folded vector is taken and weights are added."""
    prover = start(device, log_size, layout)
    messages: list[object] = []
    for done, challenge in enumerate(random_values(13, log_size)):
        if done == written_out_after:
            messages.append(device.download(prover.values()).tolist())
            base: list[ExtValue] = [(7, 0, 0, 0, 0), (P - 1, 0, 0, 0, 0), (123456, 0, 0, 0, 0)]
            prover.add_univariate(list(zip(random_values(14, 5), [*random_values(15, 2), *base], strict=True)))
        messages.append(prover.round())
        prover.bind(challenge)
    return [*messages, device.download(prover.values()).tolist()]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("written_out_after", [0, 1, 3, 6, 99])
def test_all_messages_equal_the_reference(native: CpuDevice, name: str, written_out_after: int) -> None:
    log_size, layout = LAYOUTS[name]
    expected = transcript(ReferenceDevice(), log_size, layout, written_out_after)
    assert transcript(native, log_size, layout, written_out_after) == expected


@pytest.mark.parametrize("name", LAYOUTS)
def test_binding_zero_everywhere_leaves_the_first_cell(native: CpuDevice, name: str) -> None:
    log_size, layout = LAYOUTS[name]
    prover = start(native, log_size, layout)
    for _ in range(log_size):
        prover.bind((0, 0, 0, 0, 0))
    first = np.random.default_rng(0).integers(0, P, 1, dtype=np.uint32)[0]
    assert native.download(prover.values())[:, 0].tolist() == [int(first), 0, 0, 0, 0]


def test_overlapping_pieces_are_refused(native: CpuDevice) -> None:
    cells = native.upload(np.zeros(16, dtype=np.uint32))
    with pytest.raises(ValueError, match="overlap"):
        native.opening([(0, cells), (8, cells)], 6, (1, 0, 0, 0, 0), [], [])


def test_claims_outside_the_vector_are_refused(native: CpuDevice) -> None:
    cells = native.upload(np.zeros(16, dtype=np.uint32))
    one: ExtValue = (1, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="leaves the stacked vector"):
        native.opening([(0, cells)], 5, one, random_values(1, 4), [ColumnClaim(32, 4, one)])
    with pytest.raises(ValueError, match="more variables than the point"):
        native.opening([(0, cells)], 5, one, random_values(1, 3), [ColumnClaim(0, 4, one)])
