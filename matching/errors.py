"""The exception tree of the matching package.

MatchingError
+-- CodecError            bytes that are no command, event or record (result code 1, MALFORMED)
+-- CoreHalted            a command that only a faulty sequencer sends (rules 4.3): the engine must stop
+-- InvariantViolation    the state breaks one of I1..I14 (rules 17): a fault of the machine itself
+-- BatchRefused          the batch program halts on an input: the batch has no proof
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


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


class HaltReason(IntEnum):
    """Exit codes of the batch guest."""

    OPENING_ROOT = 1  # the pages do not belong to the opening root
    MISSING_PAGE = 2  # a page that the witness lacks
    PAGE_FORM = 3  # pages out of order, or a page with an impossible field
    COMMAND = 4  # a command of impossible form, or one that halts the engine
    BATCH_FORM = 5  # not one whole batch
    CAPACITY = 6  # more pages or withdrawals than the program holds
    CONTRADICTION = 7  # the state contradicts itself
    HINTS = 100  # hints missing or left over (host only)


class BatchRefused(MatchingError):
    """The batch program halts on this input; `reason` says where."""

    def __init__(self, reason: HaltReason) -> None:
        super().__init__(f"the batch program halts: {reason.name}")
        self.reason = reason
