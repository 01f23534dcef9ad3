"""Frames of bb/1: what is malformed gets a typed error, keeps the connection, and changes nothing."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.ws.protocol import (
    Action,
    Authenticate,
    Close,
    CloseCode,
    Connection,
    Limits,
    Read,
    Send,
    State,
    Submit,
    Subscribe,
    Unsubscribe,
)

SIGNATURE = "0x" + "ab" * 65


def connect(*accounts: int, limits: Limits | None = None) -> Connection:
    connection = Connection({"epoch": 1}, bytes(32), 0, limits or Limits())
    assert isinstance(connection.receive('{"t":"hello","v":"bb/1"}', 0)[0], Send)
    for number, account in enumerate(accounts):
        (request,) = say(connection, t="auth", id=number, account=account, slot=0, signature=SIGNATURE)
        assert isinstance(request, Authenticate)
        connection.answer_auth(request, True)
    return connection


def say(connection: Connection, **frame: Any) -> list[Action]:
    return connection.receive(json.dumps(frame), 0)


def error_of(actions: list[Action]) -> dict[str, Any]:
    (action,) = actions
    assert isinstance(action, Send), action
    assert action.frame["t"] == "err"
    return action.frame


def test_hello_is_answered_with_challenge_and_version() -> None:
    connection = Connection({"epoch": 7}, b"\1" * 32, 0)
    (welcome,) = connection.receive('{"t":"hello","v":"bb/1"}', 0)
    assert welcome == Send({"t": "welcome", "v": "bb/1", "challenge": "0x" + "01" * 32, "epoch": 7})


def test_first_frame_must_be_hello() -> None:
    connection = Connection({}, bytes(32), 0)
    assert connection.receive('{"t":"ping"}', 0) == [Close(CloseCode.HELLO_EXPECTED, "hello expected")]


def test_no_hello_within_five_seconds_closes() -> None:
    connection = Connection({}, bytes(32), 1000)
    assert connection.tick(5999) == []
    assert connection.tick(6000) == [Close(CloseCode.NO_HELLO, "no hello")]


def test_silence_of_three_heartbeats_closes() -> None:
    connection = connect()
    assert connection.tick(14_999) == []
    connection.receive('{"t":"ping"}', 14_999)
    assert connection.tick(29_998) == []
    assert connection.tick(29_999) == [Close(CloseCode.SILENCE, "silence")]


MALFORMED = [
    "",
    "{",
    "null",
    "[]",
    "7",
    '"hello"',
    "{}",
    '{"t":"order"}',
    '{"t":7}',
    '{"t":"sub","id":9}',
    '{"t":"sub","id":9,"ch":"book.0","depth":5}',
    '{"t":"sub","id":9,"ch":7}',
    '{"t":"sub","id":9,"id":10,"ch":"book.0"}',
    '{"t":"sub","id":9.0,"ch":"book.0"}',
    '{"t":"sub","id":1e400,"ch":"book.0"}',
    '{"t":"sub","id":NaN,"ch":"book.0"}',
    '{"t":"sub","id":-1,"ch":"book.0"}',
    '{"t":"sub","id":9007199254740992,"ch":"book.0"}',
    '{"t":"sub","id":true,"ch":"book.0"}',
    '{"t":"sub","id":"9","ch":"book.0"}',
    '{"t":"sub","id":9,"ch":"' + "x" * 65 + '"}',
    '{"t":"sub","id":9,"ch":"book.0","after":-1}',
    '{"t":"sealed","id":9}',
    '{"t":"sealed","id":9,"envelope":5}',
    '{"t":"sealed","id":9,"envelope":"' + "A" * 8193 + '"}',
    '{"t":"auth","id":9,"account":1,"slot":8,"signature":"' + SIGNATURE + '"}',
    '{"t":"auth","id":9,"account":16777216,"slot":0,"signature":"' + SIGNATURE + '"}',
    '{"t":"auth","id":9,"account":1,"slot":0,"signature":"0xABCD"}',
    '{"t":"hello","v":"bb/1"}',
    '{"t":"hello","v":"bb/2"}',
    '{"t":"req","id":9,"op":"events","account":1,"after":0,"limit":1001}',
    "[" * 30_000,
    '{"t":"ping","nonce":' + "1" * 5000 + "}",
    '{"t":"ping","pad":"' + "x" * 66_000 + '"}',
    "\ud800",
    '{"t":"\\ud800"}',
    '{"t":"ping","\\udfff":1}',
    '{"t":"req","id":9,"op":"\\ud800"}',
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_frame_gets_typed_error_and_keeps_the_connection(text: str) -> None:
    connection = connect(5)
    before = (dict(connection.principals), set(connection.subscriptions), connection.state)
    frame = error_of(connection.receive(text, 0))
    assert frame["code"] == "BAD_FRAME"
    assert frame["detail"]
    assert (connection.principals, connection.subscriptions, connection.state) == before
    assert say(connection, t="ping", nonce=3) == [Send({"t": "pong", "nonce": 3})]


def test_error_names_the_id_when_it_can_be_read() -> None:
    connection = connect()
    assert error_of(connection.receive('{"t":"sub","id":9}', 0))["id"] == 9
    assert "id" not in error_of(connection.receive('{"t":"sub","id":true}', 0))


@given(st.text(max_size=300))
def test_any_text_gives_an_error_or_an_action_never_a_crash(text: str) -> None:
    connection = connect()
    assert connection.receive(text, 0)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    ),
    st.sampled_from(["auth", "sub", "unsub", "sealed", "req", "ping", "bye"]),
    st.sampled_from(["id", "ch", "op", "envelope", "account", "slot", "signature", "after", "nonce"]),
)
def test_any_json_value_in_any_field_is_handled(value: Any, kind: str, name: str) -> None:
    connection = connect(5)
    assert connection.receive(json.dumps({"t": kind, "id": 99, name: value}), 0)


def test_binary_frame_is_refused_and_the_connection_kept() -> None:
    connection = connect()
    assert error_of(connection.receive_bytes(0))["code"] == "BAD_FRAME"
    assert connection.state is State.GREETED


def test_flood_of_bad_frames_is_ended() -> None:
    connection = connect()
    actions = [connection.receive("{", 0)[0] for _ in range(101)]
    assert actions[-1] == Close(CloseCode.ABUSE, "too many bad frames")
    assert all(isinstance(action, Send) for action in actions[:-1])


def test_flood_of_bad_signatures_is_ended_and_a_slow_trickle_is_not() -> None:
    for pause_ms, is_closed in ((0, True), (3_000, False)):
        connection = connect(5)
        actions: list[Action] = []
        for number in range(10, 40):
            frame = json.dumps({"t": "sealed", "id": number, "envelope": "AAAA"})
            connection.receive(frame, number * pause_ms)
            actions += connection.answer({"t": "err", "id": number, "code": "BAD_SIGNATURE"})
        closed = [action for action in actions if isinstance(action, Close)]
        assert closed == ([Close(CloseCode.ABUSE, "too many bad requests")] if is_closed else [])


def test_ids_must_grow() -> None:
    connection = connect()
    say(connection, t="sub", id=5, ch="book.0")
    assert error_of(say(connection, t="sub", id=5, ch="book.0"))["code"] == "BAD_ID"
    assert error_of(say(connection, t="sub", id=4, ch="book.0"))["code"] == "BAD_ID"
    assert connection.answer({"t": "sub_ok", "id": 5, "ch": "book.0"}) != []


def test_each_id_gets_exactly_one_answer() -> None:
    connection = connect(5)
    say(connection, t="req", id=7, op="state", account=5)
    frame = {"t": "reply", "id": 7, "op": "state", "data": {}}
    assert connection.answer(frame) == [Send(frame)]
    assert connection.answer(frame) == []


def test_unanswered_requests_are_bounded() -> None:
    connection = connect(5, limits=Limits(in_flight=2))
    for number in (1, 2):
        say(connection, t="req", id=number, op="state", account=5)
    frame = error_of(say(connection, t="req", id=3, op="state", account=5))
    assert frame["code"] == "TOO_MANY_IN_FLIGHT"
    assert frame["retryable"]
    assert frame["id"] == 3


def test_private_channels_and_reads_need_the_right_login() -> None:
    anonymous = connect()
    assert error_of(say(anonymous, t="sub", id=1, ch="account.5"))["code"] == "AUTH_REQUIRED"
    assert error_of(say(anonymous, t="req", id=2, op="state", account=5))["code"] == "AUTH_REQUIRED"
    assert error_of(say(anonymous, t="sealed", id=3, envelope="AAAA"))["code"] == "AUTH_REQUIRED"
    owner = connect(5)
    assert isinstance(say(owner, t="sub", id=1, ch="account.5")[0], Subscribe)
    assert isinstance(say(owner, t="req", id=2, op="orders", account=5)[0], Read)
    foreign = [
        error_of(say(owner, t="sub", id=10 + i, ch=f"account.{key}")) for i, key in enumerate(["6", "99999", "x", "٣"])
    ]
    assert {json.dumps({**frame, "id": 0}) for frame in foreign} == {json.dumps({**foreign[0], "id": 0})}
    assert foreign[0]["code"] == "FORBIDDEN"
    assert error_of(say(owner, t="req", id=20, op="state", account=6))["code"] == "FORBIDDEN"


def test_public_channels_need_no_login() -> None:
    connection = connect()
    assert say(connection, t="sub", id=1, ch="book.0", after=7, epoch=1) == [Subscribe(1, "book.0", 7, 1)]
    assert isinstance(say(connection, t="req", id=2, op="batch", number=1)[0], Read)


def test_third_failed_login_closes() -> None:
    connection = connect()
    for number in range(3):
        (request,) = say(connection, t="auth", id=number, account=5, slot=0, signature=SIGNATURE)
        assert isinstance(request, Authenticate)
        actions = connection.answer_auth(request, False)
        assert isinstance(actions[0], Send)
        assert actions[0].frame["code"] == "AUTH_FAILED"
    assert actions[1:] == [Close(CloseCode.NOT_AUTHORISED, "authorisation failed")]
    assert connection.principals == {}


def test_revoked_login_closes_the_connection() -> None:
    connection = connect(5)
    assert connection.revoke(6) == []
    assert connection.revoke(5) == [Close(CloseCode.NOT_AUTHORISED, "authorisation withdrawn")]


def test_logins_of_one_connection_are_bounded() -> None:
    connection = connect(1, 2, limits=Limits(accounts=2))
    assert error_of(say(connection, t="auth", id=10, account=3, slot=0, signature=SIGNATURE))["code"] == "AUTH_FAILED"


def test_subscriptions_are_bounded_and_unsubscribing_twice_is_harmless() -> None:
    connection = connect(limits=Limits(subscriptions=1))
    say(connection, t="sub", id=1, ch="book.0")
    connection.answer({"t": "sub_ok", "id": 1, "ch": "book.0"})
    assert error_of(say(connection, t="sub", id=2, ch="trades.0"))["code"] == "SUB_LIMIT"
    assert say(connection, t="unsub", id=3, ch="book.0") == [Unsubscribe(3, "book.0")]
    assert say(connection, t="unsub", id=4, ch="book.0") == [Unsubscribe(4, "book.0")]


def test_signed_operation_in_the_clear_is_refused() -> None:
    connection = connect(5)
    assert error_of(say(connection, t="req", id=1, op="place", account=5))["code"] == "SEALED_ONLY"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"op": "fly"}, "UNKNOWN_OP"),
        ({"op": "state"}, "BAD_FRAME"),
        ({"op": "state", "account": 5, "market": 0}, "BAD_FRAME"),
        ({"op": "order", "account": 5}, "BAD_FRAME"),
        ({"op": "order", "account": 5, "order_id": "1", "client_id": "0x" + "00" * 16}, "BAD_FRAME"),
        ({"op": "book"}, "BAD_FRAME"),
    ],
)
def test_reads_with_wrong_arguments_are_refused(arguments: dict[str, Any], code: str) -> None:
    connection = connect(5)
    frame = error_of(say(connection, t="req", id=1, **arguments))
    assert frame["code"] == code
    assert frame["id"] == 1


def test_envelope_must_be_base64() -> None:
    connection = connect(5)
    for number, text in enumerate(["AAA", "AA AA", "!!!!", "AAAA\n"], 1):
        assert error_of(say(connection, t="sealed", id=number, envelope=text))["code"] == "BAD_ENVELOPE"
    text = base64.b64encode(b"hello").decode()
    assert say(connection, t="sealed", id=9, envelope=text) == [Submit(9, b"hello")]


def test_bye_closes_and_nothing_follows() -> None:
    connection = connect(5)
    assert say(connection, t="bye") == [Send({"t": "bye"}), Close(CloseCode.BYE, "bye")]
    assert say(connection, t="ping") == []
    assert connection.close(CloseCode.SHUTDOWN, "shutdown") == []


def test_deeply_nested_frame_is_refused_whatever_the_recursion_limit() -> None:
    """A library may raise the limit to where 32,000 brackets overflow the stack and end the process."""
    source = (
        "import sys\n"
        "from exchange.errors import Refusal\n"
        "from exchange.ws.frames import FRAME_BYTES_MAX, decode_frame\n"
        "sys.setrecursionlimit(100_000)\n"
        "depth = FRAME_BYTES_MAX // 2 - 10\n"
        "try:\n"
        "    decode_frame('{\"t\":' + '[' * depth + ']' * depth + '}')\n"
        "except Refusal as refusal:\n"
        "    print(refusal)\n"
    )
    assert "nested too deeply" in run_python(source)


@pytest.mark.parametrize("module", ["exchange.settlement.transactions", "clients.python.chain"])
def test_nested_json_is_an_error_beside_the_chain_library(module: str) -> None:
    """web3 raises the limit; answers of the chain and of an exchange are parsed under the one that these modules leave."""
    source = (
        f"import json, {module}\ntry:\n    json.loads('[' * 60_000)\nexcept RecursionError:\n    print('refused')\n"
    )
    assert run_python(source) == "refused\n"


def run_python(source: str) -> str:
    """What a fresh process prints; it must end with status 0."""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
