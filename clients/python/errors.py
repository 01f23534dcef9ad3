"""What can go wrong for a client.

ClientError
├── TransportError        the socket or the HTTP request failed
├── ProtocolError         the server sent something that breaks the protocol
├── VenueError            the server answered `err`: code, detail, whether to retry
└── VerificationError     something that was checked does not hold
    ├── DirectoryError    key directory: signature, identity, age
    └── BookError         book deltas do not join up
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of all errors of the SDK."""


class TransportError(ClientError):
    """The connection failed; whether a pending request was sequenced is unknown until it is sent again."""


class ProtocolError(ClientError):
    """The server's frame does not fit the protocol."""


class VenueError(ClientError):
    """The server refused a request before giving it a sequence number: it had no effect."""

    def __init__(self, code: str, detail: str, retryable: bool, retry_after_ms: int | None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.retryable, self.retry_after_ms = code, detail, retryable, retry_after_ms


class VerificationError(ClientError):
    """A check of the client failed."""


class DirectoryError(VerificationError):
    """The key directory is not the one that the pinned identity signed, or it is too old."""


class BookError(VerificationError):
    """A book delta does not follow the state, or the checksum differs."""
