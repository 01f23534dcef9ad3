"""Changed bytes of an honest proof are rejected (proof system, section 19, cases 1 to 26)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.soundness.conftest import Field, Toy, small
from zk.errors import (
    GrindingError,
    HeaderError,
    MerkleError,
    NonCanonicalError,
    ProofFormatError,
    ShapeError,
    TrailingBytesError,
    TruncatedProofError,
    VerificationError,
    VerifyingKeyMismatchError,
)
from zk.field import P
from zk.machine.verifier import verify

HEADER = ("magic", "version", "configuration", "zk", "key digest", "chip count", "heights")
DIGEST = re.compile(r".*\.root$|.*\.path\.\d+$")


def _refused(kit: Toy, proof: bytes, error: type[VerificationError] = VerificationError) -> None:
    with pytest.raises(error):
        verify(kit.vk, proof)


def _is_elements(kit: Toy, field: Field) -> bool:
    """Whether the field is canonical elements: all but the header, and under K the digests and nonces."""
    if field.label in HEADER:
        return False
    if DIGEST.match(field.label) and field.label != "gkr.root":
        return kit.config == "P2"
    return kit.config == "P2" or not field.label.endswith(".nonce")


def _changed(kit: Toy, field: Field, position: int) -> bytes:
    """The proof with the element (or byte) at this position changed to another valid one."""
    if _is_elements(kit, field):
        return kit.with_bytes(position, kit.encode((kit.element(position) + 1) % P))
    return kit.with_bytes(position, bytes([kit.proof[position] ^ 1]))


def _ends(kit: Toy, field: Field) -> Iterator[int]:
    """Where the first and the last element or byte of a field start."""
    yield field.start
    step = 4 if _is_elements(kit, field) else 1
    if field.length > step:
        yield field.start + field.length - step


def test_honest_proof_is_accepted(kit: Toy) -> None:
    values = verify(kit.vk, kit.proof)
    assert values[3] == 4711


def test_fields_cover_the_whole_proof(kit: Toy) -> None:
    end = 0
    for field in kit.fields:
        assert field.start == end
        end += field.length
    assert end == len(kit.proof)
    labels = " ".join(field.label for field in kit.fields)
    for kind in ("main.root", "y0", "gkr.root", "gkr.5.round.2", "gkr.5.claims", "zerocheck.round.0", "columns"):
        assert kind in labels
    for kind in ("whir.round.0", "whir.1.root", "whir.1.y", "whir.0.nonce", "whir.1.nonce", "whir.final"):
        assert kind in labels
    for kind in (
        "whir.0.tree.0.rows",
        "whir.0.tree.1.rows",
        "whir.1.oracle.rows",
        "whir.0.tree.0.path",
        "whir.1.oracle.path",
    ):
        assert kind in labels


def test_every_field_changed_at_either_end_is_rejected(kit: Toy) -> None:
    for field in kit.fields if kit.config == "K" else kit.kinds:  # K verifies quickly
        for position in _ends(kit, field):
            _refused(kit, _changed(kit, field, position))


def test_random_byte_changes_are_rejected(kit: Toy) -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    print("seed", seed)
    for _ in range(15):
        position = rng.randrange(len(kit.proof))
        _refused(kit, kit.with_bytes(position, bytes([kit.proof[position] ^ (1 << rng.randrange(8))])))


def test_every_element_field_refuses_values_from_p_on(kit: Toy) -> None:
    for field in kit.kinds:
        if _is_elements(kit, field):
            _refused(kit, kit.with_bytes(field.start, kit.encode(P)), NonCanonicalError)
    _refused(kit, kit.with_bytes(kit.field("gkr.4.round.1").start + 4, b"\xff" * 4), NonCanonicalError)


def test_truncated_proof_is_rejected_at_every_kind_of_field(kit: Toy) -> None:
    for field in kit.kinds:
        _refused(kit, kit.proof[: field.start], TruncatedProofError)
    _refused(kit, kit.proof[:-1], TruncatedProofError)
    _refused(kit, b"", TruncatedProofError)


def test_trailing_bytes_are_rejected(kit: Toy) -> None:
    for tail in (b"\0", kit.proof[-32:], kit.proof):
        _refused(kit, kit.proof + tail, TrailingBytesError)


@pytest.mark.parametrize("label", ["magic", "version", "configuration", "zk"])
def test_header_constant_changed_is_rejected(kit: Toy, label: str) -> None:
    field = kit.field(label)
    for position in range(field.start, field.start + field.length):
        _refused(kit, _changed(kit, field, position), HeaderError)


@pytest.mark.parametrize("count", [0, 3, 5, 255])
def test_other_chip_count_is_rejected(kit: Toy, count: int) -> None:
    _refused(kit, kit.with_bytes(kit.field("chip count").start, bytes([count])), HeaderError)


def test_proof_for_another_key_is_rejected(kit: Toy) -> None:
    _, other = kit.keys(seed=8)
    assert other.digest != kit.vk.digest
    with pytest.raises(VerifyingKeyMismatchError):
        verify(other, kit.proof)


def test_preprocessed_root_of_another_program_is_rejected(kit: Toy) -> None:
    _, other = kit.keys(seed=8)
    with pytest.raises(MerkleError):
        verify(replace(kit.vk, preprocessed_roots=other.preprocessed_roots), kit.proof)


# chips in key order: jump 4..5 optional, rom 4, step 6..9, digit 5
@pytest.mark.parametrize(
    ("chip", "height"),
    [(0, 3), (0, 6), (1, 3), (1, 5), (1, 255), (2, 5), (2, 10), (2, 254), (2, 255), (3, 4), (3, 255)],
)
def test_height_outside_the_key_is_rejected(kit: Toy, chip: int, height: int) -> None:
    _refused(kit, kit.with_bytes(kit.field("heights").start + chip, bytes([height])), ShapeError)


@pytest.mark.parametrize(("chip", "height"), [(0, 5), (0, 255), (2, 8), (2, 6)])
def test_height_other_than_the_argued_one_is_rejected(kit: Toy, chip: int, height: int) -> None:
    _refused(kit, kit.with_bytes(kit.field("heights").start + chip, bytes([height])))


def test_public_values_changed_are_rejected(kit: Toy) -> None:
    start = kit.field("public values").start
    for index in range(4):
        for value in (0, kit.element(start + 4 * index) + 1):
            _refused(kit, kit.with_bytes(start + 4 * index, kit.encode(value)))


def test_nonces_of_two_rounds_exchanged_are_rejected(kit: Toy) -> None:
    first, second = kit.field("whir.0.nonce"), kit.field("whir.1.nonce")
    one = kit.proof[first.start : first.start + first.length]
    two = kit.proof[second.start : second.start + second.length]
    if one == two:
        pytest.skip("both nonces are equal in this proof")
    proof = kit.with_bytes(first.start, two)
    _refused(kit, proof[: second.start] + one + proof[second.start + second.length :])


def test_other_nonce_is_rejected_by_its_work_or_by_its_positions(kit: Toy) -> None:
    field = kit.field("whir.0.nonce")
    order = kit.vk.configuration.hasher.byte_order
    honest = int.from_bytes(kit.proof[field.start : field.start + field.length], order)
    errors = set()
    for nonce in range(12):
        if nonce == honest:
            continue
        with pytest.raises(VerificationError) as caught:
            verify(kit.vk, kit.with_bytes(field.start, nonce.to_bytes(field.length, order)))
        errors.add(type(caught.value))
    assert GrindingError in errors


@pytest.mark.parametrize("label", ["whir.0.tree.0.rows", "whir.0.tree.1.rows", "whir.1.oracle.rows"])
def test_rows_exchanged_doubled_or_missing_are_rejected(kit: Toy, label: str) -> None:
    field = kit.field(label)
    width = {"whir.0.tree.0.rows": 4 * 19, "whir.0.tree.1.rows": 4, "whir.1.oracle.rows": 4 * 80}[label]
    assert field.length % width == 0
    rows = [kit.proof[i : i + width] for i in range(field.start, field.start + field.length, width)]
    other = next(i for i, row in enumerate(rows) if row != rows[0])
    exchanged = [rows[other], *rows[1:other], rows[0], *rows[other + 1 :]]
    for changed in (exchanged, rows[::-1], [rows[0], *rows], rows[1:]):
        _refused(kit, kit.proof[: field.start] + b"".join(changed) + kit.proof[field.start + field.length :])


@pytest.mark.parametrize("prefix", ["whir.0.tree.0.path", "whir.0.tree.1.path", "whir.1.oracle.path"])
def test_path_digest_extra_or_missing_is_rejected(kit: Toy, prefix: str) -> None:
    field = next(field for field in kit.fields if field.label.startswith(prefix))
    digest = kit.proof[field.start : field.start + 32]
    _refused(kit, kit.proof[: field.start] + digest + kit.proof[field.start :])
    _refused(kit, kit.proof[: field.start] + kit.proof[field.start + 32 :])


def test_garbage_is_a_format_error(kit: Toy) -> None:
    rng = random.Random(3)
    for size in (1, 50, 1000):
        _refused(kit, rng.randbytes(size), ProofFormatError)
        _refused(kit, kit.proof[:70] + rng.randbytes(size))


def test_proof_of_the_other_configuration_is_rejected(kit: Toy) -> None:
    other = Toy("K" if kit.config == "P2" else "P2")
    _refused(kit, other.prove(small()), HeaderError)
