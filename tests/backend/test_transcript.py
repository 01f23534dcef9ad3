"""The native permutations draw the golden transcripts of whole proofs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gpu.cpu import CpuDevice
from tests.soundness.golden import SETS, golden_path
from tests.soundness.transcript_record import TranscriptRecord, check_replay
from zk import transcript
from zk.configuration import ConfigName, configuration
from zk.transcript import RATE, KeccakChallenger, Poseidon2Challenger

KECCAK_RATE_BYTES = 136


def native_keccak256(device: CpuDevice, data: bytes) -> bytes:
    """The sponge over the native permutation."""
    padded = bytearray(data + bytes(KECCAK_RATE_BYTES - len(data) % KECCAK_RATE_BYTES))
    padded[len(data)] |= 0x01
    padded[-1] |= 0x80
    state = np.zeros((25, 1), dtype=np.uint64)
    for start in range(0, len(padded), KECCAK_RATE_BYTES):
        block = np.frombuffer(bytes(padded[start : start + KECCAK_RATE_BYTES]), dtype="<u8")
        state[: len(block), 0] ^= block
        device.kernels.keccak_permute(state)
    return state[:4, 0].astype("<u8").tobytes()


def native_poseidon2(device: CpuDevice) -> type[Poseidon2Challenger]:
    """The duplex over the native permutation."""

    class Native(Poseidon2Challenger):
        def _permute(self) -> None:
            tensor = device.upload(np.array(self._state, dtype=np.uint32)[:, None])
            device.kernels.poseidon2_permute(tensor)
            self._state = device.download(tensor)[:, 0].tolist()
            self._unread, self._pending = self._state[:RATE], 0

    return Native


@pytest.mark.parametrize("config", list(SETS))
def test_native_permutations_replay_the_golden_transcript(
    native: CpuDevice, config: ConfigName, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = TranscriptRecord.from_json(json.loads(golden_path(config, "json", "transcript").read_text()))
    assert native_keccak256(native, b"") == transcript.keccak256(b"")
    monkeypatch.setattr(transcript, "keccak256", lambda data: native_keccak256(native, data))
    challenger = native_poseidon2(native) if config == "P2" else KeccakChallenger
    check_replay(record, configuration(config), challenger)
