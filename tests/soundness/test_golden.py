"""The golden proofs: bytes, keys and all intermediate values are those of format version 1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpu.reference import ReferenceDevice
from tests.soundness.golden import FOLDER, SETS, description, golden_keys, golden_proof
from zk.configuration import ConfigName
from zk.machine.verifier import verify, verify_traced

CONFIGS = list(SETS)


def _load(config: ConfigName) -> tuple[bytes, dict[str, Any]]:
    proof = (FOLDER / f"toy_{config}_v1.proof").read_bytes()
    return proof, json.loads((FOLDER / f"toy_{config}_v1.json").read_text())


@pytest.mark.parametrize("config", CONFIGS)
def test_golden_proof_verifies_with_the_recorded_values(config: ConfigName) -> None:
    proof, record = _load(config)
    _, key = golden_keys(config, ReferenceDevice())
    assert list(verify(key, proof)) == record["values"]["public_values"]
    assert json.loads(json.dumps(verify_traced(key, proof))) == record["values"]


@pytest.mark.parametrize("config", CONFIGS)
def test_golden_key_is_the_recorded_one(config: ConfigName) -> None:
    _, record = _load(config)
    _, key = golden_keys(config, ReferenceDevice())
    assert json.loads(json.dumps(description(key))) == record["verifying_key"]


@pytest.mark.soak
@pytest.mark.parametrize("config", CONFIGS)
def test_reference_device_reproduces_the_golden_bytes(config: ConfigName) -> None:
    assert golden_proof(config, ReferenceDevice()) == _load(config)[0]


@pytest.mark.parametrize("config", CONFIGS)
def test_cpu_device_reproduces_the_golden_bytes(config: ConfigName) -> None:
    cpu = pytest.importorskip("gpu.cpu", reason="the native module of gpu is not built")
    assert golden_proof(config, cpu.CpuDevice()) == _load(config)[0]
