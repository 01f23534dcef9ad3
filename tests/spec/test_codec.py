"""Bytes of commands, events and records (rules 3.3, 4, 5)."""

from __future__ import annotations

import pytest

from clients.python.signing import Venue as SigningVenue
from clients.python.signing import request_digest
from matching.codec import (
    COMMAND_BODIES,
    EVENT_BODIES,
    AccountHeader,
    AccountWork,
    AdlPlan,
    AdlPlanRecord,
    BatchClose,
    BookHead,
    CancelItem,
    CancelOrders,
    ClockTick,
    CodecError,
    CodecReason,
    Command,
    CommandBody,
    CommandKind,
    Event,
    ExpireOrders,
    InsuranceOrder,
    Leg,
    Level,
    MarketConfig,
    MarketState,
    ModifyItem,
    ModifyOrders,
    OracleReport,
    OracleRound,
    OracleSigner,
    Order,
    PlaceOrders,
    Position,
    SetOracleSigners,
    Signer,
    SystemRecord,
    TrieNode,
    VolumeRing,
    Withdraw,
    canonical_body,
    decode_command,
    decode_events,
    payload_tag,
    signing_digest,
    split_commands,
)

SAMPLES: dict[CommandKind, CommandBody] = {
    CommandKind.PLACE_ORDERS: PlaceOrders([Leg(3, 1, 0, 3, 2, 1, 77, 0, 2**40, 9, b"c" * 16, 450)] * 2),
    CommandKind.CANCEL_ORDERS: CancelOrders([CancelItem.by_order_id(1, 99), CancelItem.by_client_id(1, b"i" * 16, 5)]),
    CommandKind.MODIFY_ORDERS: ModifyOrders([ModifyItem(1, 0, 0, bytes(16), [Leg()])]),
    CommandKind.ORACLE_ROUND: OracleRound([OracleReport(0, 5, [1] * 62)]),
    CommandKind.EXPIRE_ORDERS: ExpireOrders([1, 2, 3, 4]),
    CommandKind.ADL_PLAN: AdlPlan(1, 1, []),
    CommandKind.SET_ORACLE_SIGNERS: SetOracleSigners(4, 1, 2, [OracleSigner(b"o" * 20)] * 3),
}
BODY_BYTES = {2: 56, 1: 120, 4: 8, 8: 32, 11: 8, 20: 88, 30: 48, 31: 8, 32: 272, 33: 8, 34: 8, 35: 24, 36: 8, 37: 8}
BODY_BYTES |= {40: 56, 42: 0, 50: 272, 51: 272, 52: 16, 53: 88, 54: 144, 55: 16, 22: 40, 38: 8, 3: 88}
RECORD_BYTES = {
    AccountHeader: 128, Position: 64, VolumeRing: 128, Signer: 512, Order: 96, Level: 32, TrieNode: 8, BookHead: 64,
    AdlPlanRecord: 1056, MarketConfig: 256, MarketState: 128, SystemRecord: 512,
}  # fmt: skip


def sample(kind: CommandKind) -> CommandBody:
    return SAMPLES.get(kind) or COMMAND_BODIES[kind]()


@pytest.mark.parametrize("kind", COMMAND_BODIES)
def test_command_of_every_kind_survives_a_round_trip(kind: CommandKind) -> None:
    command = Command(12, sample(kind))
    data = command.encode()
    assert decode_command(data) == command
    assert len(data) == 48 + BODY_BYTES.get(kind, len(data) - 48)
    assert (len(data) - 48) % 8 == 0


@pytest.mark.parametrize("kind", COMMAND_BODIES)
def test_command_cut_or_prolonged_is_refused_for_its_length(kind: CommandKind) -> None:
    data = Command(12, sample(kind)).encode()
    for wrong in (data[:-1], data + b"\0", data[:40]):
        with pytest.raises(CodecError) as caught:
            decode_command(wrong)
        assert caught.value.reason is CodecReason.LENGTH


