"""Reading a journal back: every check before the first write.

A group is *torn* when a sector of its extent is still zero: segments are zero-filled ahead, a written group has no zero sector
(ciphertext, and padding of PAD_BYTE), and disks write sectors whole. A torn group at the very end was never acknowledged and is cut. Anything
else that does not verify is corruption: no start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.errors import JournalCorrupt, WrongKey
from exchange.storage.layout import (
    GROUP_HEADER_BYTES,
    PAD_BYTE,
    PAGE_BYTES,
    SECTOR_BYTES,
    TAG_BYTES,
    GroupHeader,
    Record,
    SegmentHeader,
    decode_group_header,
    decode_records,
    decode_segment_header,
    derive_key_id,
    derive_segment_key,
    digest,
    padded_bytes,
)

SUFFIX = ".journal"


@dataclass(frozen=True, slots=True)
class Group:
    """A verified, decrypted group."""

    header: GroupHeader
    records: tuple[Record, ...]


@dataclass(slots=True)
class Tail:
    """Where the next group goes: filled while reading, complete when `read_groups` is exhausted."""

    epoch: int = 0
    segment: int = 0
    group: int = 0
    digest: bytes = bytes(32)
    path: Path | None = None
    end_bytes: int = 0
    torn_bytes: int = field(default=0)


def list_segments(folder: Path) -> list[Path]:
    """Segment files in order of their number."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read_groups(folder: Path, master: bytes, genesis: bytes, tail: Tail) -> Iterator[Group]:
    """Yield every group in order; `tail` is complete afterwards.

    Raises WrongKey or JournalCorrupt. Writes nothing.
    """
    paths = list_segments(folder)
    for position, path in enumerate(paths):
        with path.open("rb") as file:
            data = file.read()
        header = _check_segment(data, path, position, master, genesis, tail)
        tail.digest = digest(data[:PAGE_BYTES])
        tail.epoch, tail.segment, tail.path = header.epoch, header.segment, path
        yield from _read_segment(data, path, header, master, tail, is_last=position == len(paths) - 1)


def _check_segment(data: bytes, path: Path, position: int, master: bytes, genesis: bytes, tail: Tail) -> SegmentHeader:
    header = decode_segment_header(data[:PAGE_BYTES], path.name)
    if header.key_id != derive_key_id(master):
        raise WrongKey(f"{path.name} was written under another journal key")
    if header.genesis != genesis:
        raise JournalCorrupt(
            f"{path.name} belongs to another venue: expected genesis {genesis.hex()}, found {header.genesis.hex()}"
        )
    if header.segment != position:
        raise JournalCorrupt(
            f"{path.name}: expected segment {position}, found {header.segment}: a segment is missing or swapped"
        )
    if header.prev_digest != tail.digest:
        raise JournalCorrupt(f"{path.name} does not continue the segment before it")
    if header.epoch < tail.epoch:
        raise JournalCorrupt(f"{path.name}: epoch {header.epoch} after {tail.epoch}")
    return header


def _read_segment(
    data: bytes, path: Path, segment: SegmentHeader, master: bytes, tail: Tail, *, is_last: bool
) -> Iterator[Group]:
    cipher = AESGCM(derive_segment_key(master, segment.salt, segment.segment))
    offset = PAGE_BYTES
    while offset < len(data):
        name = f"{path.name} at byte {offset}"
        header = decode_group_header(data[offset : offset + GROUP_HEADER_BYTES])
        if header is None:
            if any(data[offset : offset + SECTOR_BYTES]):
                raise JournalCorrupt(f"{name}: damaged group header after group {tail.group}")
            _check_nothing_follows(data, offset, path, tail.group, is_last=is_last)
            tail.torn_bytes = len(data[offset:].rstrip(b"\0"))
            break
        extent = GROUP_HEADER_BYTES + header.body_bytes + TAG_BYTES
        raw = data[offset : offset + padded_bytes(extent)]
        if header.group != tail.group + 1 or header.prev_digest != tail.digest:
            raise JournalCorrupt(f"{name}: group {header.group} does not continue group {tail.group}")
        if _is_torn(raw, extent):
            _check_nothing_follows(data, offset + PAGE_BYTES, path, header.group, is_last=is_last)
            tail.torn_bytes = extent
            break
        if raw[extent:].strip(PAD_BYTE):
            raise JournalCorrupt(f"{name}: group {header.group}: damaged padding")
        yield Group(header, _open_group(cipher, header, raw[:extent], name))
        tail.group, tail.digest = header.group, digest(raw[:extent])
        offset += padded_bytes(extent)
    tail.end_bytes = min(offset, len(data))


def _open_group(cipher: AESGCM, header: GroupHeader, raw: bytes, name: str) -> tuple[Record, ...]:
    clear, sealed = raw[:GROUP_HEADER_BYTES], raw[GROUP_HEADER_BYTES:]
    try:
        body = cipher.decrypt(group_nonce(header.group), sealed, clear)
    except InvalidTag:
        raise JournalCorrupt(f"{name}: group {header.group} does not open: damaged") from None
    return tuple(decode_records(body, name))


def group_nonce(group: int) -> bytes:
    """96-bit nonce of a group; unique because every segment has its own key."""
    return struct.pack(">4xQ", group)


def _is_torn(raw: bytes, extent: int) -> bool:
    if len(raw) < padded_bytes(extent):
        return True
    return any(not any(raw[start : start + SECTOR_BYTES]) for start in range(0, len(raw), SECTOR_BYTES))


def _check_nothing_follows(data: bytes, offset: int, path: Path, group: int, *, is_last: bool) -> None:
    """Only the last segment may end early, and no valid later group may follow the end."""
    if not is_last and any(data[offset:]):
        raise JournalCorrupt(f"{path.name} at byte {offset}: damaged after group {group}")
    for start in range(offset, len(data), PAGE_BYTES):
        later = decode_group_header(data[start : start + GROUP_HEADER_BYTES])
        if later is not None and later.group > group:
            raise JournalCorrupt(f"{path.name} bytes {offset}..{start}: damaged before group {later.group}")
