"""What is checked before a request gets a sequence number: each refusal leaves no trace and no nonce behind.

The engine repeats every check that matters for the state; admission only keeps refusals out of the chain and gives them names.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from exchange.auth.buckets import RateLimits
from exchange.auth.digest import compute_request_digest
from exchange.auth.envelope import SignedRequest
from exchange.auth.signature import recover_address
from exchange.errors import Refusal
from exchange.sequencer.engine import SLOT_MASK, StateReader
from exchange.sequencer.projector import Projector
from exchange.storage.layout import digest
from exchange.venue import VenueId
from matching.codec import (
    CancelAll,
    CancelItem,
    CancelOrders,
    CodecError,
    Command,
    CommandKind,
    PlaceOrders,
    Signer,
    SystemRecord,
    decode_command,
    payload_tag,
)

ACCEPTED_KINDS = frozenset(
    {
        CommandKind.PLACE_ORDERS,
        CommandKind.CANCEL_ORDERS,
        CommandKind.CANCEL_ALL,
        CommandKind.APPROVE_AGENT,
        CommandKind.WITHDRAW,
    }
)
OWNER_KINDS = frozenset({CommandKind.APPROVE_AGENT, CommandKind.WITHDRAW})
NONCE_PAST_MS = 172_800_000
NONCE_FUTURE_MS = 86_400_000
NONCES_KEPT = 56
ITEMS_MAX = 64


class Answers:
    """Acknowledgements by signer and nonce, so that a repeated request gets its first answer; kept two days of engine time."""

    def __init__(self, kept_ms: int = NONCE_PAST_MS) -> None:
        self._kept_ms = kept_ms
        self._acks: OrderedDict[tuple[int, int, int], tuple[bytes, dict[str, Any]]] = OrderedDict()

    def find(self, command: Command, identity: bytes) -> dict[str, Any] | None:
        """The first answer to these bytes; raises NONCE_USED when other bytes used the nonce."""
        known = self._acks.get((command.account, command.signer_slot, command.nonce))
        if known is None:
            return None
        if known[0] != identity:
            raise Refusal("NONCE_USED", "another request used this nonce")
        return known[1]

    def remember(self, command: Command, identity: bytes, ack: dict[str, Any]) -> None:
        """Keep an answer and forget those older than the window."""
        self._acks[(command.account, command.signer_slot, command.nonce)] = (identity, ack)
        oldest_ms = ack["time_ms"] - self._kept_ms
        while self._acks and next(iter(self._acks.values()))[1]["time_ms"] < oldest_ms:
            self._acks.popitem(last=False)


def compute_identity(request: SignedRequest) -> bytes:
    """Digest of the command as sent: what makes a repeated request the same."""
    return digest(request.command)


def recover_identity(command: Command) -> bytes:
    """The same from the sequenced command: seq, payload_tag and hints are the sequencer's."""
    body = command.body
    if isinstance(body, CancelOrders):
        body = CancelOrders([replace(item, hint=0) for item in body.items])
    return digest(replace(command, seq=0, payload_tag=0, body=body).encode())


def parse_request(request: SignedRequest) -> Command:
    """Decode the command of a signed request; raises MALFORMED, EMPTY or BULK_TOO_LARGE."""
    _check_count(request.command)
    try:
        command = decode_command(request.command)
    except CodecError as error:
        raise Refusal("MALFORMED", str(error)) from error
    if command.seq or command.payload_tag:
        raise Refusal("MALFORMED", "seq and payload_tag must be zero")
    if command.kind not in ACCEPTED_KINDS:
        raise Refusal("MALFORMED", f"{command.kind.name} is not accepted here")
    if isinstance(command.body, CancelOrders) and any(item.hint for item in command.body.items):
        raise Refusal("MALFORMED", "hints must be zero")
    return command


