"""Honest proofs of all kinds of shapes are accepted; a proof fixes its shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.soundness import toy
from tests.soundness.conftest import Toy, small
from zk.errors import VerificationError
from zk.machine.prover import Prover, prove, prove_measured
from zk.machine.verifier import verify


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps": 0, "jumps": 0, "log_height": 6},
        {"steps": 64, "jumps": 0, "log_height": 6},
        {"steps": 1, "jumps": 16, "log_height": 6},
        {"steps": 200, "jumps": 1, "log_height": 8},
        {"steps": 512, "jumps": 2, "log_height": 9},
    ],
    ids=str,
)
def test_honest_statement_is_accepted(kit: Toy, arguments: dict[str, int]) -> None:
    statement = toy.statement(**arguments)
    assert list(verify(kit.vk, kit.prove(statement))) == statement.public_values


def test_padding_may_hold_any_consistent_values(kit: Toy) -> None:
    statement = small()
    trace = statement.traces["step"]
    trace[1:, 100:] = 77
    trace[3, 100:] = 77 * 77
    assert list(verify(kit.vk, kit.prove(statement))) == statement.public_values


def test_proof_is_a_function_of_statement_and_key(kit: Toy) -> None:
    assert kit.prove(small()) == kit.prove(small())


def test_stages_are_reported_and_measured(kit: Toy) -> None:
    reports: list[tuple[str, float]] = []
    statement = small()
    proof, statistics = prove_measured(
        kit.pk, statement.traces, statement.public_values, kit.device, lambda stage, done: reports.append((stage, done))
    )
    assert proof == prove(kit.pk, statement.traces, statement.public_values, kit.device)
    stages = ["commit", "gkr", "zerocheck", "open"]
    assert [stage for stage, done in reports if done == 0] == stages
    assert [stage for stage, done in reports if done == 1] == stages
    assert list(statistics.seconds) == stages
    assert statistics.used_cells == 9 * 128 + 3 * 16 + 16 + 32 + 2 * 16
    assert statistics.committed_cells == (20 + 1) << 6
    assert statistics.leaves == 4 * 128 + 2 * 16 + 16 + 32


class _OtherHeights(Prover):
    """Announces other heights than it argues."""

    announced: Sequence[int | None]

    def announce(self) -> None:
        argued = self.shape
        self.shape = replace(argued, heights=tuple(self.announced))
        super().announce()
        self.shape = argued


@pytest.mark.parametrize("heights", [(5, 4, 7, 5), (None, 4, 7, 5), (4, 4, 6, 5), (4, 4, 8, 5)])
def test_other_heights_announced_than_argued_are_rejected(kit: Toy, heights: Sequence[int | None]) -> None:
    prover = type("Lying", (_OtherHeights,), {"announced": heights})
    with pytest.raises(VerificationError):
        verify(kit.vk, kit.prove(small(), prover))
    honest = type("Honest", (_OtherHeights,), {"announced": (4, 4, 7, 5)})
    verify(kit.vk, kit.prove(small(), honest))
