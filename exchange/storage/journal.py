"""The encrypted append-only journal: one writer, group commit, acknowledgement only after the sync.

Each start opens a new segment with a fresh salt, so a half-written group number is reused under another key.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.errors import DiskFault, DiskFull, FolderLocked, JournalCorrupt, WrongKey
from exchange.storage.layout import (
    GROUP_HEADER_BYTES,
    PAD_BYTE,
    PAGE_BYTES,
    TAG_BYTES,
    GroupHeader,
    Record,
    SegmentHeader,
    derive_key_id,
    derive_segment_key,
    digest,
    encode_group_header,
    encode_records,
    encode_segment_header,
    padded_bytes,
)
from exchange.storage.recovery import SUFFIX, Group, Tail, group_nonce, read_groups

SEGMENT_BYTES = 16 << 20
GROUP_BODY_BYTES_MAX = 4 << 20
_ZERO_BLOCK = bytes(1 << 20)


class Disk(Protocol):
    """The file operations of the journal; tests inject faults here."""

    def write(self, fd: int, data: bytes, offset: int) -> None: ...
    def sync(self, fd: int) -> None: ...


class SystemDisk:
    """The real disk."""

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(fd, view, offset)
            view, offset = view[written:], offset + written

    def sync(self, fd: int) -> None:
        """Wait until the file's data is on the disk."""
        os.fdatasync(fd)


class FolderLock:
    """Exclusive lock of a data folder; released when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise FolderLocked(f"{folder.name} is in use by another process") from error

    def release(self) -> None:
        """Give the folder up."""
        os.close(self._fd)


def read_master_key(path: Path) -> bytes:
    """The 32-byte journal key: hex in a file that only its owner may read. Raises WrongKey."""
    try:
        mode = path.stat().st_mode & 0o077
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongKey(f"journal key file {path.name}: {type(error).__name__}") from error
    if mode:
        raise WrongKey(f"journal key file {path.name}: expected mode 0600, found group or other access {mode:03o}")
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise WrongKey(f"journal key file {path.name}: expected 64 hexadecimal digits") from error
    if len(key) != 32:
        raise WrongKey(f"journal key file {path.name}: expected 32 bytes, found {len(key)}")
    return key


def create_master_key(path: Path) -> bytes:
    """Make a random key file of mode 0600; refuses to overwrite (FileExistsError)."""
    key = os.urandom(32)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key


class Journal:
    """Read everything with `replay`, then `start` a new epoch, then `append`."""

    def __init__(
        self, folder: Path, master: bytes, genesis: bytes, segment_bytes: int = SEGMENT_BYTES, disk: Disk | None = None
    ) -> None:
        self.folder = folder
        self._master = master
        self._genesis = genesis
        self._segment_bytes = max(padded_bytes(segment_bytes), 2 * PAGE_BYTES)
        self._disk = disk or SystemDisk()
        self._tail = Tail()
        self._is_read = False
        self._fd = -1
        self._cipher: AESGCM | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def epoch(self) -> int:
        """Number of this start; counts from 1."""
        return self._tail.epoch

    @property
    def torn_bytes(self) -> int:
        """Bytes of an unacknowledged group that `start` cut off the end."""
        return self._tail.torn_bytes

    def replay(self) -> Iterator[Group]:
        """All groups in order. Raises JournalCorrupt or WrongKey; writes nothing."""
        self._tail = Tail(segment=-1)
        yield from read_groups(self.folder, self._master, self._genesis, self._tail)
        self._is_read = True

    def start(self, first_seq: int) -> int:
        """Cut a torn tail, open a new segment and return the new epoch; `replay` must have been exhausted."""
        if not self._is_read:
            raise JournalCorrupt("the journal must be read to its end before it is continued")
        if self._tail.path is not None:
            self._cut(self._tail.path, self._tail.end_bytes)
        self._tail.epoch += 1
        self._open_segment(first_seq)
        return self._tail.epoch

    def append(self, records: Sequence[Record], first_seq: int, count: int, time_ms: int, head: bytes) -> None:
        """Write one group and wait until it is durable. Raises DiskFull or DiskFault; after either nothing may be acknowledged."""
        body = encode_records(records)
        if len(body) > GROUP_BODY_BYTES_MAX:
            raise DiskFault(f"group body of {len(body)} bytes is above {GROUP_BODY_BYTES_MAX}")
        extent = GROUP_HEADER_BYTES + len(body) + TAG_BYTES
        if self._offset + padded_bytes(extent) > self._allocated_bytes:
            self._seal_segment()
            self._open_segment(first_seq, room_bytes=padded_bytes(extent))
        header = GroupHeader(self._tail.group + 1, first_seq, count, len(body), time_ms, self._tail.digest, head)
        clear = encode_group_header(header)
        assert self._cipher is not None
        raw = clear + self._cipher.encrypt(group_nonce(header.group), body, clear)
        self._write(raw.ljust(padded_bytes(extent), PAD_BYTE), self._offset)
        self._tail.group, self._tail.digest = header.group, digest(raw)
        self._offset += padded_bytes(extent)

    def close(self) -> None:
        """Trim the zero-filled rest of the segment and close the file."""
        if self._fd >= 0:
            self._seal_segment()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_segment(self, first_seq: int, room_bytes: int = 0) -> None:
        self._tail.segment += 1
        salt = os.urandom(32)
        header = SegmentHeader(
            self._tail.epoch,
            self._tail.segment,
            first_seq,
            salt,
            derive_key_id(self._master),
            self._tail.digest,
            self._genesis,
        )
        page = encode_segment_header(header)
        self._allocated_bytes = max(self._segment_bytes, PAGE_BYTES + room_bytes)
        # A half-made segment of a crash never carries the final name.
        scratch = self.folder / "next.tmp"
        final = self.folder / f"{self._tail.segment:08d}-{first_seq:016d}{SUFFIX}"
        try:
            self._fd = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _as_fault(error) from error
        for start in range(0, self._allocated_bytes, len(_ZERO_BLOCK)):
            self._pwrite(_ZERO_BLOCK[: self._allocated_bytes - start], start)
        self._write(page, 0)
        try:
            os.fsync(self._fd)
            scratch.rename(final)
            _sync_folder(self.folder)
        except OSError as error:
            raise _as_fault(error) from error
        self._tail.path = final
        self._tail.digest = digest(page)
        self._cipher = AESGCM(derive_segment_key(self._master, salt, self._tail.segment))
        self._offset = PAGE_BYTES

    def _seal_segment(self) -> None:
        try:
            os.ftruncate(self._fd, self._offset)
            os.fsync(self._fd)
            os.close(self._fd)
        except OSError as error:
            raise _as_fault(error) from error
        self._fd = -1

    def _cut(self, path: Path, end_bytes: int) -> None:
        with path.open("r+b") as file:
            file.truncate(end_bytes)
            os.fsync(file.fileno())

    def _pwrite(self, data: bytes, offset: int) -> None:
        try:
            self._disk.write(self._fd, data, offset)
        except OSError as error:
            raise _as_fault(error) from error

    def _write(self, data: bytes, offset: int) -> None:
        self._pwrite(data, offset)
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            raise _as_fault(error) from error


def _as_fault(error: OSError) -> DiskFull | DiskFault:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(f"journal: {os.strerror(error.errno)}")
    return DiskFault(f"journal: {os.strerror(error.errno or errno.EIO)}")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
