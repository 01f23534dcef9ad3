"""The exception tree of the exchange.

ExchangeError
├── StartRefused(exit_code)        the process must not run
│   ├── JournalCorrupt       65    a damaged, missing or foreign part of the journal
│   ├── ReplayMismatch       66    the journal replays to another state than it recorded
│   ├── PortUnavailable      69    the port is in use or not allowed
│   ├── FolderLocked         73    another process owns the data folder
│   ├── WrongKey             77    the journal key file is not the one that wrote the journal
│   └── SettingsInvalid      78    unknown or contradictory settings
├── FatalFault(exit_code)          the running process must stop at once
│   ├── DiskFull             28    no room for the next group
│   ├── EngineHalted         70    the engine refused a command that must never be refused
│   └── DiskFault            74    a write or a sync failed: the page cache can no longer be trusted
├── Refusal(code)                  a request is refused before it is sequenced; nothing changed
└── SettlementFault                a batch could not be built, proven or accepted
"""

from __future__ import annotations

from typing import Any


class ExchangeError(Exception):
    """Base of everything this package raises on purpose."""


class StartRefused(ExchangeError):
    """The process must not run; `exit_code` is what it leaves with."""

    exit_code = 1


class JournalCorrupt(StartRefused):
    """The journal is damaged, incomplete, or belongs to another venue."""

    exit_code = 65


class ReplayMismatch(StartRefused):
    """Replaying the journal gives another state than the one recorded in it."""

    exit_code = 66


class PortUnavailable(StartRefused):
    """The port is in use or not allowed."""

    exit_code = 69


class FolderLocked(StartRefused):
    """Another process holds the lock of the data folder."""

    exit_code = 73


class WrongKey(StartRefused):
    """The journal was written under another key, or the key file is unusable."""

    exit_code = 77


class SettingsInvalid(StartRefused):
    """A setting is unknown, missing or contradicts another."""

    exit_code = 78


class FatalFault(ExchangeError):
    """The running process must stop at once; nothing further may be acknowledged."""

    exit_code = 70


class DiskFull(FatalFault):
    """No room for the next journal group."""

    exit_code = 28


class EngineHalted(FatalFault):
    """The engine answered a command of the sequencer with a halting code (rules 4.3)."""

    exit_code = 70


class DiskFault(FatalFault):
    """A journal write or sync failed."""

    exit_code = 74


class Refusal(ExchangeError):
    """A request is refused before it is sequenced: no effect, nonce free (PROTOCOL.md 4)."""

    def __init__(self, code: str, detail: str = "", *, retryable: bool = False, **extra: Any) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.retryable = retryable
        self.extra = extra

    def as_frame(self, request_id: int | None) -> dict[str, Any]:
        """Body of the `err` frame that answers request `request_id`."""
        frame: dict[str, Any] = {"t": "err", "code": self.code, "detail": self.detail, "retryable": self.retryable}
        if request_id is not None:
            frame["id"] = request_id
        frame.update(self.extra)
        return frame


class SettlementFault(ExchangeError):
    """A batch could not be built, proven or accepted; it needs an operator."""
