"""Decoders of the exchange, its clients and the matching core."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from clients.python.envelope import read_directory
from clients.python.errors import DirectoryError, ProtocolError
from clients.python.session import Session
from clients.python.signing import Venue
from exchange.auth.envelope import parse_envelope, split_plaintext
from exchange.auth.signature import recover_address
from exchange.errors import JournalCorrupt, Refusal
from exchange.sequencer.admission import parse_request
from exchange.settlement.batcher import RequestUnreadable, read_request
from exchange.settlement.header import PUBLIC_INPUTS_BYTES, BatchHeader, PublicInputsInvalid
from exchange.settlement.requests import Request
from exchange.storage.layout import (
    PAGE_BYTES,
    Record,
    RecordKind,
    Source,
    decode_group_header,
    decode_records,
    decode_segment_header,
    encode_records,
)
from exchange.ws.frames import decode_frame
from matching import codec
from matching.errors import CodecError
from tests.fuzz.json_bytes import mutate_json
from tests.fuzz.targets import Target

VENUE = Venue(1, bytes(20))
RECORDS = (
    codec.AccountHeader, codec.BookHead, codec.Level, codec.MarketConfig, codec.MarketState, codec.Order, codec.Position,
    codec.Signer, codec.SystemRecord, codec.TrieNode, codec.VolumeRing,
)  # fmt: skip


def _frame(data: bytes) -> object:
    return decode_frame(data.decode("utf-8", "surrogateescape"))


def _server_frame(data: bytes) -> object:
    return Session(VENUE).receive(data)


def _directory(data: bytes) -> object:
    """The key directory as the SDK gets it: any JSON object."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DirectoryError("not JSON") from error
    return read_directory(document, VENUE, bytes(20), 0)


def _envelope(data: bytes) -> None:
    """What opens as an envelope is split, parsed and recovered as far as it goes."""
    if data[:1] == b"E":
        parse_envelope(data[1:])
        return
    request = split_plaintext(data)
    recover_address(bytes(32), request.signature)
    parse_request(request)


def _command(data: bytes) -> None:
    """Strict: what is accepted encodes to the same bytes."""
    for part in codec.split_commands(data):
        assert codec.decode_command(part).encode() == part


def _events(data: bytes) -> None:
    assert b"".join(event.encode() for event in codec.decode_events(data)) == data


def _record(data: bytes) -> None:
    """The first byte chooses the kind of record."""
    if not data:
        raise CodecError(codec_reason(), "empty")
    kind = RECORDS[data[0] % len(RECORDS)]
    assert kind.decode(data[1:]).encode() == data[1:]


def codec_reason() -> Any:
    """The reason of a record without its first byte."""
    from matching.errors import CodecReason

    return CodecReason.LENGTH


def _journal(data: bytes) -> None:
    """A segment header of one page, a group header or a group's body."""
    if len(data) == PAGE_BYTES:
        decode_segment_header(data, "segment")
    decode_group_header(data)
    for record in decode_records(data, "segment"):
        assert isinstance(record.kind, RecordKind)


def _queue_request(data: bytes) -> object:
    """A queue entry: kind, then the body."""
    kind, body = (data[0], data[1:]) if data else (0, b"")
    return read_request(Request(1, kind, bytes(20), bytes(20), 0, body, bytes(32), 0))


def _public_inputs(data: bytes) -> None:
    header = BatchHeader.from_public_inputs(data, 1, bytes(20))
    assert header.public_inputs(1, bytes(20)) == data


def _json(*documents: object) -> Sequence[bytes]:
    return [json.dumps(document).encode() for document in documents]


def _frames() -> Sequence[bytes]:
    return _json(
        {"t": "hello", "v": "bb/1", "client": "x"},
        {"t": "auth", "id": 1, "account": 3, "slot": 0, "signature": "0x" + "0" * 130},
        {"t": "sealed", "id": 2, "envelope": "AAAA"},
        {"t": "req", "id": 3, "op": "orders", "market": 1, "limit": 10},
    )


def _server_frames() -> Sequence[bytes]:
    return _json(
        {"t": "welcome", "challenge": "0x00", "as_of": 1, "time_ms": 2},
        {"t": "snap", "ch": "book:1", "as_of": 3},
        {"t": "err", "id": 1, "code": "BAD_FRAME", "detail": "x", "retryable": False},
    )


def _directories() -> Sequence[bytes]:
    key = {"key_id": 1, "suite": 1, "public_key": "0x" + "00" * 32, "not_before_ms": 0, "not_after_ms": 9}
    return _json({"issued_ms": 0, "keys": [key], "signature": "0x" + "11" * 65})


def _commands() -> Sequence[bytes]:
    bodies = [kind() for kind in codec.COMMAND_BODIES.values()]
    return [encoded for body in bodies if (encoded := _encoded(body))]


def _encoded(body: codec.CommandBody) -> bytes:
    try:
        return codec.Command(1, body).encode()
    except CodecError:
        return b""


def _events_seeds() -> Sequence[bytes]:
    return [codec.Event(kind()).encode() for kind in codec.EVENT_BODIES.values()]


def _record_seeds() -> Sequence[bytes]:
    return [bytes([number]) + kind().encode() for number, kind in enumerate(RECORDS)]


def _journal_seeds() -> Sequence[bytes]:
    records = [Record(kind, source, 5, b"payload") for kind in RecordKind for source in Source]
    return [encode_records(records), bytes(PAGE_BYTES)]


TARGETS: dict[str, Target] = {
    "client-frame": Target(_frame, (Refusal,), _frames, mutate_json),
    "server-frame": Target(_server_frame, (ProtocolError,), _server_frames, mutate_json),
    "key-directory": Target(_directory, (DirectoryError,), _directories, mutate_json),
    "envelope": Target(_envelope, (Refusal,), lambda: [b"E\xbb\x01\x01" + bytes(100), bytes(256)]),
    "command": Target(_command, (CodecError,), _commands),
    "event": Target(_events, (CodecError,), _events_seeds),
    "record": Target(_record, (CodecError,), _record_seeds),
    "journal": Target(_journal, (JournalCorrupt,), _journal_seeds),
    "queue-request": Target(
        _queue_request, (RequestUnreadable,), lambda: [bytes([k]) + bytes(56) for k in (7, 50, 53, 60)]
    ),
    "public-inputs": Target(_public_inputs, (PublicInputsInvalid,), lambda: [bytes(PUBLIC_INPUTS_BYTES)]),
}
