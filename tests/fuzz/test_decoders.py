"""Random and mutated bytes into every decoder of untrusted input: accepted, or the typed error; never anything else.

FUZZ_EXAMPLES sets the number of examples (default 60); `make fuzz` runs 2,000. Hypothesis prints the failing example, the
tests of changed seeds print their FUZZ_SEED.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.python.errors import ProtocolError
from clients.python.session import Session
from clients.python.signing import Venue
from exchange.auth.envelope import parse_envelope, split_plaintext
from exchange.auth.signature import recover_address
from exchange.errors import JournalCorrupt, Refusal
from exchange.storage.layout import decode_group_header, decode_records, decode_segment_header
from exchange.ws.frames import decode_frame
from matching import codec
from matching.errors import CodecError
from tests.fuzz.targets import ACCEPTED, targets
from zk.errors import ElfError
from zk.vm.elf import load_elf

ALL = targets()
SLOW = "large-proof-form-P2"  # its key takes 5 s
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=12,
)


def _accepted_or(errors: type[Exception] | tuple[type[Exception], ...], call: Callable[[], object]) -> None:
    try:
        call()
    except errors as error:
        assert str(error)


@fuzz
@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_any_text_is_a_frame_or_a_refusal(text: str) -> None:
    _accepted_or(Refusal, lambda: decode_frame(text))


@fuzz
@given(
    st.sampled_from(["hello", "auth", "sub", "unsub", "sealed", "req", "ping", "bye", "other"]),
    st.dictionaries(st.sampled_from(["v", "id", "account", "slot", "signature", "ch", "after", "op"]), JSON),
)
def test_any_fields_are_a_frame_or_a_refusal(kind: str, fields: dict[str, object]) -> None:
    _accepted_or(Refusal, lambda: decode_frame(json.dumps({"t": kind, **fields})))


@fuzz
@given(st.binary(max_size=600))
def test_any_bytes_are_an_envelope_or_a_refusal(data: bytes) -> None:
    _accepted_or(Refusal, lambda: parse_envelope(data))
    _accepted_or(Refusal, lambda: parse_envelope(b"\xbb\x01\x01" + data))
    _accepted_or(Refusal, lambda: split_plaintext(data))


@fuzz
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=70))
def test_any_signature_recovers_or_is_refused(digest: bytes, signature: bytes) -> None:
    _accepted_or(Refusal, lambda: recover_address(digest, signature))


@fuzz
@given(st.integers(0, 60), st.binary(max_size=300))
def test_any_command_decodes_to_itself_or_is_refused(kind: int, body: bytes) -> None:
    header = kind.to_bytes(2, "little") + (1).to_bytes(2, "little") + len(body).to_bytes(4, "little") + bytes(40)
    data = header + body
    try:
        command = codec.decode_command(data)
    except CodecError as error:
        assert str(error)
    else:
        assert command.encode() == data


@fuzz
@given(st.binary(max_size=300))
def test_any_event_bytes_decode_or_are_refused(data: bytes) -> None:
    _accepted_or(CodecError, lambda: codec.decode_events(data))


@fuzz
@given(st.binary(max_size=5000))
def test_any_journal_bytes_are_read_or_refused(data: bytes) -> None:
    _accepted_or(JournalCorrupt, lambda: decode_segment_header(data, "segment"))
    _accepted_or(JournalCorrupt, lambda: decode_group_header(data))
    _accepted_or(JournalCorrupt, lambda: list(decode_records(data, "segment")))


@fuzz
@given(st.binary(max_size=400), st.booleans())
def test_any_file_is_a_guest_or_a_named_error(data: bytes, with_magic: bool) -> None:
    header = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00\x01\x00\x00\x00" if with_magic else b""
    _accepted_or(ElfError, lambda: load_elf(header + data))


@fuzz
@given(
    st.text()
    | JSON.map(json.dumps)
    | st.fixed_dictionaries(
        {"t": st.sampled_from(["welcome", "snap", "err", "ack", "reply", "pong", "gap", "x"])},
        optional=dict.fromkeys(("ch", "id", "code", "as_of", "time_ms", "retryable"), JSON),
    ).map(json.dumps)
)
def test_any_server_frame_is_read_or_a_protocol_error(text: str) -> None:
    _accepted_or(ProtocolError, lambda: Session(Venue(1, bytes(20))).receive(text))


def _examples(name: str) -> int:
    """Fewer for proofs: reading one takes 10 to 100 ms, a large one up to a second."""
    return max(5, EXAMPLES // (40 if name.startswith("large-") else 10 if name.startswith("proof-") else 1))


@pytest.mark.parametrize("name", [name for name in ALL if name != SLOW or EXAMPLES > 60])
def test_changed_seeds_are_accepted_or_refused_by_name(name: str) -> None:
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
    print(f"FUZZ_SEED={seed}")
    target = ALL[name]
    for data in target.mutants(_examples(name), random.Random(seed)):
        try:
            target.outcome(data)
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} for {data[:2000].hex()}") from error


@pytest.mark.parametrize("name", [name for name in ALL if "proof" not in name])
@fuzz
@given(st.binary(max_size=400))
def test_any_bytes_are_accepted_or_refused_by_name(name: str, data: bytes) -> None:
    ALL[name].outcome(data)


@pytest.mark.parametrize("name", ["proof-P2", "proof-K"])
def test_random_bytes_are_no_proof(name: str) -> None:
    (proof,) = ALL[name].seeds()
    randomness = random.Random(EXAMPLES)
    for length in (0, 1, 7, 100, 5000):
        for prefix in (0, 8, 60, 300):
            assert ALL[name].outcome(proof[:prefix] + randomness.randbytes(length)) != ACCEPTED


def test_changes_of_a_proof_reach_every_kind_of_refusal() -> None:
    """The mutations are worth something: they get through the header to the argument and the opening."""
    count, randomness = 240, random.Random(4)
    outcomes = Counter(ALL["proof-K"].outcome(data) for data in ALL["proof-K"].mutants(count, randomness))
    expected = {"HeaderError", "ShapeError", "NonCanonicalError", "TruncatedProofError", "LayerError", "MerkleError"}
    assert expected <= set(outcomes), outcomes
    form = Counter(ALL["proof-form-K"].outcome(data) for data in ALL["proof-form-K"].mutants(count, randomness))
    assert form[ACCEPTED] >= count // 20 and form["TruncatedProofError"], form
