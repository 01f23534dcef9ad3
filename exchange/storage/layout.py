"""Bytes of the journal: segment header, group header, records.

All integers little-endian. A segment file starts with a 4,096-byte header; every group starts on a 4,096-byte boundary, so a torn
write cannot touch a page of an acknowledged group. Bodies are AES-256-GCM ciphertext; the group header is the associated data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exchange.errors import JournalCorrupt

PAGE_BYTES = 4096
SECTOR_BYTES = 512
TAG_BYTES = 16
PAD_BYTE = b"\xa5"  # fills the last page of a group: a written sector is never zero
VERSION = 1
SEGMENT_MAGIC = b"BBJRNL01"
GROUP_MAGIC = 0x42424752
_SEGMENT = struct.Struct("<8sHIQQ32s16s32s32s")
_GROUP = struct.Struct("<IQQIIQ32s32s")
_RECORD = struct.Struct("<BBIQ")
_CRC = struct.Struct("<I")
GROUP_HEADER_BYTES = _GROUP.size + _CRC.size
RECORD_HEADER_BYTES = _RECORD.size


class RecordKind(IntEnum):
    """What a journal record holds."""

    COMMAND = 1  # command bytes exactly as applied
    AUTH = 2  # salt 31 ‖ signature 65 of the user command that follows
    CHECKPOINT = 3  # seq u64 ‖ state root 32
    EPOCH = 4  # epoch u32
    L1_ORIGIN = 5  # sender 20 ‖ timestamp u64 of the queue entry whose command follows


class Source(IntEnum):
    """Where a command came from."""

    SEQUENCER = 0
    USER = 1
    L1 = 2
    FEEDER = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One journal record; `time_ms` is wall time when it was made."""

    kind: RecordKind
    source: Source
    time_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """First page of a segment file."""

    epoch: int
    segment: int
    first_seq: int
    salt: bytes
    key_id: bytes
    prev_digest: bytes
    genesis: bytes


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """Clear part of a group; `head` is the command chain after its last command."""

    group: int
    first_seq: int
    count: int
    body_bytes: int
    time_ms: int
    prev_digest: bytes
    head: bytes


def digest(*parts: bytes) -> bytes:
    """SHA-256 of the concatenation."""
    hasher = Hash(SHA256())
    for part in parts:
        hasher.update(part)
    return hasher.finalize()


def derive_key_id(master: bytes) -> bytes:
    """16 bytes that name a master key without revealing it."""
    return HKDF(SHA256(), 16, None, b"blindbook/journal/key-id/v1").derive(master)


def derive_segment_key(master: bytes, salt: bytes, segment: int) -> bytes:
    """AES-256 key of one segment."""
    return HKDF(SHA256(), 32, salt, b"blindbook/journal/segment/v1" + struct.pack("<Q", segment)).derive(master)


def encode_segment_header(header: SegmentHeader) -> bytes:
    """One page: fields, CRC-32, zeros."""
    fields = _SEGMENT.pack(
        SEGMENT_MAGIC,
        VERSION,
        header.epoch,
        header.segment,
        header.first_seq,
        header.salt,
        header.key_id,
        header.prev_digest,
        header.genesis,
    )
    return (fields + _CRC.pack(zlib.crc32(fields))).ljust(PAGE_BYTES, b"\0")


def decode_segment_header(page: bytes, name: str) -> SegmentHeader:
    """Inverse of `encode_segment_header`; raises JournalCorrupt naming the file."""
    if len(page) != PAGE_BYTES:
        raise JournalCorrupt(f"{name}: header: expected {PAGE_BYTES} bytes, found {len(page)}")
    fields = page[: _SEGMENT.size]
    (crc,) = _CRC.unpack_from(page, _SEGMENT.size)
    if crc != zlib.crc32(fields) or any(page[_SEGMENT.size + _CRC.size :]):
        raise JournalCorrupt(f"{name}: header checksum does not match")
    magic, version, *rest = _SEGMENT.unpack(fields)
    if magic != SEGMENT_MAGIC or version != VERSION:
        raise JournalCorrupt(
            f"{name}: expected magic {SEGMENT_MAGIC!r} version {VERSION}, found {magic!r} version {version}"
        )
    return SegmentHeader(*rest)


def encode_group_header(header: GroupHeader) -> bytes:
    """Fields and CRC-32."""
    fields = _GROUP.pack(
        GROUP_MAGIC,
        header.group,
        header.first_seq,
        header.count,
        header.body_bytes,
        header.time_ms,
        header.prev_digest,
        header.head,
    )
    return fields + _CRC.pack(zlib.crc32(fields))


def decode_group_header(data: bytes) -> GroupHeader | None:
    """The header at the start of `data`, or None when magic or checksum do not match."""
    if len(data) < GROUP_HEADER_BYTES:
        return None
    fields = data[: _GROUP.size]
    (crc,) = _CRC.unpack_from(data, _GROUP.size)
    magic, *rest = _GROUP.unpack(fields)
    if magic != GROUP_MAGIC or crc != zlib.crc32(fields):
        return None
    return GroupHeader(*rest)


def encode_records(records: Iterable[Record]) -> bytes:
    """Body of a group before encryption."""
    parts: list[bytes] = []
    for record in records:
        parts.append(_RECORD.pack(record.kind, record.source, len(record.payload), record.time_ms))
        parts.append(record.payload)
    return b"".join(parts)


def decode_records(body: bytes, name: str) -> Iterator[Record]:
    """Inverse of `encode_records`; raises JournalCorrupt on lengths or kinds that do not fit."""
    offset = 0
    while offset < len(body):
        if offset + _RECORD.size > len(body):
            raise JournalCorrupt(f"{name}: record header cut at byte {offset}")
        kind, source, length, time_ms = _RECORD.unpack_from(body, offset)
        offset += _RECORD.size
        if offset + length > len(body):
            raise JournalCorrupt(f"{name}: record of {length} bytes cut at byte {offset}")
        try:
            yield Record(RecordKind(kind), Source(source), time_ms, body[offset : offset + length])
        except ValueError as error:
            raise JournalCorrupt(f"{name}: {error}") from error
        offset += length


def padded_bytes(length: int) -> int:
    """Length rounded up to whole pages."""
    return -(-length // PAGE_BYTES) * PAGE_BYTES
