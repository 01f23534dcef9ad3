"""The exception tree of the matching package.

MatchingError
+-- CodecError            bytes that are no command, event or record (result code 1, MALFORMED)
+-- CoreHalted            a command that only a faulty sequencer sends (rules 4.3): the engine must stop
+-- InvariantViolation    the state breaks one of I1..I14 (rules 17): a fault of the machine itself
"""

from __future__ import annotations

from enum import StrEnum


class MatchingError(Exception):
    """Base of everything this package raises on purpose."""


class CodecReason(StrEnum):
    """Why bytes were refused."""

    LENGTH = "length"  # too short, too long, or body_len disagrees with the content
    PADDING = "padding"  # a reserved byte is not zero
    ENUM = "enum"  # a value outside its enumeration
    COUNT = "count"  # a list shorter or longer than allowed
    RANGE = "range"  # a value that does not fit its field (encoding only)


class CodecError(MatchingError):
    """Bytes or values that the encoding does not know; `reason` is machine-readable."""

    def __init__(self, reason: CodecReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


class CoreHalted(MatchingError):
    """Refusal by one of the halting codes of rules 4.3; nothing was changed."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(f"halted with code {code}{': ' + detail if detail else ''}")
        self.code = code


class InvariantViolation(MatchingError):
    """One of the invariants I1..I14 of rules 17 does not hold."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
