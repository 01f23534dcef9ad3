"""Transcripts as data that every implementation can replay: Python, the native kernels, Solidity.

Three lists of equal length, one entry for each operation in order:
kind  0 observe elements, 1 observe a digest, 2 challenge in E, 3 sample bits, 4 absorb a nonce that shows its work
tag   the tag of what is observed; the number of bits of 3 and 4; 0 for a challenge
data  bytes in the form of proofs: elements, digest or nonce that go in; the challenge, or four bytes of the bits, that come out
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from zk.configuration import Configuration
from zk.field import Ext
from zk.machine.keys import VerifyingKey
from zk.machine.verifier import verify
from zk.transcript import Challenger


class Operation(IntEnum):
    """Kinds of entries."""

    OBSERVE = 0
    DIGEST = 1
    CHALLENGE = 2
    BITS = 3
    NONCE = 4


@dataclass(slots=True)
class TranscriptRecord:
    """The lists."""

    kind: list[int] = field(default_factory=list)
    tag: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)

    def add(self, kind: Operation, tag: int, data: bytes) -> None:
        """Appends an entry."""
        self.kind.append(int(kind))
        self.tag.append(tag)
        self.data.append(data)

    def as_json(self) -> dict[str, Any]:
        """For a golden file."""
        return {"kind": self.kind, "tag": self.tag, "data": ["0x" + data.hex() for data in self.data]}

    @staticmethod
    def from_json(value: dict[str, Any]) -> TranscriptRecord:
        """Inverse of `as_json`."""
        return TranscriptRecord(value["kind"], value["tag"], [bytes.fromhex(text[2:]) for text in value["data"]])


class _Recording(Challenger):
    """Passes every call on and writes it down."""

    def __init__(self, configuration: Configuration, record: TranscriptRecord) -> None:
        self._inner = configuration.challenger()
        self._configuration = configuration
        self._record = record

    def observe(self, tag: int, values: Sequence[int]) -> None:
        self._record.add(Operation.OBSERVE, int(tag), self._configuration.hasher.encode(list(values)))
        self._inner.observe(tag, values)

    def observe_digest(self, tag: int, digest: bytes) -> None:
        self._record.add(Operation.DIGEST, int(tag), digest)
        self._inner.observe_digest(tag, digest)

    def sample_ext(self) -> Ext:
        value = self._inner.sample_ext()
        self._record.add(Operation.CHALLENGE, 0, self._configuration.hasher.encode(value.c))
        return value

    def sample_bits(self, bits: int) -> int:
        value = self._inner.sample_bits(bits)
        self._record.add(Operation.BITS, bits, self._configuration.hasher.encode([value]))
        return value

    def grind_state(self) -> bytes:
        return self._inner.grind_state()

    def absorb_nonce(self, nonce: int, bits: int) -> bool:
        form = self._configuration
        self._record.add(Operation.NONCE, bits, nonce.to_bytes(form.nonce_bytes, form.hasher.byte_order))
        return self._inner.absorb_nonce(nonce, bits)


def record_transcript(key: VerifyingKey, proof: bytes) -> TranscriptRecord:
    """Everything that the verifier of a valid proof absorbs and draws."""
    record = TranscriptRecord()
    recording = replace(key.configuration, challenger=lambda: _Recording(key.configuration, record))
    verify(replace(key, configuration=recording), proof)
    return record


def check_replay(record: TranscriptRecord, configuration: Configuration, challenger: Callable[[], Challenger]) -> None:
    """Demands that a challenger draws what the record says, and accepts its nonces."""
    hasher, transcript = configuration.hasher, challenger()
    for number, (kind, tag, data) in enumerate(zip(record.kind, record.tag, record.data, strict=True)):
        elements = [int.from_bytes(data[i : i + 4], hasher.byte_order) for i in range(0, len(data), 4)]
        match Operation(kind):
            case Operation.OBSERVE:
                transcript.observe(tag, elements)
            case Operation.DIGEST:
                transcript.observe_digest(tag, data)
            case Operation.CHALLENGE:
                assert list(transcript.sample_ext().c) == elements, f"operation {number}: challenge"
            case Operation.BITS:
                assert [transcript.sample_bits(tag)] == elements, f"operation {number}: bits"
            case Operation.NONCE:
                nonce = int.from_bytes(data, hasher.byte_order)
                assert transcript.absorb_nonce(nonce, tag), f"operation {number}: nonce"
