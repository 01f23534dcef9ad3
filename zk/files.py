"""Files of words and proofs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zk.errors import InputFileError, OutputFileError

PROOF_BYTES_LIMIT = 1 << 28  # a run of 512 shards has about 170 MB
HINT_BYTES_LIMIT = 1 << 28
_BLOCK_BYTES = 1 << 20


def read_bytes(path: Path, limit: int = PROOF_BYTES_LIMIT) -> bytes:
    """The content of a file of at most `limit` bytes. Raises InputFileError where it cannot be read or is larger.

    It stops reading one block above the limit, so a device or a pipe without end is refused too.
    """
    content = bytearray()
    try:
        with path.open("rb") as file:
            while len(content) <= limit and (block := file.read(_BLOCK_BYTES)):
                content += block
    except OSError as error:
        raise InputFileError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise InputFileError(f"{str(path)!r}: {error}") from error
    if len(content) > limit:
        raise InputFileError(f"{path}: expected at most {limit} bytes, found more")
    return bytes(content)


def read_words(path: Path) -> NDArray[np.uint32]:
    """The little-endian u32 words of a file. Raises InputFileError where it cannot be read or has another length."""
    content = read_bytes(path, HINT_BYTES_LIMIT)
    if len(content) % 4:
        raise InputFileError(f"{path}: expected a multiple of 4 bytes, found {len(content)}")
    return np.frombuffer(content, dtype="<u4").astype(np.uint32)


def check_writable(path: Path) -> None:
    """Demands that `write_atomically` can succeed, before the work that makes the content. Raises OutputFileError."""
    if path.is_dir():
        raise OutputFileError(f"{path}: expected a file, found a folder")
    existing = next(folder for folder in (path.parent, *path.parent.absolute().parents) if folder.exists())
    if not existing.is_dir():
        raise OutputFileError(f"{path}: {existing} is no folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputFileError(f"{path}: no permission to write to {existing}")


def write_atomically(path: Path, content: bytes) -> None:
    """The file has the old or the new content, never a part of it; the new one is on disk before it is visible.

    Raises OutputFileError.
    """
    try:
        _replace(path, content)
    except OSError as error:
        raise OutputFileError(f"{path}: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())  # mkstemp makes files for the owner alone
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
