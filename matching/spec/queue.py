"""The L1 queue as the contract chains it (decision 21)."""

from __future__ import annotations

from dataclasses import dataclass

from matching.codec import CommandBody, Deposit, FundInsurance
from matching.spec.withdrawals import keccak256

EMPTY_PREFIX = bytes(32)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """Who asked on L1 (20 bytes) and when (seconds); the request itself is the command."""

    sender: bytes
    timestamp: int


def request_body(body: CommandBody) -> bytes:
    """The body as the contract hashes it: big-endian for deposits and funding, the command's own bytes for the others."""
    if isinstance(body, Deposit):
        # sub-account 0: further accounts are funded by transfers
        return body.owner + body.account.to_bytes(4, "big") + bytes(2) + body.amount_e6.to_bytes(16, "big")
    if isinstance(body, FundInsurance):
        return body.amount_e6.to_bytes(16, "big")
    return body.encode()[8:]


def extend_prefix(prefix: bytes, entry: QueueEntry, body: CommandBody) -> bytes:
    """Prefix hash of the queue with one more request."""
    head = prefix + bytes([body.KIND]) + entry.sender + entry.timestamp.to_bytes(8, "big")
    return keccak256(head + request_body(body))
