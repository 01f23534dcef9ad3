"""Each check of form and shape is needed: without it a proof is accepted that must not be (proof system, section 19, case 47).

The checks of the argument stand in test_false_proofs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.soundness import toy
from tests.soundness.conftest import Toy, small
from zk import channel
from zk.air.chip import Machine
from zk.channel import Channel
from zk.errors import (
    HeaderError,
    NonCanonicalError,
    ShapeError,
    TrailingBytesError,
    VerificationError,
    VerifyingKeyMismatchError,
    ZeroDenominatorError,
)
from zk.field import Ext, P
from zk.machine import params, proof, verifier
from zk.machine.keys import ProvingKey
from zk.machine.prover import Prover
from zk.machine.shape import derive_shape
from zk.machine.verifier import check_shape, verify
from zk.pcs import merkle
from zk.transcript import Poseidon2Challenger


def _refused_only_by(
    kit: Toy, data: bytes, error: type[VerificationError], patch: pytest.MonkeyPatch, *checks: tuple[Any, str]
) -> None:
    with pytest.raises(error):
        verify(kit.vk, data)
    for module, name in checks:
        patch.setattr(module, name, lambda *_: None)
    verify(kit.vk, data)


@pytest.mark.parametrize("label", ["magic", "version", "configuration", "zk", "chip count"])
def test_header_constant_is_needed(kit: Toy, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = kit.field(label)
    data = kit.with_bytes(field.start, bytes([kit.proof[field.start] ^ 1]))
    _refused_only_by(kit, data, HeaderError, monkeypatch, (proof, "check_constant"))


def test_key_digest_check_is_needed(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    data = kit.with_bytes(kit.field("key digest").start, bytes(32))
    _refused_only_by(kit, data, VerifyingKeyMismatchError, monkeypatch, (proof, "check_key_digest"))


def test_end_check_is_needed(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    _refused_only_by(kit, kit.proof + b"\0", TrailingBytesError, monkeypatch, (verifier, "check_end"))


class _NonCanonicalProver(Prover):
    """Sends c + p in place of c, and takes its challenges from that; native code would refuse to hash it."""

    def __init__(self, *arguments: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Poseidon2Challenger, "accelerate", lambda self: None)
            super().__init__(*arguments)

    def out_of_domain(self, sample: Ext) -> Ext:
        honest = super().out_of_domain(sample)
        return Ext((honest.c[0] + P, *honest.c[1:]))


def test_canonical_check_of_elements_is_needed(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    data = kit.prove(small(), _NonCanonicalProver)
    _refused_only_by(kit, data, NonCanonicalError, monkeypatch, (channel, "check_canonical"))


def test_canonical_check_of_path_digests_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    kit = Toy("P2")
    position = kit.field("whir.0.tree.0.path.0").start
    raised = kit.element(position) + P
    data = kit.with_bytes(position, kit.encode(raised))
    with pytest.raises(NonCanonicalError):
        verify(kit.vk, data)
    monkeypatch.setattr(merkle, "check_path_digests", lambda *_: None)
    try:
        verify(kit.vk, data)  # the permutation reduces its input mod p
    except VerificationError as error:  # pragma: no cover
        raise AssertionError("the digest check hides nothing") from error


def _with_chips(kit: Toy, machine: Machine) -> ProvingKey:
    """The proving key of a variant of the machine that claims the digest of the honest one."""
    pk, key = kit.keys(machine)
    pk.verifying_key = replace(key, digest=kit.vk.digest, log_rows_min=kit.vk.log_rows_min)
    return pk


def test_height_bound_is_needed(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    pk = _with_chips(kit, toy.machine(toy.jump_chip(height_log_max=6)))
    statement = small()
    statement.traces["jump"] = toy._columns(statement.traces["jump"][:, :3].T.tolist(), 3, 6)
    data = Prover(pk, statement.traces, statement.public_values, kit.device).run()
    _refused_only_by(kit, data, ShapeError, monkeypatch, (proof, "check_height"))


def test_presence_of_a_mandatory_chip_is_needed(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = Toy(kit.config)
    strict.pk, strict.vk = kit.keys(toy.machine(toy.jump_chip(optional=False)))
    pk = _with_chips(strict, toy.machine())
    statement = small(jumps=0)
    data = Prover(pk, statement.traces, statement.public_values, kit.device).run()
    _refused_only_by(strict, data, ShapeError, monkeypatch, (proof, "check_height"))


def test_shape_must_be_listed_in_the_key(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = small()
    data = kit.prove(statement)
    shape = derive_shape(kit.vk.chips, proof.read_header(_reader(kit, data), kit.vk)[0], kit.vk.log_rows_min)
    pair = (shape.log_rows, shape.log_width)
    narrow = Toy(kit.config)
    narrow.vk = replace(kit.vk, admissible=tuple(p for p in kit.vk.admissible if p != pair))
    _refused_only_by(narrow, data, ShapeError, monkeypatch, (verifier, "check_shape"))


def _reader(kit: Toy, data: bytes) -> channel.ProofReader:
    return channel.ProofReader(data, kit.vk.configuration)


def test_more_leaves_than_the_bound_are_refused(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "LOG_LEAVES_MAX", 11)
    with pytest.raises(ShapeError, match="leaves"):
        verify(kit.vk, kit.proof)
    monkeypatch.setattr(params, "LOG_LEAVES_MAX", 12)
    verify(kit.vk, kit.proof)


def test_height_above_the_leaves_is_refused(kit: Toy) -> None:
    shape = derive_shape(kit.vk.chips, [None, 4, 6, 5], kit.vk.log_rows_min)
    check_shape(kit.vk, shape)
    with pytest.raises(ShapeError, match="height"):
        check_shape(kit.vk, replace(shape, log_height_max=shape.log_leaves + 1))


def test_width_far_above_that_of_the_main_cells_is_refused(kit: Toy) -> None:
    shape = derive_shape(kit.vk.chips, [None, 4, 6, 5], kit.vk.log_rows_min)
    for extra in (-1, 2):
        width = shape.log_width + extra
        key = replace(kit.vk, admissible=(*kit.vk.admissible, (shape.log_rows, width)))
        with pytest.raises(ShapeError, match="log_width"):
            check_shape(key, replace(shape, log_width=width))


def _stub_alpha(patch: pytest.MonkeyPatch, message: tuple[int, int]) -> None:
    """Makes the fingerprint of a state tuple zero, as one alpha in 2^155 does."""
    beta = Ext((3, 1, 4, 1, 5))
    alpha = -(beta * message[0] + beta * beta * message[1] + toy.STATE.number)
    honest = Channel.challenge

    def stubbed(self: Channel, label: str) -> Ext:
        drawn = honest(self, label)
        return {"alpha": alpha, "beta": beta}.get(label, drawn)

    patch.setattr(Channel, "challenge", stubbed)


def test_zero_root_denominator_is_refused_only_by_its_check(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = small()
    statement.cell("rom", 0, 3, int(statement.traces["rom"][0, 3]) + 1)  # an unbalanced bus
    row = statement.traces["step"][:, 5]
    _stub_alpha(monkeypatch, (int(row[1]), int(row[2])))  # sent once, received once: two zero leaves
    data = kit.prove(statement)
    _refused_only_by(kit, data, ZeroDenominatorError, monkeypatch, (verifier, "check_root_denominator"))


def test_zero_public_denominator_is_refused_only_by_its_check(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = small()
    statement.public_values[:3] = [5, 5, 0]  # claims no step at all; the trace has some
    _stub_alpha(monkeypatch, (0, 5))
    data = kit.prove(statement)
    _refused_only_by(kit, data, ZeroDenominatorError, monkeypatch, (verifier, "check_public_denominator"))