@pytest.mark.parametrize(
    ("body", "offset", "reason"),
    [
        (ClockTick(1), 0, CodecReason.ENUM),  # kind becomes unknown
        (ClockTick(1), 2, CodecReason.ENUM),  # version
        (ClockTick(1), 16, CodecReason.PADDING),  # account of an unsigned command
        (ClockTick(1), 40, CodecReason.PADDING),  # payload tag of an unsigned command
        (Withdraw(1), 21, CodecReason.PADDING),  # behind the signer slot
        (PlaceOrders([Leg()]), 52, CodecReason.PADDING),  # behind the count
        (PlaceOrders([Leg()]), 48, CodecReason.COUNT),
        (PlaceOrders([Leg()]), 63, CodecReason.PADDING),  # inside the leg
        (PlaceOrders([Leg()]), 59, CodecReason.ENUM),  # order kind
        (PlaceOrders([Leg()]), 60, CodecReason.ENUM),  # time in force
        (PlaceOrders([Leg()]), 61, CodecReason.ENUM),  # self-trade prevention
        (PlaceOrders([Leg()]), 62, CodecReason.ENUM),  # flags
        (CancelOrders([CancelItem()]), 58, CodecReason.ENUM),  # by_client
        (CancelOrders([CancelItem()]), 59, CodecReason.PADDING),
        (ExpireOrders([1, 2]), 63, CodecReason.PADDING),
        (AccountWork(1), 55, CodecReason.PADDING),
        (SetOracleSigners(0, 1, 1, [OracleSigner()]), 60, CodecReason.PADDING),
        (OracleRound([OracleReport()]), 57, CodecReason.PADDING),
    ],
)
def test_changed_byte_is_refused_with_its_reason(body: CommandBody, offset: int, reason: CodecReason) -> None:
    data = bytearray(Command(1, body).encode())
    data[offset] ^= 0xFF
    with pytest.raises(CodecError) as caught:
        decode_command(bytes(data))
    assert caught.value.reason is reason


def test_lists_longer_than_allowed_are_refused_by_both_directions() -> None:
    for body in (
        PlaceOrders([Leg()] * 65),
        PlaceOrders([]),
        ExpireOrders([0] * 17),
        OracleRound([OracleReport()] * 17),
    ):
        with pytest.raises(CodecError) as caught:
            Command(1, body).encode()
        assert caught.value.reason is CodecReason.COUNT
    data = bytearray(Command(1, PlaceOrders([Leg()])).encode())
    data[48] = 65
    with pytest.raises(CodecError, match="count: PlaceOrders"):
        decode_command(bytes(data))


def test_value_outside_its_field_is_refused_when_encoding() -> None:
    with pytest.raises(CodecError) as caught:
        Command(1, Withdraw(2**64)).encode()
    assert caught.value.reason is CodecReason.RANGE


def test_every_event_survives_a_round_trip() -> None:
    events = [Event(kind(), code, 7, 8) for code, kind in enumerate(EVENT_BODIES.values())]
    data = b"".join(event.encode() for event in events)
    assert decode_events(data) == events
    assert all(len(event.encode()) % 8 == 0 for event in events)
    with pytest.raises(CodecError):
        decode_events(data[:-1])


@pytest.mark.parametrize("kind", RECORD_BYTES)
def test_record_has_the_size_of_the_rules_and_survives_a_round_trip(kind: type[SystemRecord]) -> None:
    assert RECORD_BYTES[kind] == kind.SIZE
    assert kind.decode(kind().encode()) == kind()
    with pytest.raises(CodecError):
        kind.decode(bytes(kind.SIZE + 1))


def test_concatenated_commands_are_cut_at_their_headers() -> None:
    parts = [Command(i, sample(kind)).encode() for i, kind in enumerate(COMMAND_BODIES)]
    assert split_commands(b"".join(parts)) == parts
    with pytest.raises(CodecError):
        split_commands(b"".join(parts) + b"\0")


def test_canonical_body_leaves_out_hints_and_commits_to_the_rest() -> None:
    hinted = CancelOrders([CancelItem.by_client_id(1, b"i" * 16, 5)])
    plain = CancelOrders([CancelItem.by_client_id(1, b"i" * 16)])
    assert canonical_body(hinted) == canonical_body(plain) != canonical_body(BatchClose())
    assert canonical_body(plain) == bytes.fromhex("0200010020000000") + plain.encode()


def test_signing_digest_equals_the_one_of_the_client() -> None:
    body = InsuranceOrder([Leg(price_ticks=5)])
    mine = signing_digest(31337, b"\7" * 20, body, nonce=5, account=6, expires_ms=7)
    theirs = request_digest(SigningVenue(31337, b"\7" * 20), canonical_body(body), 5, 6, 7)
    assert mine == theirs
    assert payload_tag(mine) == int.from_bytes(mine[:8], "little")
    others = [
        signing_digest(1, b"\7" * 20, body, nonce=5, account=6, expires_ms=7),
        signing_digest(31337, b"\6" * 20, body, nonce=5, account=6, expires_ms=7),
        signing_digest(31337, b"\7" * 20, BatchClose(), nonce=5, account=6, expires_ms=7),
        signing_digest(31337, b"\7" * 20, body, nonce=6, account=6, expires_ms=7),
        signing_digest(31337, b"\7" * 20, body, nonce=5, account=7, expires_ms=7),
        signing_digest(31337, b"\7" * 20, body, nonce=5, account=6),
    ]
    assert len({mine, *others}) == 7
