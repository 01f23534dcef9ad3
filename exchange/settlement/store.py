"""What is known of each batch on its way to the chain: one row per batch, and its large files.

Rows hold public facts only. Hints (the private witness) lie in a folder of mode 0700 and are removed once the proof exists.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from enum import StrEnum
from pathlib import Path
from typing import Any

from exchange.errors import SettlementFault

Record = dict[str, Any]


class BatchStatus(StrEnum):
    """Life of a batch; only `failed` needs an operator."""

    CLOSED = "closed"
    WITNESSED = "witnessed"
    PROVING = "proving"
    PROVED = "proved"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    FINAL = "final"
    FAILED = "failed"


class BatchStore:
    """SQLite rows and a folder per batch; every change is durable when the call returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        # Calls come from the event loop's thread only.
        self._database = sqlite3.connect(folder / "settlement.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY, status TEXT NOT NULL, record TEXT NOT NULL)"
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def put(self, record: Record) -> None:
        """Insert or replace the row of `record["number"]`."""
        self._database.execute(
            "INSERT INTO batches VALUES (?, ?, ?) ON CONFLICT(number) DO UPDATE SET status=excluded.status, record=excluded.record",
            (record["number"], record["status"], json.dumps(record)),
        )

    def get(self, number: int) -> Record | None:
        """The row of a batch."""
        row = self._database.execute("SELECT record FROM batches WHERE number=?", (number,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def all(self) -> list[Record]:
        """Every row by number."""
        rows = self._database.execute("SELECT record FROM batches ORDER BY number").fetchall()
        return [dict(json.loads(row[0])) for row in rows]

    def first_with(self, *statuses: BatchStatus) -> Record | None:
        """Lowest batch in one of the statuses."""
        marks = ",".join("?" * len(statuses))
        query = f"SELECT record FROM batches WHERE status IN ({marks}) ORDER BY number LIMIT 1"
        row = self._database.execute(query, tuple(str(status) for status in statuses)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def reset_failed(self) -> None:
        """A restart is the operator's retry: failed batches go back to the last step whose result is on disk."""
        for record in self.all():
            if record["status"] != BatchStatus.FAILED:
                continue
            folder = self.path(record["number"], "x").parent
            has_proof, has_hints = (folder / "proof.bin").exists(), (folder / "hints.u32").exists()
            found = BatchStatus.PROVED if has_proof else BatchStatus.WITNESSED if has_hints else BatchStatus.CLOSED
            record["status"] = str(found)
            record.pop("error", None)
            self.put(record)

    def first_unwitnessed(self) -> int:
        """Lowest batch whose witness is not on disk and not needed any more: replay must record from here."""
        for record in self.all():
            if record["status"] == BatchStatus.CLOSED:
                return int(record["number"])
        row = self._database.execute("SELECT MAX(number) FROM batches").fetchone()
        return int(row[0] or 0) + 1

    # ---- files

    def path(self, number: int, name: str) -> Path:
        """Where a file of a batch lies."""
        folder = self._folder / f"{number:08d}"
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder / name

    def write(self, number: int, name: str, data: bytes) -> Path:
        """Store a file durably: temporary name, sync, rename."""
        path = self.path(number, name)
        scratch = path.with_suffix(".tmp")
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
        return path

    def read(self, number: int, name: str) -> bytes:
        """Bytes of a file; raises SettlementFault when it is gone."""
        try:
            return self.path(number, name).read_bytes()
        except OSError as error:
            raise SettlementFault(f"batch {number}: {name} cannot be read: {type(error).__name__}") from error

    def remove(self, number: int, *names: str) -> None:
        """Forget files of a batch; without names the whole folder."""
        if not names:
            shutil.rmtree(self.path(number, "x").parent, ignore_errors=True)
        for name in names:
            self.path(number, name).unlink(missing_ok=True)
