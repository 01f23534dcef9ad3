"""New guest projects from the template."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from zk.errors import OutputFileError
from zk.files import check_writable
from zk.vm.guest import GUESTS

TEMPLATE = GUESTS / "template"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def create_project(folder: Path) -> list[Path]:
    """Writes the template into a new folder and returns its files.

    The folder appears complete or not at all. Raises OutputFileError where it exists, cannot be written, or has a name that
    is no plain word.
    """
    name = folder.name
    if not _NAME.fullmatch(name):
        raise OutputFileError(f"{str(folder)!r}: expected a name of letters, digits, - and _, found {name!r}")
    if folder.exists() or folder.is_symlink():
        raise OutputFileError(f"{folder} exists already; nothing was changed")
    check_writable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
            made = Path(scratch) / name
            made.mkdir()
            for source in sorted(TEMPLATE.iterdir()):
                text = source.read_text(encoding="utf-8")
                (made / source.name).write_text(text.replace("{name}", name), encoding="utf-8")
            made.rename(folder)
    except OSError as error:
        raise OutputFileError(f"{folder}: {error.strerror}") from error
    return sorted(folder.iterdir())
