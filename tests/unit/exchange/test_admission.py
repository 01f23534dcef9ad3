"""Admission: any bytes give a named refusal or a command; nonces follow the rules; repeated requests get their first answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.auth.buckets import Rate, RateLimits
from exchange.auth.envelope import SignedRequest
from exchange.errors import Refusal
from exchange.sequencer.admission import (
    NONCE_PAST_MS,
    Admission,
    Answers,
    compute_identity,
    parse_request,
    recover_identity,
)
from exchange.sequencer.machine import Auth, Sequencer
from matching.codec import (
    ApproveAgent,
    CancelItem,
    CancelOrders,
    Command,
    CommandBody,
    OracleRound,
    PlaceOrders,
    SetLeverage,
    Transfer,
    Withdraw,
)
from tests.unit.exchange.kit import (
    BUY,
    PRICE_TICKS,
    SALT,
    T0,
    VENUE,
    Trader,
    leg,
    make_sequencer,
    make_traders,
    open_market,
    order,
    submit,
)

NOW = T0 + 1_000


def world() -> tuple[Admission, Sequencer, Trader]:
    sequencer, traders = make_sequencer(), make_traders(2)
    open_market(sequencer, traders)
    limits = RateLimits(Rate(400, 40), Rate(1_000, 200))
    return Admission(VENUE, sequencer.reader, sequencer.projector, limits), sequencer, traders[0]


def admit(admission: Admission, sequencer: Sequencer, request: SignedRequest, now_ms: int = NOW) -> Command:
    command = parse_request(request)
    assert admission.admit(request, command, sequencer.system, now_ms) is None
    return command


def refused(admission: Admission, sequencer: Sequencer, request: SignedRequest, now_ms: int = NOW) -> Refusal:
    with pytest.raises(Refusal) as caught:
        admission.admit(request, parse_request(request), sequencer.system, now_ms)
    return caught.value


@given(st.binary(max_size=400))
def test_any_bytes_give_a_command_or_a_named_refusal(data: bytes) -> None:
    try:
        parse_request(SignedRequest(data, SALT, bytes(65)))
    except Refusal as refusal:
        assert refusal.code in {"MALFORMED", "EMPTY", "BULK_TOO_LARGE"}


@given(st.integers(0, 167), st.integers(1, 255))
def test_any_changed_byte_gives_another_command_or_a_named_refusal(position: int, change: int) -> None:
    good = Trader(2).command(order(BUY, PRICE_TICKS, 1_000), nonce=T0).encode()
    bad = bytearray(good)
    bad[position % len(good)] ^= change
    try:
        command = parse_request(SignedRequest(bytes(bad), SALT, bytes(65)))
    except Refusal as refusal:
        assert refusal.code in {"MALFORMED", "EMPTY", "BULK_TOO_LARGE"}
    else:
        assert command.encode() == bytes(bad)


@pytest.mark.parametrize("body", [OracleRound([]), Transfer(3, 5), SetLeverage(0, 5, 0)])
def test_kinds_of_the_sequencer_and_of_later_are_not_accepted(body: CommandBody) -> None:
    command = Command(0, body)
    with pytest.raises(Refusal, match=r"MALFORMED.*not accepted"):
        parse_request(SignedRequest(command.encode(), SALT, bytes(65)))


def test_sequencer_fields_must_be_zero() -> None:
    trader = Trader(2)
    good = trader.command(order(BUY, PRICE_TICKS, 1_000), nonce=T0)
    hinted = trader.command(CancelOrders([CancelItem.by_client_id(0, b"x" * 16, 7)]), nonce=T0)
    for bad in (replace(good, seq=1), replace(good, payload_tag=1), hinted):
        with pytest.raises(Refusal, match="must be zero"):
            parse_request(SignedRequest(bad.encode(), SALT, bytes(65)))


def test_admitted_command_carries_the_tag_of_its_digest() -> None:
    admission, sequencer, trader = world()
    request = trader.request(order(BUY, PRICE_TICKS, 1_000))
    command = admit(admission, sequencer, request)
    assert command.payload_tag != 0
    assert command.seq == 0


def test_client_id_cancel_gets_its_hint_and_an_unknown_one_none() -> None:
    admission, sequencer, trader = world()
    name = b"n" * 16
    placed = submit(sequencer, trader, order(BUY, PRICE_TICKS // 2, 1_000, client_id=name), NOW)
    slot = int(placed.results[0]["order_id"]) & (1 << 21) - 1
    for client_id, hint in ((name, slot + 1), (b"m" * 16, 0)):
        body = CancelOrders([CancelItem.by_client_id(0, client_id, 0)])
        command = admit(admission, sequencer, trader.request(body))
        assert isinstance(command.body, CancelOrders)
        assert command.body.items[0].hint == hint


def test_nonces_of_the_engine_are_respected_before_sequencing() -> None:
    admission, sequencer, trader = world()
    for nonce in range(T0, T0 + 56):
        trader_command = trader.request(order(BUY, PRICE_TICKS // 2, 1_000), nonce=nonce)
        command = admit(admission, sequencer, trader_command)
        sequencer.submit(command, _auth(trader_command), NOW)
    used = refused(admission, sequencer, trader.request(order(BUY, PRICE_TICKS, 7), nonce=T0 + 3))
    assert used.code == "NONCE_USED"
    below = refused(admission, sequencer, trader.request(order(BUY, PRICE_TICKS, 7), nonce=T0 - 1))
    assert (below.code, below.extra["min_nonce"]) == ("NONCE_WINDOW", T0 + 1)
    assert admit(admission, sequencer, trader.request(order(BUY, PRICE_TICKS, 7), nonce=T0 + 57))


def _auth(request: SignedRequest) -> Auth:
    return Auth(request.salt, request.signature)


@pytest.mark.parametrize(
    ("offset_ms", "code"),
    [(-NONCE_PAST_MS, "NONCE_WINDOW"), (-NONCE_PAST_MS + 1, None), (86_399_999, None), (86_400_000, "NONCE_WINDOW")],
)
def test_nonce_window_edges_are_those_of_the_rules(offset_ms: int, code: str | None) -> None:
    admission, sequencer, trader = world()
    request = trader.request(order(BUY, PRICE_TICKS, 1_000), nonce=NOW + offset_ms)
    if code is None:
        command = admit(admission, sequencer, request)
        assert sequencer.submit(command, _auth(request), NOW).code == 0
    else:
        assert refused(admission, sequencer, request).code == code


def test_agents_cannot_do_what_owners_can_and_end_with_their_expiry() -> None:
    admission, sequencer, owner = world()
    agent = Trader(owner.account, make_traders(5)[4].key, slot=2)
    assert refused(admission, sequencer, agent.request(order(BUY, PRICE_TICKS, 7))).code == "UNKNOWN_SIGNER"
    submit(sequencer, owner, ApproveAgent(2, 0, agent.address, NOW + 5_000), NOW)
    agent._nonces = owner._nonces
    assert admit(admission, sequencer, agent.request(order(BUY, PRICE_TICKS, 1_000)))
    for body in (Withdraw(5), ApproveAgent(3, 0, b"\1" * 20, NOW + 9_000)):
        assert refused(admission, sequencer, agent.request(body)).code == "OWNER_ONLY"
    late = agent.request(order(BUY, PRICE_TICKS, 1_000))
    assert refused(admission, sequencer, late, NOW + 5_000).code == "SIGNER_EXPIRED"
    unused_slot = replace(agent, slot=7).request(order(BUY, PRICE_TICKS, 1_000))
    assert refused(admission, sequencer, unused_slot).code == "UNKNOWN_SIGNER"


def test_expired_requests_are_refused_by_the_time_they_would_get() -> None:
    admission, sequencer, trader = world()
    request = trader.request(order(BUY, PRICE_TICKS, 1_000), expires_ms=NOW + 10)
    assert refused(admission, sequencer, request, NOW + 10).code == "EXPIRED"
    assert admit(admission, sequencer, request, NOW + 9)


def test_each_leg_costs_a_token_and_a_repetition_costs_none() -> None:
    admission, sequencer, trader = world()
    bulk = PlaceOrders([leg(BUY, PRICE_TICKS - i, 1_000) for i in range(64)])
    for _ in range(6):
        admit(admission, sequencer, trader.request(bulk))
    last = refused(admission, sequencer, trader.request(bulk))
    assert (last.code, last.retryable) == ("RATE_LIMITED", True)
    assert admit(admission, sequencer, trader.request(order(BUY, PRICE_TICKS, 1_000)))


def test_repeated_request_gets_its_first_answer_and_other_bytes_none() -> None:
    answers = Answers(kept_ms=100)
    first = Trader(2).command(order(BUY, PRICE_TICKS, 1_000), nonce=5)
    request = SignedRequest(first.encode(), SALT, bytes(65))
    answers.remember(first, compute_identity(request), {"time_ms": 50, "seq": 1})
    assert answers.find(first, compute_identity(request)) == {"time_ms": 50, "seq": 1}
    with pytest.raises(Refusal, match="NONCE_USED"):
        answers.find(first, bytes(32))
    assert answers.find(replace(first, nonce=6), bytes(32)) is None
    answers.remember(replace(first, nonce=7), bytes(32), {"time_ms": 151, "seq": 2})
    assert answers.find(first, compute_identity(request)) is None


def test_identity_survives_sequencing() -> None:
    trader = Trader(2)
    for body in (order(BUY, PRICE_TICKS, 1_000), CancelOrders([CancelItem.by_client_id(0, b"x" * 16, 0)])):
        sent = trader.command(body, nonce=9)
        request = SignedRequest(sent.encode(), SALT, bytes(65))
        sequenced = replace(sent, seq=77, payload_tag=88)
        if isinstance(body, CancelOrders):
            sequenced.body = CancelOrders([replace(body.items[0], hint=5)])
        assert recover_identity(sequenced) == compute_identity(request)
