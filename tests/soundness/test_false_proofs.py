"""Provers on false traces and adaptive provers are rejected, each by the check that is meant for it (section 19, 24-33 and 46);
and each check is needed: without it one of these proofs is accepted (47)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gpu.reference import ReferenceDevice
from tests.soundness import forgers, toy
from tests.soundness.conftest import Toy, small
from zk import channel
from zk.errors import (
    FinalIdentityError,
    FoldError,
    GrindingError,
    LayerError,
    MerkleError,
    ProofFormatError,
    PublicValueError,
    RootSumError,
    VerificationError,
    ZerocheckError,
)
from zk.machine import verifier
from zk.machine.prover import Prover
from zk.machine.verifier import verify
from zk.multilinear import gkr, zerocheck
from zk.pcs import merkle, whir

Falsify = Callable[[toy.Statement], None]


def _constraint(statement: toy.Statement) -> None:
    """Case 27: the square of one row is wrong."""
    statement.cell("step", 3, 7, int(statement.traces["step"][3, 7]) + 1)


def _balanced_constraint(statement: toy.Statement) -> None:
    """Case 28, balanced on the bus: the last state is false, and so is the public value."""
    kinds = statement.traces["step"]
    row = max((r for r in range(kinds.shape[1]) if kinds[0, r]), key=lambda r: int(kinds[1, r]))
    if int(kinds[1, row]) != statement.public_values[2] - 1:
        raise AssertionError("the last instruction must be a step")
    statement.cell("step", 8, row, int(kinds[8, row]) + 1)
    statement.public_values[1] = (statement.public_values[1] + 1) % toy.P


def _next_state(statement: toy.Statement) -> None:
    """Case 28: one next state is false."""
    statement.cell("step", 8, 7, int(statement.traces["step"][8, 7]) + 1)


def _range(statement: toy.Statement) -> None:
    """Case 29: a digit of 32, with y smaller by the difference so that the step holds."""
    trace = statement.traces["step"]
    difference = 32 - int(trace[6, 7])
    statement.cell("step", 6, 7, 32)
    statement.cell("step", 8, 7, int(trace[8, 7]) + difference)


def _multiplicity(statement: toy.Statement) -> None:
    """Case 30: a multiplicity is one too large."""
    statement.cell("rom", 0, 3, int(statement.traces["rom"][0, 3]) + 1)


def _phantom(statement: toy.Statement) -> None:
    """Case 31: an active row in the padding."""
    statement.cell("jump", 0, 15, 1)


def _selector(statement: toy.Statement) -> None:
    """Case 32: a selector of 2."""
    statement.cell("jump", 0, 0, 2)


def _skipped(statement: toy.Statement) -> None:
    """Case 34: a step is skipped."""
    statement.cell("step", 0, 7, 0)


def _clock(statement: toy.Statement) -> None:
    """Case 34: a clock is changed."""
    statement.cell("step", 1, 7, int(statement.traces["step"][1, 7]) + 1)


def _ends_with_step() -> toy.Statement:
    for seed in range(1, 50):
        statement = small(seed=seed)
        if int(statement.traces["step"][1].max()) == statement.public_values[2] - 1:
            return statement
    raise AssertionError("no seed ends with a step")


@pytest.mark.parametrize(
    ("falsify", "error"),
    [
        (_constraint, ZerocheckError),
        (_balanced_constraint, ZerocheckError),
        (_next_state, RootSumError),
        (_range, RootSumError),
        (_multiplicity, RootSumError),
        (_phantom, RootSumError),
        (_selector, RootSumError),
        (_skipped, RootSumError),
        (_clock, RootSumError),
    ],
)
def test_false_witness_is_rejected(kit: Toy, falsify: Falsify, error: type[VerificationError]) -> None:
    statement = _ends_with_step()
    falsify(statement)
    with pytest.raises(error):
        verify(kit.vk, kit.prove(statement))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_false_public_value_is_rejected_although_the_transcript_knows_it(kit: Toy, index: int) -> None:
    statement = small()
    statement.public_values[index] += 1
    with pytest.raises(RootSumError):
        verify(kit.vk, kit.prove(statement))


def test_preprocessed_column_replaced_by_the_prover_is_rejected(kit: Toy) -> None:
    statement = small()
    pk, _ = kit.keys(seed=8)
    other = replace(pk.verifying_key, digest=kit.vk.digest)
    pk.verifying_key = other
    with pytest.raises(VerificationError):
        verify(kit.vk, Prover(pk, statement.traces, statement.public_values, kit.device).run())


@dataclass(frozen=True)
class Forgery:
    """A false statement, the prover that defends it, the check that catches it."""

    name: str
    falsify: Falsify | None
    prover: type[Prover]
    device: Callable[[], ReferenceDevice]
    error: type[VerificationError]
    module: Any
    check: str


FORGERIES = [
    Forgery("unbalanced bus", _multiplicity, Prover, ReferenceDevice, RootSumError, verifier, "check_root_sum"),
    Forgery("forged root", _multiplicity, forgers.ForgedRoot, ReferenceDevice, LayerError, gkr, "check_layer"),
    Forgery("violated constraint", _constraint, Prover, ReferenceDevice, ZerocheckError, zerocheck, "check_zerocheck"),
    Forgery(
        "forged layers",
        _multiplicity,
        forgers.ForgedLayers,
        ReferenceDevice,
        ZerocheckError,
        zerocheck,
        "check_zerocheck",
    ),
    Forgery(
        "forged columns",
        _constraint,
        forgers.ForgedColumns,
        ReferenceDevice,
        FinalIdentityError,
        whir,
        "check_final_identity",
    ),
    Forgery(
        "forged layers and columns",
        _multiplicity,
        forgers.ForgedLayersAndColumns,
        ReferenceDevice,
        FinalIdentityError,
        whir,
        "check_final_identity",
    ),
    Forgery("forged final", _constraint, forgers.ForgedFinal, ReferenceDevice, FoldError, whir, "check_fold"),
    Forgery(
        "forged everything", _multiplicity, forgers.ForgedEverything, ReferenceDevice, FoldError, whir, "check_fold"
    ),
    Forgery(
        "false sample", None, forgers.ForgedSample, ReferenceDevice, FinalIdentityError, whir, "check_final_identity"
    ),
    Forgery(
        "false sample and final", None, forgers.ForgedSampleAndFinal, ReferenceDevice, FoldError, whir, "check_fold"
    ),
    Forgery("no grinding", None, Prover, forgers.UngroundDevice, GrindingError, channel, "check_grinding"),
    Forgery("foreign root", None, Prover, forgers.ForeignRootDevice, MerkleError, merkle, "check_root"),
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_adaptive_forgery_is_caught_by_one_check_and_only_by_it(kit: Toy, forgery: Forgery) -> None:
    statement = small()
    if forgery.falsify:
        forgery.falsify(statement)
    proof = kit.prove(statement, forgery.prover, forgery.device())
    with pytest.raises(forgery.error):
        verify(kit.vk, proof)
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(forgery.module, forgery.check, lambda *_: None)
        if forgery.module is zerocheck:
            patched.setattr(verifier, forgery.check, lambda *_: None)
        assert list(verify(kit.vk, proof)) == statement.public_values


@pytest.mark.parametrize("device", [forgers.OtherVectorDevice, forgers.RandomRowsDevice, forgers.OtherFoldDevice])
def test_commitment_to_another_vector_is_rejected(kit: Toy, device: type[ReferenceDevice]) -> None:
    with pytest.raises((FoldError, FinalIdentityError)):
        verify(kit.vk, kit.prove(toy.statement(), device=device()))


def test_position_opened_twice_is_rejected(kit: Toy) -> None:
    with pytest.raises((MerkleError, ProofFormatError)):
        verify(kit.vk, kit.prove(small(), device=forgers.DoubledRowsDevice()))


def test_public_value_outside_the_rules_is_rejected_only_by_their_check(
    kit: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = small()
    statement.public_values[3] = 1 << 16
    proof = kit.prove(statement)
    with pytest.raises(PublicValueError, match="tag"):
        verify(kit.vk, proof)
    monkeypatch.setattr(verifier, "check_public_values", lambda *_: None)
    assert list(verify(kit.vk, proof)) == statement.public_values
