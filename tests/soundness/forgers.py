"""Provers that lie, each keeping every check that it controls satisfied (proof system, section 19, cases 24 to 26 and 46)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from unittest import mock

import numpy as np

from gpu.device import Commitment, ExtValue, FractionTree, HashName, LayerProver, Opening, Tensor, ZerocheckProver
from gpu.reference import ReferenceDevice
from gpu.reference.device import ReferenceCommitment
from gpu.reference.sumcheck import ReferenceWeightedSumProver
from zk.channel import ProverChannel, Recorder
from zk.field import Ext, P, zero
from zk.machine.prover import Prover
from zk.machine.verifier import public_fraction
from zk.multilinear.gkr import FractionClaim
from zk.multilinear.polynomial import next_weighted_claim
from zk.multilinear.virtual import evaluate_virtual
from zk.multilinear.zerocheck import (
    BusChallenges,
    chip_weights,
    evaluate_chip,
    segment_weights,
    zerocheck_claim,
)
from zk.pcs import whir

ONE_MORE = Ext((1, 0, 0, 0, 0))


class _ForgedLayer(LayerProver):
    """Moves the error of the claim to p(rho, 0)."""

    def __init__(self, inner: LayerProver, tree: ForgedTree, error: Ext) -> None:
        self._inner, self._tree, self._error = inner, tree, error

    def round(self) -> tuple[ExtValue, ExtValue]:
        return self._inner.round()

    def bind(self, challenge: ExtValue) -> None:
        self._inner.bind(challenge)

    def claims(self) -> tuple[ExtValue, ExtValue, ExtValue, ExtValue]:
        p0, p1, q0, q1 = self._inner.claims()
        self._tree.error = self._error / Ext(q1)
        return (Ext(p0) + self._tree.error).c, p1, q0, q1


class ForgedTree(FractionTree):
    """A tree with the numerator at the root that the public sum demands, and layer claims that continue the lie."""

    def __init__(self, inner: FractionTree, numerator: Ext, *, layers: bool) -> None:
        self._inner, self._numerator, self._forge_layers = inner, numerator, layers
        self.error = numerator - Ext(inner.root()[0])

    def root(self) -> tuple[ExtValue, ExtValue]:
        return self._numerator.c, self._inner.root()[1]

    def layer(
        self, index: int, point: Sequence[ExtValue], combination: ExtValue, claim: ExtValue | None = None
    ) -> LayerProver:
        inner = self._inner.layer(index, point, combination)
        if not self._forge_layers:
            self.error = zero()
            return inner
        error = self.error * (1 - Ext(point[-1])) if point else self.error
        return _ForgedLayer(inner, self, error)


class _Following(ZerocheckProver):
    """Follows the claim as the verifier will."""

    def __init__(self, inner: ZerocheckProver, claim: Ext, coordinates: Sequence[Ext]) -> None:
        self._inner, self.claim = inner, claim
        self._coordinates = list(coordinates)
        self.point: list[Ext] = []

    def round(self) -> tuple[ExtValue, ExtValue, ExtValue]:
        self._message = self._inner.round()
        return self._message

    def bind(self, challenge: ExtValue) -> None:
        message = [Ext(value) for value in self._message]
        self.claim = next_weighted_claim(self.claim, self._coordinates.pop(), message, Ext(challenge))
        self.point.insert(0, Ext(challenge))
        self._inner.bind(challenge)

    def column_evaluations(self) -> list[list[ExtValue]]:
        return self._inner.column_evaluations()


class Forger(Prover):
    """Lies as far as the class attributes say; the next check after that must catch it."""

    forge_root = False
    forge_layers = False
    forge_columns = False
    forge_sample = False
    forge_final = False
    forged_column = ("step", 8)  # a column that enters G only linearly

    def run(self) -> bytes:
        self._recorder = Recorder()
        self.channel = ProverChannel(self.key.configuration, self._recorder)
        self._claim_error = zero()
        return super().run()

    def out_of_domain(self, sample: Ext) -> Ext:
        honest = super().out_of_domain(sample)
        if not self.forge_sample:
            return honest
        self._claim_error = ONE_MORE
        return honest + ONE_MORE

    def fraction_tree(self, chips: Sequence[object], buses: BusChallenges) -> FractionTree:
        tree = super().fraction_tree(chips, buses)  # type: ignore[arg-type]
        if not self.forge_root:
            return tree
        numerator, denominator = public_fraction(self.key, self.public_values, buses)
        return ForgedTree(tree, -(numerator * Ext(tree.root()[1])) / denominator, layers=self.forge_layers)

    def zerocheck(self, claim: FractionClaim, combination: Ext, buses: BusChallenges) -> ZerocheckProver:
        shape = self.shape
        weights = segment_weights(shape.segments, claim.point)
        start = zerocheck_claim(claim, weights, combination)
        coordinates = claim.point[: shape.log_height_max]
        self._following = _Following(super().zerocheck(claim, combination, buses), start, coordinates)
        programs = {number: self.key.chips[number].program for number in shape.present}
        self._weights = chip_weights(programs, shape.segments, weights, combination)
        self._challenges = (combination, buses)
        return self._following

    def column_evaluations(self, prover: ZerocheckProver) -> list[Ext]:
        honest = super().column_evaluations(prover)
        if not self.forge_columns:
            return honest
        columns = list(self.shape.columns)
        name, column = self.forged_column
        self._forged = next(
            i for i, c in enumerate(columns) if (self.key.chips[c.chip].program.name, c.column) == (name, column)
        )
        raised = [value + (1 if i == self._forged else 0) for i, value in enumerate(honest)]
        base = self._combined(honest)
        slope = self._combined(raised) - base
        self._difference = (self._following.claim - base) / slope
        return [value + (self._difference if i == self._forged else 0) for i, value in enumerate(honest)]

    def _combined(self, evaluations: Sequence[Ext]) -> Ext:
        """Sum of all G."""
        by_chip: dict[int, list[Ext]] = {number: [] for number in self.shape.present}
        for place, value in zip(self.shape.columns, evaluations, strict=True):
            by_chip[place.chip].append(value)
        result = zero()
        for number, columns in by_chip.items():
            program, height = self.key.chips[number].program, self.shape.heights[number]
            columns += [evaluate_virtual(kind, self._following.point[:height]) for kind in program.virtual]
            result = result + evaluate_chip(program, columns, self._weights[number], *self._challenges)
        return result

    def prove_openings(self, sample: Ext, point: Sequence[Ext], gamma: Ext) -> None:
        if self.forge_columns:
            self._claim_error = self._claim_error + gamma ** (self._forged + 1) * self._difference
        honest = whir.send_final

        def forged(channel: ProverChannel, device: ReferenceDevice, prover: ReferenceWeightedSumProver) -> None:
            """The final polynomial with one coefficient moved so that the weighted sum is the false claim."""
            error = self._claim_error
            for variable in range(prover._f.shape[1].bit_length() - 1, self.shape.log_size):
                error = error * Ext.of(self._recorder.values[f"whir.R.{variable}"])
            weight = Ext.of([int(c) for c in prover._w[:, 0]])
            moved = Ext.of([int(c) for c in prover._f[:, 0]]) + error / weight
            prover._f[:, 0] = np.array(moved.c, dtype=np.uint64)
            honest(channel, device, prover)

        with mock.patch.object(whir, "send_final", forged if self.forge_final else honest):
            super().prove_openings(sample, point, gamma)


class ForgedRoot(Forger):
    """Root forged, layers honest."""

    forge_root = True


class ForgedLayers(ForgedRoot):
    """Root and all layers forged, columns honest."""

    forge_layers = True


class ForgedColumns(Forger):
    """Columns solved for the end of the zerocheck, on an honest root: for traces that violate a constraint."""

    forge_columns = True


class ForgedLayersAndColumns(ForgedLayers):
    """Root, layers and columns forged."""

    forge_columns = True


class ForgedFinal(ForgedColumns):
    """Columns and the final polynomial forged."""

    forge_final = True


class ForgedEverything(ForgedLayersAndColumns):
    """Root, layers, columns and final polynomial forged."""

    forge_final = True


class ForgedSample(Forger):
    """A false out-of-domain value."""

    forge_sample = True


class ForgedSampleAndFinal(ForgedSample):
    """A false out-of-domain value and a final polynomial for it."""

    forge_final = True


def is_preprocessed(columns: Tensor) -> bool:
    """Whether these are the columns of the preprocessed tree, which fit one stack column in the toy machine."""
    return int(columns.shape[0]) == 1


class UngroundDevice(ReferenceDevice):
    """Never grinds."""

    def grind(self, hash_name: HashName, state: bytes, bits: int) -> int:
        return 0


class OtherVectorDevice(ReferenceDevice):
    """Commits to a main vector that differs in one cell from the argued one."""

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        if is_preprocessed(columns):
            return super().commit(hash_name, columns, log_inv_rate)
        other = columns.copy()
        other[0, 3] = (other[0, 3] + 1) % P
        return super().commit(hash_name, other, log_inv_rate)


class RandomRowsDevice(ReferenceDevice):
    """Commits to random rows, no codeword."""

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        if is_preprocessed(columns):
            return super().commit(hash_name, columns, log_inv_rate)
        shape = (columns.shape[1] << log_inv_rate, columns.shape[0])
        rng = np.random.default_rng(random.randrange(2**32))
        return ReferenceCommitment(hash_name, rng.integers(0, P, shape, dtype=np.uint64))


class ForeignRootDevice(ReferenceDevice):
    """Opens honest rows under a root that is not theirs."""

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        commitment = super().commit(hash_name, columns, log_inv_rate)
        if not is_preprocessed(columns):
            commitment.root = bytes(32)
        return commitment


class NonCanonicalRowsDevice(ReferenceDevice):
    """Commits to c + p in place of c in the first column of every row."""

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        honest = super().commit(hash_name, columns, log_inv_rate)
        if is_preprocessed(columns) or not isinstance(honest, ReferenceCommitment):
            return honest
        rows = honest._rows.copy()
        rows[:, 0] += np.uint64(P)
        return ReferenceCommitment(hash_name, rows)


class NonCanonicalFoldDevice(ReferenceDevice):
    """The same in the oracles of the later rounds."""

    def commit_extension(self, hash_name: HashName, values: Tensor, log_width: int, log_inv_rate: int) -> Commitment:
        honest = super().commit_extension(hash_name, values, log_width, log_inv_rate)
        assert isinstance(honest, ReferenceCommitment)
        rows = honest._rows.copy()
        rows[:, 0] += np.uint64(P)
        return ReferenceCommitment(hash_name, rows)


class OtherFoldDevice(ReferenceDevice):
    """Commits to a wrong folded polynomial in a later round."""

    def commit_extension(self, hash_name: HashName, values: Tensor, log_width: int, log_inv_rate: int) -> Commitment:
        other = values.copy()
        other[0, 0] = (other[0, 0] + 1) % P
        return super().commit_extension(hash_name, other, log_width, log_inv_rate)


class _DoubledRows(Commitment):
    """Opens the first position twice."""

    def __init__(self, inner: Commitment) -> None:
        self._inner, self.root = inner, inner.root

    def open(self, positions: Sequence[int]) -> Opening:
        honest = self._inner.open(positions)
        return Opening(np.concatenate([honest.rows[:1], honest.rows]), honest.path)


class DoubledRowsDevice(ReferenceDevice):
    """Opens a drawn position twice."""

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        return _DoubledRows(super().commit(hash_name, columns, log_inv_rate))
