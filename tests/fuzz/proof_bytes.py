"""Proofs as fuzzing input: changes that know where the fields lie, and a verifier that reads on where the argument fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest

from gpu.reference import ReferenceDevice
from tests.fuzz.targets import mutate_bytes
from tests.soundness.fields import Field, proof_fields
from tests.soundness.golden import golden_keys, golden_path
from zk import channel
from zk.configuration import ConfigName
from zk.field import P
from zk.hashing import ByteOrder
from zk.machine import proof as header
from zk.machine import verifier
from zk.machine.keys import VerifyingKey
from zk.multilinear import gkr
from zk.pcs import merkle, whir

# every check that stands between a changed field and the decoding of the next one
ARGUMENT_CHECKS: tuple[tuple[Any, str], ...] = (
    (header, "check_key_digest"),
    (verifier, "check_public_values"),
    (verifier, "check_root_denominator"),
    (verifier, "check_public_denominator"),
    (verifier, "check_root_sum"),
    (gkr, "check_layer"),
    (verifier, "check_zerocheck"),
    (channel, "check_grinding"),
    (merkle, "check_root"),
    (whir, "check_fold"),
    (whir, "check_final_identity"),
)


@contextmanager
def argument_ignored() -> Iterator[None]:
    """Within it a verifier accepts whatever it can read: changed proofs are decoded to their end, not to the first false claim."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ARGUMENT_CHECKS:
            patch.setattr(module, name, lambda *_: None)
        yield


@dataclass(frozen=True, slots=True)
class ProofMutation:
    """Changes the fields of proofs of one shape; bytes of another length, which have no known fields, are changed blindly."""

    fields: Sequence[Field]
    chips: Field
    heights: Field
    order: ByteOrder
    length: int

    @staticmethod
    def of(fields: Sequence[Field], key: VerifyingKey, length: int) -> ProofMutation:
        """Changes of proofs with these fields."""
        by_label = {field.label: field for field in fields}
        return ProofMutation(
            fields, by_label["chip count"], by_label["heights"], key.configuration.hasher.byte_order, length
        )

    def __call__(self, data: bytes, randomness: Random) -> bytes:
        if len(data) != self.length:
            return mutate_bytes(data, randomness)
        match randomness.randrange(8):
            case 0:
                return self._with_height(data, randomness)
            case 1 | 2 | 3:
                return self._with_element(data, randomness)
            case 4:
                return self._with_filled_field(data, randomness)
            case 5:
                return self._with_other_field(data, randomness)
            case 6:
                return self._with_moved_end(data, randomness)
        return mutate_bytes(data, randomness)

    def _with_height(self, data: bytes, randomness: Random) -> bytes:
        """Another height, or another chip count."""
        field = self.chips if randomness.random() < 0.1 else self.heights
        position = field.start + randomness.randrange(field.length)
        value = randomness.choice((255, 254, 64, 32, 31, 30, *range(25)))
        return _replaced(data, position, bytes([value]))

    def _with_element(self, data: bytes, randomness: Random) -> bytes:
        """An aligned word of some field becomes an extreme one, canonical or not."""
        field = randomness.choice(self.fields)
        position = field.start + 4 * randomness.randrange(-(-field.length // 4))
        value = randomness.choice((0, 1, 2, P - 2, P - 1, randomness.randrange(P), P, 2**32 - 1))
        return _replaced(data, position, value.to_bytes(4, self.order))[: len(data)]

    def _with_filled_field(self, data: bytes, randomness: Random) -> bytes:
        field = randomness.choice(self.fields)
        return _replaced(data, field.start, randomness.choice((b"\0", b"\1", b"\x7f", b"\xff")) * field.length)

    def _with_other_field(self, data: bytes, randomness: Random) -> bytes:
        """A field in the place of another one of its length: a root as a root, claims of another layer."""
        field = randomness.choice(self.fields)
        other = randomness.choice([f for f in self.fields if f.length == field.length])
        return _replaced(data, field.start, data[other.start : other.start + other.length])

    def _with_moved_end(self, data: bytes, randomness: Random) -> bytes:
        """A field left out, doubled, one element or digest longer or shorter, or the last one."""
        field = randomness.choice(self.fields)
        end, step = field.start + field.length, min(field.length, randomness.choice((1, 4, 20, 32)))
        match randomness.randrange(5):
            case 0:
                return data[: field.start] + data[end:]
            case 1:
                return data[:end] + data[field.start :]
            case 2:
                return data[: end - step] + data[end:]
            case 3:
                return data[:end] + data[end - step :]
        return data[: randomness.choice((field.start, end, end - 1))]


def _replaced(data: bytes, start: int, part: bytes) -> bytes:
    return data[:start] + part + data[start + len(part) :]


@cache
def golden_proof_key(config: ConfigName) -> VerifyingKey:
    """The verifying key of the golden proof."""
    return golden_keys(config, ReferenceDevice())[1]


@cache
def golden_proof_bytes(config: ConfigName) -> bytes:
    """The golden proof."""
    return golden_path(config, "proof").read_bytes()


@cache
def golden_mutation(config: ConfigName) -> ProofMutation:
    """Changes of the golden proof."""
    key, data = golden_proof_key(config), golden_proof_bytes(config)
    fields = proof_fields(key, data)
    return ProofMutation.of(fields, key, len(data))
