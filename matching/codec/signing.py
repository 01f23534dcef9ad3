"""The digest that a native signature signs: form (a) of decision 7, Poseidon2 only."""

from __future__ import annotations

from matching.codec.bodies import CommandBody
from matching.codec.commands import canonical_body
from matching.errors import CodecError, CodecReason
from matching.spec.poseidon2 import absorb

TAG_REQUEST = 8


def signing_digest(
    chain_id: int, contract: bytes, body: CommandBody, *, nonce: int, account: int, expires_ms: int = 0
) -> bytes:
    """The 32 bytes that an owner's or agent's key signs for `body`.

    absorb(8, chain id u64 | contract 20 B | zero 4 B | canonical body | nonce u64 | account u32 | zero 4 B | expires u64),
    all little-endian. Raises CodecError(RANGE) when a value does not fit.
    """
    if len(contract) != 20:
        raise CodecError(CodecReason.RANGE, f"contract: expected 20 bytes, found {len(contract)}")
    try:
        head = chain_id.to_bytes(8, "little") + contract + bytes(4)
        tail = nonce.to_bytes(8, "little") + account.to_bytes(4, "little") + bytes(4) + expires_ms.to_bytes(8, "little")
    except OverflowError as error:
        raise CodecError(CodecReason.RANGE, f"signing digest: {error}") from error
    return absorb(TAG_REQUEST, head + canonical_body(body) + tail)


def payload_tag(digest: bytes) -> int:
    """The header's `payload_tag`: the first 8 bytes of the signed digest, little-endian."""
    return int.from_bytes(digest[:8], "little")
