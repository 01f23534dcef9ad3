"""The benchmark of the prover: what it counts, and that measuring changes nothing."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.soundness.golden import golden_path, golden_proof
from zk.configuration import ConfigName
from zk.machine.params import parameter_set

pytest.importorskip("gpu.cpu", reason="the native module of gpu is not built")

from zk.bench.device import MeasuredDevice
from zk.bench.rates import Rates
from zk.bench.work import Work, commitment_work, layer_work

RATES = Rates(base_multiplications=100.0, extension_multiplications=10.0, poseidon2=5.0, keccak=2.0, bytes=1000.0)


@pytest.mark.parametrize(("config", "parameters", "hash_field"), [("P2", "APP", "poseidon2"), ("K", "ROOT", "keccak")])
def test_measured_device_proves_the_same_bytes_and_counts_every_stage(
    config: ConfigName, parameters: str, hash_field: str
) -> None:
    device = MeasuredDevice()
    assert golden_proof(config, device) == golden_path(config, "proof").read_bytes()
    assert {span.stage for span in device.spans} == {"commit", "gkr", "zerocheck", "open"}
    assert all(span.seconds >= 0 for span in device.spans)
    found = sum((span.work for span in device.spans), Work())
    assert found.extension_multiplications > 0 and found.base_multiplications > 0 and found.bytes > 0
    grinds = [getattr(span.work, hash_field) for span in device.spans if span.name == "grind"]
    rounds = {row.round_count for row in parameter_set(parameters).rows.values()}
    assert len(grinds) in rounds
    assert all(count >= 1 for count in grinds)


def test_permutations_of_a_commitment_are_those_of_leaves_and_nodes() -> None:
    assert commitment_work("poseidon2", 9, 4, 1).poseidon2 == 32 * 2 + 31
    assert commitment_work("keccak", 33, 4, 1).keccak == 32 + 31  # 1 + 132 bytes and the padding fill one block of 136
    assert commitment_work("keccak", 34, 4, 1).keccak == 32 * 2 + 31


def test_unused_leaves_are_cheaper_than_used_ones() -> None:
    full, sparse = layer_work(10, 10, 1024), layer_work(10, 10, 513)
    for field in fields(Work):
        assert getattr(sparse, field.name) <= getattr(full, field.name)
    assert sparse.extension_multiplications < full.extension_multiplications / 2


def test_bound_is_the_longer_of_arithmetic_and_bytes() -> None:
    assert RATES.bound_seconds(Work(100, 10, 5, 2, 0)) == pytest.approx(4.0)
    assert RATES.bound_seconds(Work(100, 10, 5, 2, 9000)) == pytest.approx(9.0)
