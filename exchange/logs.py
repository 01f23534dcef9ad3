"""Structured logs that cannot tell secrets: only keys of a whitelist leave, values only as short scalars.

Accounts, prices, sizes, keys, tokens, bodies, signatures and addresses of peers are not on the list, so a careless call loses
its extra fields (and a test notices) instead of leaking them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

ALLOWED_KEYS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "mode",
        "epoch",
        "seq",
        "batch",
        "commands",
        "count",
        "seconds",
        "stage",
        "status",
        "code",
        "kind",
        "reason",
        "port",
        "block",
        "transaction",
        "gas",
        "torn_bytes",
        "groups",
        "connections",
        "error_type",
        "exit_code",
        "security_bits",
        "proof_bytes",
        "dropped",
    }
)
TEXT_CHARS_MAX = 120


def keep_allowed(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: drop every key that is not allowed, and every value that is not a short scalar."""
    kept: dict[str, Any] = {}
    dropped = 0
    for key, value in entry.items():
        if key not in ALLOWED_KEYS or not isinstance(value, str | int | float | bool | None):
            dropped += 1
        else:
            kept[key] = value[:TEXT_CHARS_MAX] if isinstance(value, str) else value
    if dropped:
        kept["dropped"] = dropped
    return kept


class _Output:
    """Where log lines go; nowhere until `configure_logs`."""

    stream: TextIO | None = None

    def msg(self, message: str) -> None:
        """Write one line."""
        if self.stream is not None:
            self.stream.write(message + "\n")
            self.stream.flush()

    debug = info = warning = error = critical = msg


_output = _Output()
_PROCESSORS = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    keep_allowed,
    structlog.processors.JSONRenderer(),
)


def configure_logs(stream: TextIO | None = None) -> None:
    """One JSON object per line on `stream` (default: standard error); silences the libraries' own logs."""
    _output.stream = stream or sys.stderr
    # Libraries must not print requests, paths or frames.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "websockets", "web3", "urllib3", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def silence_logs() -> None:
    """Back to no output."""
    _output.stream = None


def get_logger() -> Any:
    """The exchange's logger; the whitelist holds however the process configured structlog."""
    wrapper = structlog.make_filtering_bound_logger(logging.INFO)
    return structlog.wrap_logger(_output, processors=list(_PROCESSORS), wrapper_class=wrapper)
