"""The L1 queue as the contract chains it (decision 21)."""

from __future__ import annotations

from dataclasses import dataclass

from matching.codec import CommandHeader, CommandKind, Deposit, FundInsurance
from matching.spec.withdrawals import keccak256

EMPTY_PREFIX = bytes(32)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """Who asked on L1 (20 bytes) and when (seconds); the request itself is the command."""

    sender: bytes
    timestamp: int


def request_body(kind: CommandKind, body: bytes) -> bytes:
    """A request as the contract hashes it: big-endian for deposits and funding, the command's own bytes for the others.

    `body`: body of the command, l1_index first.
    """
    if kind is CommandKind.DEPOSIT:
        deposit = Deposit.decode(body)
        # sub-account 0: further accounts are funded by transfers
        return deposit.owner + deposit.account.to_bytes(4, "big") + bytes(2) + deposit.amount_e6.to_bytes(16, "big")
    if kind is CommandKind.FUND_INSURANCE:
        return FundInsurance.decode(body).amount_e6.to_bytes(16, "big")
    return body[8:]


def extend_prefix(prefix: bytes, entry: QueueEntry, command: bytes) -> bytes:
    """Prefix hash of the queue with one more request, given as its command."""
    kind = CommandKind(int.from_bytes(command[:2], "little"))
    head = prefix + bytes([kind]) + entry.sender + entry.timestamp.to_bytes(8, "big")
    return keccak256(head + request_body(kind, command[CommandHeader.SIZE :]))
