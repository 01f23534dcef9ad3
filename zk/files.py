"""Files of words and proofs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zk.errors import InputFileError, OutputFileError


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises InputFileError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path}: {error.strerror}") from error


def read_words(path: Path) -> NDArray[np.uint32]:
    """The little-endian u32 words of a file. Raises InputFileError where it cannot be read or has another length."""
    content = read_bytes(path)
    if len(content) % 4:
        raise InputFileError(f"{path}: expected a multiple of 4 bytes, found {len(content)}")
    return np.frombuffer(content, dtype="<u4").astype(np.uint32)


def write_atomically(path: Path, content: bytes) -> None:
    """The file has the old or the new content, never a part of it; the new one is on disk before it is visible.

    Raises OutputFileError where it cannot be written.
    """
    try:
        _write_and_replace(path, content)
    except OSError as error:
        raise OutputFileError(f"{path}: {error.strerror}") from error


def _write_and_replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
