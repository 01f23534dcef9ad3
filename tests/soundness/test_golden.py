"""The golden proofs: bytes, keys and all intermediate values are those of the version in their name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gpu.reference import ReferenceDevice
from tests.soundness import golden_guest
from tests.soundness.golden import (
    FOLDER,
    SETS,
    FormatChanged,
    description,
    golden_keys,
    golden_path,
    golden_proof,
    write_golden,
)
from tests.soundness.transcript_record import TranscriptRecord, check_replay, record_transcript
from zk.configuration import ConfigName, configuration
from zk.machine.proof import VERSION
from zk.machine.verifier import verify, verify_traced

CONFIGS = list(SETS)


def _load(config: ConfigName) -> tuple[bytes, dict[str, Any]]:
    return golden_path(config, "proof").read_bytes(), json.loads(golden_path(config, "json").read_text())


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


def _transcript(config: ConfigName) -> TranscriptRecord:
    return TranscriptRecord.from_json(json.loads(golden_path(config, "json", "transcript").read_text()))


@pytest.mark.parametrize("config", CONFIGS)
def test_golden_transcript_is_that_of_the_golden_proof(config: ConfigName) -> None:
    _, key = golden_keys(config, ReferenceDevice())
    record = record_transcript(key, _load(config)[0])
    assert record == _transcript(config)
    check_replay(record, configuration(config), configuration(config).challenger)


@pytest.mark.parametrize("config", CONFIGS)
def test_changed_transcript_is_noticed(config: ConfigName) -> None:
    for number in (0, len(_transcript(config).data) // 2):
        record = _transcript(config)
        record.data[number] = bytes([record.data[number][0] ^ 1]) + record.data[number][1:]
        with pytest.raises(AssertionError, match="operation"):
            check_replay(record, configuration(config), configuration(config).challenger)


@pytest.mark.parametrize("config", CONFIGS)
def test_golden_guest_is_proven_with_the_same_bytes(config: ConfigName) -> None:
    cpu = pytest.importorskip("gpu.cpu", reason="the native module of gpu is not built")
    recorded, found = golden_guest.read(config), golden_guest.description(config, cpu.CpuDevice())
    stale = "the machine has another key than the golden guest: python -m tests.soundness.golden writes it again"
    assert found["key_digest"] == recorded["key_digest"], stale
    assert found == recorded, "equal keys, other bytes: the format changed, raise zk.machine.proof.VERSION"


def test_versions_in_names_are_those_of_the_format() -> None:
    """Format changed means VERSION raised means new names: no file of the current version may hold another one's bytes."""
    names = {path.name for path in FOLDER.iterdir()}
    kinds = [("toy", "proof"), ("toy", "json"), ("transcript", "json"), ("guest", "json")]
    assert {golden_path(config, suffix, kind).name for config in CONFIGS for kind, suffix in kinds} <= names
    for path in FOLDER.glob("*.proof"):
        found = re.fullmatch(r"toy_(P2|KA?)_v(\d+)\.proof", path.name)
        assert found, path.name
        order = configuration(found[1]).hasher.byte_order
        assert int.from_bytes(path.read_bytes()[4:6], order) == int(found[2]) <= VERSION


def test_golden_file_of_one_version_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "toy_K_v1.proof"
    write_golden(path, b"first")
    write_golden(path, b"first")
    with pytest.raises(FormatChanged, match="VERSION"):
        write_golden(path, b"second")
    assert path.read_bytes() == b"first"


@pytest.mark.soak
@pytest.mark.parametrize("config", CONFIGS)
def test_reference_device_reproduces_the_golden_bytes(config: ConfigName) -> None:
    assert golden_proof(config, ReferenceDevice()) == _load(config)[0]


@pytest.mark.parametrize("config", CONFIGS)
def test_cpu_device_reproduces_the_golden_bytes(config: ConfigName) -> None:
    cpu = pytest.importorskip("gpu.cpu", reason="the native module of gpu is not built")
    assert golden_proof(config, cpu.CpuDevice()) == _load(config)[0]
