"""Worked numbers 46 to 48 of rules 20: the permutation, the sponge, the node; and Keccak-256 of the guest."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from Crypto.Hash import keccak

from matching import _core


def test_46_permutation_of_0_to_15() -> None:
    assert _core.permute(list(range(16)))[:2] == [1259554834, 663463928]


def test_permutation_matches_the_published_answers(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "poseidon2" / "koalabear_poseidon2.json").read_text())
    width_16 = next(instance for instance in vectors["instances"] if instance["width"] == 16)
    answer = width_16["kat_default"]
    assert _core.permute(answer["input"]) == answer["output"]


def test_47_sponge() -> None:
    empty, twenty = _core.absorb(1, b"", 4), _core.absorb(2, bytes(range(1, 0x15)), 0)
    assert empty.hex() == "15bf9b6101a6764c24c3980c61848a737fd06477aca182226c57d35f04efbb5f"
    assert twenty.hex() == "224c645ba8438d18bdb2c3720a006322ecc13b19f9d76823fc6f103d6659a752"


def test_48_node_with_an_empty_sibling() -> None:
    node = _core.node(_core.absorb(1, b"\x01", 4), bytes(32))
    assert node.hex() == "897a933c55b72905c6e6fb52061a13193df5e55d4c6ec13baec74c2b4f4cd313"
    assert _core.node(bytes(32), bytes(32)) == bytes(32)


@pytest.mark.parametrize("length", [0, 1, 135, 136, 137, 492, 1_000])
def test_keccak_matches_another_implementation(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert _core.keccak256(data) == keccak.new(digest_bits=256, data=data).digest()
