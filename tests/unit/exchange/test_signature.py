"""Signatures are strict: one valid form per digest and key, checked against an independent implementation."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path

import pytest
from coincurve import PrivateKey, PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.secp256k1 import secp256k1 as oracle

from exchange.auth.signature import (
    CURVE_ORDER,
    address_of,
    compute_login_digest,
    keccak256,
    recover_address,
    sign,
)
from exchange.errors import Refusal

sys.setrecursionlimit(min(sys.getrecursionlimit(), 10_000))  # py_ecc raises it to where nested JSON overflows the stack


def oracle_address(digest: bytes, signature: bytes) -> bytes:
    v, r, s = signature[64] + 27, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    x, y = oracle.ecdsa_raw_recover(digest, (v, r, s))
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]


def key_of(number: int) -> PrivateKey:
    return PrivateKey(number.to_bytes(32, "big"))


def address(key: PrivateKey) -> bytes:
    return address_of(PublicKey.from_secret(key.secret))


def refused(digest: bytes, signature: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        recover_address(digest, signature)
    assert caught.value.code == "BAD_SIGNATURE"
    return caught.value.detail


@settings(max_examples=15, deadline=None)
@given(st.integers(1, CURVE_ORDER - 1), st.binary(min_size=32, max_size=32))
def test_recovery_agrees_with_an_independent_implementation(number: int, digest: bytes) -> None:
    key = key_of(number)
    signature = sign(key, digest)
    assert recover_address(digest, signature) == address(key) == oracle_address(digest, signature)


def test_known_address() -> None:
    assert address(key_of(1)).hex() == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"


def test_high_s_is_refused_although_the_curve_would_accept_it() -> None:
    digest = keccak256(b"x")
    signature = sign(key_of(5), digest)
    s = int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([signature[64] ^ 1])
    assert oracle_address(digest, twin) == address(key_of(5))
    assert "high" in refused(digest, twin)


def test_edges_of_r_s_and_v_are_refused() -> None:
    digest = keccak256(b"x")
    good = sign(key_of(5), digest)
    r, s, v = good[:32], good[32:64], good[64:]
    order = CURVE_ORDER.to_bytes(32, "big")
    for bad in (
        bytes(32) + s + v,
        r + bytes(32) + v,
        order + s + v,
        r + order + v,
        b"\xff" * 32 + s + v,
        r + s + b"\2",
        r + s + b"\x1b",
        good[:-1],
        good + b"\0",
        b"",
    ):
        refused(digest, bad)


def test_r_without_a_point_is_refused() -> None:
    # x^3 + 7 is no square for x = 5 on this curve.
    assert "no public key" in refused(keccak256(b"x"), (5).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\0")


def recoverable_addresses(digest: bytes, raw: bytes) -> set[bytes]:
    """Addresses that r ‖ s gives under either v, after s is made low."""
    s = int.from_bytes(raw[32:], "big")
    low = min(s, CURVE_ORDER - s) if 0 < s < CURVE_ORDER else s
    found = set()
    for v in (0, 1):
        with contextlib.suppress(Refusal):
            found.add(recover_address(digest, raw[:32] + low.to_bytes(32, "big") + bytes([v])))
    return found


def needs_higher_v(digest: bytes, raw: bytes, owner: bytes) -> bool:
    """True when the point's x exceeds the curve order, so that only v = 2 or 3 (which are refused) recovers the key."""
    for v in (2, 3):
        with contextlib.suppress(Exception):
            key = PublicKey.from_signature_and_message(raw + bytes([v]), digest, hasher=None)
            if address_of(key) == owner:
                return True
    return False


def test_published_wycheproof_vectors(shared: Path) -> None:
    """A signature recovers its key exactly when the vector says valid; points with x above the order need v = 2, which we refuse."""
    path = shared / "vectors" / "wycheproof" / "ecdsa_secp256k1_sha256_p1363_test.json"
    checked = 0
    for group in json.loads(path.read_text())["testGroups"]:
        owner = keccak256(bytes.fromhex(group["publicKey"]["uncompressed"])[1:])[12:]
        for case in group["tests"]:
            raw = bytes.fromhex(case["sig"])
            if len(raw) != 64:
                assert case["result"] == "invalid"
                refused(bytes(32), raw + b"\0")
                continue
            digest = hashlib.sha256(bytes.fromhex(case["msg"])).digest()
            expected = case["result"] == "valid" and not needs_higher_v(digest, raw, owner)
            assert (owner in recoverable_addresses(digest, raw)) == expected, case
            checked += 1
    assert checked > 200


def test_login_digest_binds_every_field() -> None:
    base: tuple[int, bytes, int, int, bytes] = (1, b"\1" * 20, 2, 0, b"\3" * 32)
    changed = [
        (2, *base[1:]),
        (1, b"\2" * 20, *base[2:]),
        (*base[:2], 3, *base[3:]),
        (*base[:3], 1, base[4]),
        (*base[:4], b"\4" * 32),
    ]
    digests = {compute_login_digest(*fields) for fields in [base, *changed]}
    assert len(digests) == 6
