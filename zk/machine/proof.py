"""The header of a proof (proof system, section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from zk.channel import ProofReader
from zk.errors import HeaderError, ShapeError, VerifyingKeyMismatchError
from zk.hashing import DIGEST_BYTES
from zk.machine.keys import VerifyingKey
from zk.machine.shape import ChipKey

PublicValues: TypeAlias = tuple[int, ...]

MAGIC = b"bbzk"
VERSION = 1
ZERO_KNOWLEDGE = 0  # reserved for masked proofs
ABSENT = 255


def encode_heights(heights: Sequence[int | None]) -> list[int]:
    """Heights as the header and the transcript hold them."""
    return [ABSENT if height is None else height for height in heights]


def encode_header(key: VerifyingKey, heights: Sequence[int | None], public_values: Sequence[int]) -> bytes:
    """magic | version u16 | configuration u8 | zk u8 | key digest | chip count u8 | heights u8 each | public values."""
    hasher = key.configuration.hasher
    return b"".join(
        [
            MAGIC,
            VERSION.to_bytes(2, hasher.byte_order),
            bytes([key.configuration.code, ZERO_KNOWLEDGE]),
            key.digest,
            bytes([len(heights), *encode_heights(heights)]),
            hasher.encode(public_values),
        ]
    )


def read_header(reader: ProofReader, key: VerifyingKey) -> tuple[list[int | None], PublicValues]:
    """Heights and public values; raises HeaderError, VerifyingKeyMismatchError, ShapeError, ProofFormatError."""
    check_constant("magic", MAGIC.hex(), reader.raw(len(MAGIC), "magic").hex())
    check_constant("version", VERSION, reader.integer(2, "version"))
    check_constant("configuration", key.configuration.code, reader.integer(1, "configuration"))
    check_constant("zk", ZERO_KNOWLEDGE, reader.integer(1, "zk"))
    check_key_digest(key, reader.raw(DIGEST_BYTES, "key digest"))
    check_constant("chip count", len(key.chips), reader.integer(1, "chip count"))
    encoded = reader.raw(len(key.chips), "heights")
    heights = [None if height == ABSENT else height for height in encoded]
    for chip, height in zip(key.chips, heights, strict=True):
        check_height(chip, height)
    return heights, tuple(reader.elements(key.machine.public_value_count, "public values"))


def check_constant(field: str, expected: int | str, found: int | str) -> None:
    """Demands a header field that has one value for this verifier and key."""
    if expected != found:
        raise HeaderError(f"{field}: expected {expected}, found {found}")


def check_key_digest(key: VerifyingKey, found: bytes) -> None:
    """Demands the digest of this key."""
    if key.digest != found:
        raise VerifyingKeyMismatchError(f"verifying key: expected {key.digest.hex()}, found {found.hex()}")


def check_height(chip: ChipKey, height: int | None) -> None:
    """Demands a height within the bounds of the key; absent only where the chip is optional."""
    name = chip.program.name
    if height is None:
        if not chip.optional:
            raise ShapeError(f"chip {name}: expected to be present, found absent")
    elif not chip.log_height_min <= height <= chip.log_height_max:
        raise ShapeError(
            f"chip {name}: expected height 2^{chip.log_height_min}..2^{chip.log_height_max}, found 2^{height}"
        )
