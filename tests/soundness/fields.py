"""Where each field of a proof lies, as its verifier reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from zk.channel import ProofReader
from zk.machine import verifier
from zk.machine.keys import VerifyingKey


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a proof: label, first byte, length."""

    label: str
    start: int
    length: int

    @property
    def kind(self) -> str:
        """The label without its numbers."""
        return re.sub(r"\d+", "#", self.label)


def proof_fields(key: VerifyingKey, proof: bytes) -> list[Field]:
    """All fields of a valid proof that are not empty, in order; they cover it."""
    found: list[Field] = []

    class Recording(ProofReader):
        def raw(self, count: int, field: str) -> bytes:
            found.append(Field(field, self._position, count))
            return super().raw(count, field)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verifier, "ProofReader", Recording)
        verifier.verify(key, proof)
    return [field for field in found if field.length]


def ends_of_kinds(fields: Sequence[Field]) -> list[Field]:
    """The first and the last field of each kind."""
    by_kind: dict[str, list[Field]] = {}
    for field in fields:
        by_kind.setdefault(field.kind, []).append(field)
    ends = {field for group in by_kind.values() for field in (group[0], group[-1])}
    return [field for field in fields if field in ends]
