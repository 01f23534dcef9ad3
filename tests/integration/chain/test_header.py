"""The 492 public-input bytes against the golden vector that the contract is tested with too."""

from __future__ import annotations

import json
from dataclasses import astuple, replace

import pytest

from exchange.settlement.artifacts import CONTRACTS
from exchange.settlement.header import BatchHeader, PublicInputsInvalid

VECTOR = json.loads((CONTRACTS / "vectors" / "public_inputs_v1.json").read_text())
CHAIN_ID = VECTOR["chainId"]
EXCHANGE = bytes.fromhex(VECTOR["exchange"][2:])
PUBLIC_INPUTS = bytes.fromhex(VECTOR["publicInputs"][2:])


def test_public_inputs_round_trip_through_the_golden_vector() -> None:
    header = BatchHeader.from_public_inputs(PUBLIC_INPUTS, CHAIN_ID, EXCHANGE)
    assert header.public_inputs(CHAIN_ID, EXCHANGE) == PUBLIC_INPUTS
    assert header.public_inputs_hash(CHAIN_ID, EXCHANGE).hex() == VECTOR["hash"][2:]


def test_header_fields_are_the_words_of_the_contracts_struct() -> None:
    header = BatchHeader.from_public_inputs(PUBLIC_INPUTS, CHAIN_ID, EXCHANGE)
    words = b"".join(v if isinstance(v, bytes) else v.to_bytes(32, "big") for v in astuple(header))
    assert words.hex() == VECTOR["headerWords"][2:]


@pytest.mark.parametrize("length", [0, 491, 493])
def test_public_inputs_of_the_wrong_length_are_refused(length: int) -> None:
    with pytest.raises(PublicInputsInvalid, match="492"):
        BatchHeader.from_public_inputs((PUBLIC_INPUTS + b"\0")[:length], CHAIN_ID, EXCHANGE)


@pytest.mark.parametrize("offset", [0, 11, 31, 477, 491])
def test_public_inputs_with_a_wrong_constant_byte_are_refused(offset: int) -> None:
    data = bytearray(PUBLIC_INPUTS)
    data[offset] ^= 1
    with pytest.raises(PublicInputsInvalid):
        BatchHeader.from_public_inputs(bytes(data), CHAIN_ID, EXCHANGE)


def test_public_inputs_for_another_chain_or_contract_are_refused() -> None:
    with pytest.raises(PublicInputsInvalid):
        BatchHeader.from_public_inputs(PUBLIC_INPUTS, CHAIN_ID + 1, EXCHANGE)
    with pytest.raises(PublicInputsInvalid):
        BatchHeader.from_public_inputs(PUBLIC_INPUTS, CHAIN_ID, bytes(20))


def test_field_too_wide_for_its_bytes_is_an_error() -> None:
    header = BatchHeader.from_public_inputs(PUBLIC_INPUTS, CHAIN_ID, EXCHANGE)
    with pytest.raises(OverflowError):
        replace(header, flags=256).public_inputs(CHAIN_ID, EXCHANGE)
