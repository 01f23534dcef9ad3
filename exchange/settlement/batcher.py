"""From a closed batch to what the prover and the contract need, and from queue requests to commands."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exchange.errors import SettlementFault
from exchange.sequencer.batch import ClosedBatch, QueueOrigin
from exchange.settlement.header import BatchHeader
from exchange.settlement.requests import Request
from exchange.settlement.withdrawal_tree import WithdrawalTree
from exchange.venue import VenueId
from matching.codec import COMMAND_BODIES, CodecError, CommandBody, CommandKind, Deposit, FundInsurance

_DEPOSIT = struct.Struct(">20sIH16s")


class RequestUnreadable(SettlementFault):
    """A final request of the queue is no command: contract and engine disagree about their bytes."""


class BatchInconsistent(SettlementFault):
    """The guest's public inputs contradict what the sequencer saw."""


@dataclass(frozen=True, slots=True)
class BatchInput:
    """What the guest reads (u32 words) and the 492 bytes whose hash it outputs."""

    hints: NDArray[np.uint32]
    public_inputs: bytes


InputBuilder = Callable[[ClosedBatch, bytes], BatchInput]  # batch, queue prefix before it


def read_request(request: Request) -> tuple[CommandBody, QueueOrigin]:
    """The command of a queue entry (decision 21). Raises RequestUnreadable."""
    origin = QueueOrigin(request.sender, request.timestamp)
    try:
        body = _read_body(request)
        body.encode()  # values that do not fit their fields
        return body, origin
    except (struct.error, CodecError, ValueError) as error:
        raise RequestUnreadable(f"request {request.request_id} of kind {request.kind}: {error}") from error


def _read_body(request: Request) -> CommandBody:
    kind = CommandKind(request.kind)
    if kind is CommandKind.DEPOSIT:
        owner, account, sub_account, amount = _DEPOSIT.unpack(request.body)
        if sub_account:
            raise ValueError(f"sub-account {sub_account}: deposits go to master accounts")
        return Deposit(request.request_id, owner, account, int.from_bytes(amount, "big"))
    if kind is CommandKind.FUND_INSURANCE:
        (amount,) = struct.unpack(">16s", request.body)
        return FundInsurance(request.request_id, int.from_bytes(amount, "big"))
    body = struct.pack("<Q", request.request_id) + request.body
    return COMMAND_BODIES[kind].decode(body + bytes(-len(body) % 8))


def check_input(batch: ClosedBatch, built: BatchInput, venue: VenueId) -> BatchHeader:
    """The header the contract will see; raises BatchInconsistent when it is not this batch's."""
    header = BatchHeader.from_public_inputs(built.public_inputs, venue.chain_id, venue.exchange)
    expected: dict[str, Any] = {
        "batch_number": batch.number,
        "time_ms": batch.time_ms,
        "prev_state_hash": batch.old_root,
        "new_state_hash": batch.new_root,
        "seq_first": batch.seq_first,
        "seq_last": batch.seq_last,
        "priority_count": batch.priority_done,
        "withdrawals_root": WithdrawalTree(batch.number, batch.withdrawals).root,
        "withdrawal_count": batch.withdrawal_first + len(batch.withdrawals),
        "withdrawal_total_e6": sum(withdrawal.amount_e6 for withdrawal in batch.withdrawals),
    }
    for name, value in expected.items():
        if getattr(header, name) != value:
            raise BatchInconsistent(
                f"batch {batch.number}: {name}: expected {value!r}, found {getattr(header, name)!r}"
            )
    return header


def make_builder(venue: VenueId) -> InputBuilder:
    """The core's `build_batch_input` for closed batches; it runs the guest's program once and names what it refuses."""
    # Imported here: a process that does not settle needs no native core.
    from matching.batch import QueueEntry, build_batch_input
    from matching.errors import MatchingError

    def build_input(batch: ClosedBatch, prefix: bytes) -> BatchInput:
        queue = [QueueEntry(origin.sender, origin.timestamp) for origin in batch.origins]
        try:
            built = build_batch_input(
                batch.witness, list(batch.commands), queue, venue.chain_id, venue.exchange, priority_prefix=prefix
            )
        except (MatchingError, ValueError) as error:
            raise BatchInconsistent(f"batch {batch.number}: {error}") from error
        return BatchInput(np.asarray(built.hints, dtype=np.uint32), bytes(built.public_inputs))

    return build_input