def _check_count(data: bytes) -> None:
    """Counts get names of their own; everything else is the codec's."""
    kind = int.from_bytes(data[:2], "little")
    if kind not in (CommandKind.PLACE_ORDERS, CommandKind.CANCEL_ORDERS) or len(data) < 56:
        return
    count = int.from_bytes(data[48:52], "little")
    if count == 0:
        raise Refusal("EMPTY", "a request needs at least one leg or item")
    if count > ITEMS_MAX:
        raise Refusal("BULK_TOO_LARGE", f"expected at most {ITEMS_MAX} legs or items, found {count}")


class Admission:
    """Checks against the current state."""

    def __init__(self, venue: VenueId, reader: StateReader, projector: Projector, limits: RateLimits) -> None:
        self._venue = venue
        self._reader = reader
        self._projector = projector
        self._limits = limits
        self.answers = Answers()

    def admit(
        self, request: SignedRequest, command: Command, system: SystemRecord, now_ms: int
    ) -> dict[str, Any] | None:
        """Complete `command` for the engine, or return the first answer of a repeated request. Raises Refusal."""
        signed = compute_request_digest(self._venue, command)
        signer = self._signer(command)
        if recover_address(signed, request.signature) != signer.address:
            raise Refusal("UNKNOWN_SIGNER", f"the signature is not by signer {command.signer_slot} of this account")
        if (ack := self.answers.find(command, compute_identity(request))) is not None:
            return ack
        # An idle engine's time stands still; the next BatchOpen or ClockTick will move it to now.
        self._check_authority(command, signer, max(system.time_ms, now_ms))
        self._check_rate(command, now_ms)
        command.payload_tag = payload_tag(signed)
        if isinstance(command.body, CancelOrders):
            command.body = CancelOrders([self._with_hint(command.account, item) for item in command.body.items])
        return None

    def _signer(self, command: Command) -> Signer:
        header = self._reader.account(command.account)
        if header is None or command.signer_slot > 7:
            return Signer(address=b"")
        return self._reader.signer(header.master, command.signer_slot)

    def _check_authority(self, command: Command, signer: Signer, engine_ms: int) -> None:
        if signer.expiry_ms <= engine_ms:
            raise Refusal("SIGNER_EXPIRED", "this key was revoked or has expired")
        if command.kind in OWNER_KINDS and command.signer_slot != 0:
            raise Refusal("OWNER_ONLY", f"{command.kind.name} needs the owner's key")
        kept = signer.nonces[: signer.count]
        floor = max(signer.nonce_min, min(kept) if signer.count == NONCES_KEPT else 0)
        lowest, highest = max(engine_ms - NONCE_PAST_MS, floor) + 1, engine_ms + NONCE_FUTURE_MS - 1
        if command.nonce in kept:
            raise Refusal("NONCE_USED", "this nonce was used", min_nonce=lowest, max_nonce=highest)
        if not lowest <= command.nonce <= highest:
            detail = f"expected {lowest}..{highest}, found {command.nonce}"
            raise Refusal("NONCE_WINDOW", detail, min_nonce=lowest, max_nonce=highest)
        if command.expires_ms and command.expires_ms <= engine_ms:
            raise Refusal("EXPIRED", "expires_ms has passed")

    def _check_rate(self, command: Command, now_ms: int) -> None:
        body = command.body
        if isinstance(body, CancelOrders):
            self._limits.take(command.account, "cancels", len(body.items), now_ms)
        elif isinstance(body, CancelAll):
            self._limits.take(command.account, "cancels", 1, now_ms)
        else:
            amount = len(body.legs) if isinstance(body, PlaceOrders) else 1
            self._limits.take(command.account, "orders", amount, now_ms)

    def _with_hint(self, account: int, item: CancelItem) -> CancelItem:
        if not item.by_client:
            return item
        order_id = self._projector.find_client_id(account, item.market, item.id)
        return replace(item, hint=0 if order_id is None else (order_id & SLOT_MASK) + 1)
