"""What prover and verifier share of a proof: bytes and transcript in step (proof system, sections 2 and 4).

A value that enters the transcript is written and observed, or read and observed, in one call. Only Merkle rows, paths and nonces
are read without it: roots and grinding bind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.configuration import Configuration
from zk.errors import GrindingError, NonCanonicalError, TrailingBytesError, TruncatedProofError
from zk.field import Ext, P
from zk.hashing import DIGEST_BYTES
from zk.transcript import Tag

ELEMENT_BYTES = 4
EXT_ELEMENTS = 5
NodeHash = Callable[[Sequence[tuple[bytes, bytes]]], list[bytes]]


class ProofReader:
    """Reads the fields of a proof in order. Sizes are checked before anything is allocated."""

    def __init__(self, proof: bytes, configuration: Configuration) -> None:
        self._proof = memoryview(proof)
        self._position = 0
        self._configuration = configuration

    def raw(self, count: int, field: str) -> bytes:
        """`count` bytes; raises TruncatedProofError."""
        end = self._position + count
        if end > len(self._proof):
            raise TruncatedProofError(
                f"{field}: expected {count} bytes at {self._position}, found {len(self._proof) - self._position}"
            )
        data = bytes(self._proof[self._position : end])
        self._position = end
        return data

    def integer(self, count: int, field: str) -> int:
        """An unsigned integer of `count` bytes in the byte order of the configuration."""
        return int.from_bytes(self.raw(count, field), self._configuration.hasher.byte_order)

    def elements(self, count: int, field: str) -> list[int]:
        """`count` canonical base elements."""
        data = self.raw(ELEMENT_BYTES * count, field)
        dtype = ">u4" if self._configuration.hasher.byte_order == "big" else "<u4"
        values: list[int] = np.frombuffer(data, dtype=dtype).tolist()
        check_canonical(values, field)
        return values

    def exts(self, count: int, field: str) -> list[Ext]:
        """`count` extension elements."""
        flat = self.elements(EXT_ELEMENTS * count, field)
        return [Ext((flat[i], flat[i + 1], flat[i + 2], flat[i + 3], flat[i + 4])) for i in range(0, len(flat), 5)]

    def digest(self, field: str) -> bytes:
        """A digest, canonical in its configuration."""
        data = self.raw(DIGEST_BYTES, field)
        if not self._configuration.hasher.is_canonical(data):
            raise NonCanonicalError(f"{field}: a digest element is not below p")
        return data

    def nonce(self, field: str) -> int:
        """A grinding nonce: an element under P2, eight bytes under K."""
        if self._configuration.nonce_bytes == ELEMENT_BYTES:
            return self.elements(1, field)[0]
        return self.integer(self._configuration.nonce_bytes, field)


def check_canonical(values: Sequence[int], field: str) -> None:
    """Demands elements below p."""
    if values and max(values) >= P:
        raise NonCanonicalError(f"{field}: expected elements below {P}, found {max(values)}")


def check_end(reader: ProofReader) -> None:
    """Demands that the proof is used up."""
    left = len(reader._proof) - reader._position
    if left:
        raise TrailingBytesError(f"expected the end of the proof, found {left} more bytes")


def check_grinding(accepted: bool, label: str) -> None:
    """Demands the work of a nonce."""
    if not accepted:
        raise GrindingError(f"{label}: the nonce does not show the demanded work")


class Recorder:
    """Collects named intermediate values of a verification, for golden files."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def note(self, label: str, value: Any) -> None:
        """Stores a value (extension elements as lists, digests as hex)."""
        self.values[label] = _plain(value)


class Channel:
    """The transcript side that prover and verifier have in common."""

    def __init__(self, configuration: Configuration, recorder: Recorder | None = None) -> None:
        self.configuration = configuration
        self.challenger = configuration.challenger()
        self._recorder = recorder

    def observe(self, tag: Tag, values: Sequence[int]) -> None:
        """Absorbs base elements that both sides know."""
        self.challenger.observe(tag, values)

    def observe_digest(self, tag: Tag, digest: bytes) -> None:
        """Absorbs a digest that both sides know."""
        self.challenger.observe_digest(tag, digest)

    def challenge(self, label: str) -> Ext:
        """Draws a challenge in E."""
        value = self.challenger.sample_ext()
        self.note(label, value)
        return value

    def positions(self, label: str, count: int, bits: int) -> list[int]:
        """Draws `count` row positions; returns the distinct ones in ascending order."""
        drawn = [self.challenger.sample_bits(bits) for _ in range(count)]
        self.note(f"{label}.drawn", drawn)
        return sorted(set(drawn))

    def note(self, label: str, value: Any) -> None:
        """Records an intermediate value when someone listens."""
        if self._recorder is not None:
            self._recorder.note(label, value)


class ProverChannel(Channel):
    """Writes a proof."""

    def __init__(self, configuration: Configuration, recorder: Recorder | None = None) -> None:
        super().__init__(configuration, recorder)
        self.challenger.accelerate()
        self._parts: list[bytes] = []

    def proof(self) -> bytes:
        """All bytes so far."""
        return b"".join(self._parts)

    def raw(self, data: bytes) -> None:
        """Writes bytes that the transcript does not hold by themselves."""
        self._parts.append(data)

    def send(self, tag: Tag, values: Sequence[Ext]) -> None:
        """Writes and absorbs extension elements."""
        flat = [c for value in values for c in value.c]
        self.raw(self.configuration.hasher.encode(flat))
        self.observe(tag, flat)

    def send_digest(self, tag: Tag, digest: bytes) -> None:
        """Writes and absorbs a digest."""
        self.raw(digest)
        self.observe_digest(tag, digest)

    def send_nonce(self, nonce: int, bits: int) -> None:
        """Writes and absorbs a nonce."""
        self.raw(nonce.to_bytes(self.configuration.nonce_bytes, self.configuration.hasher.byte_order))
        self.challenger.absorb_nonce(nonce, bits)

    def send_rows(self, rows: NDArray[np.uint32], path: Sequence[bytes]) -> None:
        """Writes opened rows and their multiproof."""
        self.raw(self.configuration.hasher.encode(rows.reshape(-1)))
        self.raw(b"".join(path))


class VerifierChannel(Channel):
    """Reads a proof."""

    def __init__(self, reader: ProofReader, configuration: Configuration, recorder: Recorder | None = None) -> None:
        super().__init__(configuration, recorder)
        self.reader = reader

    def receive(self, tag: Tag, count: int, label: str) -> list[Ext]:
        """Reads and absorbs extension elements."""
        values = self.reader.exts(count, label)
        self.observe(tag, [c for value in values for c in value.c])
        self.note(label, values)
        return values

    def receive_digest(self, tag: Tag, label: str) -> bytes:
        """Reads and absorbs a digest."""
        digest = self.reader.digest(label)
        self.observe_digest(tag, digest)
        self.note(label, digest)
        return digest

    def receive_nonce(self, bits: int, label: str) -> None:
        """Reads a nonce and checks its work."""
        nonce = self.reader.nonce(label)
        self.note(label, nonce)
        check_grinding(self.challenger.absorb_nonce(nonce, bits), label)


def _plain(value: Any) -> Any:
    if isinstance(value, Ext):
        return list(value.c)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
