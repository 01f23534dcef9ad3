"""The bytes of the proof of a run: records first, then one proof for its memory and one for each shard.

magic "bbzr" | version u16 | configuration u8 | zk u8 | key digests of memory and shards | shard count u32 | records | proofs. A record is
the heights of its proof (one byte a chip, 255 absent), the root of the boundary columns and their value; a proof is its length as
u32 and its bytes. Integers have the byte order of the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zk.channel import ProofReader, check_end
from zk.errors import HeaderError
from zk.hashing import DIGEST_BYTES
from zk.machine.boundary import SHARD_NUMBER_MAX, BoundaryRecord
from zk.machine.proof import ABSENT, check_constant, check_height, check_key_digest, encode_heights
from zk.shards.keys import RunKey

MAGIC = b"bbzr"
VERSION = 1
ZERO_KNOWLEDGE = 0  # reserved for masked proofs


@dataclass(frozen=True, slots=True)
class Bundle:
    """Records and proofs of a run; number 0 is its memory."""

    records: tuple[BoundaryRecord, ...]
    proofs: tuple[bytes, ...]


def is_bundle(data: bytes) -> bool:
    """Whether the bytes claim to be the proof of a run of several shards."""
    return data[: len(MAGIC)] == MAGIC


def encode_bundle(key: RunKey, bundle: Bundle) -> bytes:
    """The bytes of a bundle."""
    configuration = key.memory.configuration
    hasher = configuration.hasher

    def integer(value: int, count: int) -> bytes:
        return value.to_bytes(count, hasher.byte_order)

    parts = [MAGIC, integer(VERSION, 2), bytes([configuration.code, ZERO_KNOWLEDGE])]
    parts += [key.memory.digest, key.shard.digest, integer(len(bundle.records) - 1, 4)]
    for record in bundle.records:
        parts += [bytes(encode_heights(record.heights)), record.root, hasher.encode(record.value.c)]
    for proof in bundle.proofs:
        parts += [integer(len(proof), 4), proof]
    return b"".join(parts)


def read_bundle(key: RunKey, data: bytes) -> Bundle:
    """Reads a bundle. Raises HeaderError, VerifyingKeyMismatchError, ShapeError, ProofFormatError.

    No size is trusted: each field is checked against what is left before it is copied, so the work is bounded by the length of `data`.
    """
    configuration = key.memory.configuration
    reader = ProofReader(data, configuration)
    check_constant("magic", MAGIC.hex(), reader.raw(len(MAGIC), "magic").hex())
    check_constant("version", VERSION, reader.integer(2, "version"))
    check_constant("configuration", configuration.code, reader.integer(1, "configuration"))
    check_constant("zk", ZERO_KNOWLEDGE, reader.integer(1, "zk"))
    check_key_digest(key.memory, reader.raw(DIGEST_BYTES, "memory key digest"))
    check_key_digest(key.shard, reader.raw(DIGEST_BYTES, "shard key digest"))
    count = reader.integer(4, "shard count")
    check_shard_count(count)
    records = [_read_record(reader, key, number) for number in range(count + 1)]
    proofs = [_read_proof(reader, number) for number in range(count + 1)]
    check_end(reader)
    return Bundle(tuple(records), tuple(proofs))


def check_shard_count(count: int) -> None:
    """Demands a count that shard numbers can hold."""
    if not 1 <= count <= SHARD_NUMBER_MAX:
        raise HeaderError(f"shard count: expected 1..{SHARD_NUMBER_MAX}, found {count}")


def _read_record(reader: ProofReader, key: RunKey, number: int) -> BoundaryRecord:
    chips = key.of(number).chips
    heights = _heights(reader.raw(len(chips), f"record {number}: heights"))
    for chip, height in zip(chips, heights, strict=True):
        check_height(chip, height)
    root = reader.digest(f"record {number}: root")
    (value,) = reader.exts(1, f"record {number}: value")
    return BoundaryRecord(number, heights, root, value)


def _read_proof(reader: ProofReader, number: int) -> bytes:
    return reader.raw(reader.integer(4, f"proof {number}: length"), f"proof {number}")


def _heights(encoded: Sequence[int]) -> tuple[int | None, ...]:
    return tuple(None if height == ABSENT else height for height in encoded)
