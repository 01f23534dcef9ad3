"""verify(): the mirror of the protocol, in order; any failed check rejects (proof system, section 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zk.channel import Channel, ProofReader, Recorder, VerifierChannel, check_end
from zk.errors import (
    PublicValueError,
    RootSumError,
    ShapeError,
    VerifyingKeyMismatchError,
    ZeroDenominatorError,
)
from zk.field import Ext, one, zero
from zk.field.extension import powers
from zk.machine import params
from zk.machine.boundary import BoundaryClaims, BoundaryContext, check_record_heights, observe_boundary
from zk.machine.keys import VerifyingKey
from zk.machine.proof import PublicValues, encode_heights, read_header
from zk.machine.shape import (
    BOUNDARY,
    MAIN,
    PREPROCESSED,
    Shape,
    default_log_width,
    derive_shape,
    fold_cells,
)
from zk.multilinear.gkr import FractionClaim, verify_layers, verify_root
from zk.multilinear.polynomial import power_weight
from zk.multilinear.virtual import evaluate_virtual
from zk.multilinear.zerocheck import (
    BusChallenges,
    check_zerocheck,
    chip_weights,
    evaluate_chip,
    segment_weights,
    verify_zerocheck,
    zerocheck_claim,
)
from zk.pcs.weights import column_runs, column_weight
from zk.pcs.whir import OpenedTree, OpeningVerifier
from zk.transcript import Tag


@dataclass(frozen=True, slots=True)
class ShardStatement:
    """What a valid shard proof says: its public values, and the sum numerator / denominator of its global fractions."""

    public_values: PublicValues
    numerator: Ext
    denominator: Ext


def verify(key: VerifyingKey, proof: bytes) -> PublicValues:
    """The public values of a valid proof; raises a subclass of VerificationError that names the failed check."""
    if key.is_sharded:
        raise VerifyingKeyMismatchError("expected the key of a whole run, found that of a shard")
    return _Verification(key, proof, None).run()


def verify_shard(key: VerifyingKey, proof: bytes, context: BoundaryContext) -> ShardStatement:
    """The statement of a valid proof of one shard; raises a subclass of VerificationError.

    It is worth something only together with those of all other shards: see `zk.shards.verifier`.
    """
    if not key.is_sharded:
        raise VerifyingKeyMismatchError("expected the key of a shard, found that of a whole run")
    verification = _Verification(key, proof, None, context)
    public_values = verification.run()
    assert verification.global_sum is not None
    return ShardStatement(public_values, verification.global_sum.numerator, verification.global_sum.denominator)


def verify_traced(key: VerifyingKey, proof: bytes) -> dict[str, Any]:
    """Verifies and returns all challenges, messages, claims and query positions by name (golden files, other verifiers)."""
    recorder = Recorder()
    _Verification(key, proof, recorder).run()
    return recorder.values


def observe_statement(
    channel: Channel, key: VerifyingKey, heights: Sequence[int | None], public_values: Sequence[int]
) -> None:
    """Step 0: binds every later challenge to key, shape and public values."""
    channel.observe_digest(Tag.VK, key.digest)
    channel.observe(Tag.HEIGHTS, encode_heights(heights))
    channel.observe(Tag.PUBLIC_VALUES, public_values)


class _Verification:
    """One run of the verifier."""

    def __init__(
        self, key: VerifyingKey, proof: bytes, recorder: Recorder | None, boundary: BoundaryContext | None = None
    ) -> None:
        self._key = key
        self._boundary = boundary
        self.global_sum: FractionClaim | None = None
        self._reader = ProofReader(proof, key.configuration)
        self._channel = VerifierChannel(self._reader, key.configuration, recorder)

    def run(self) -> PublicValues:
        key, channel = self._key, self._channel
        heights, public_values = read_header(self._reader, key)
        shape = derive_shape(key.chips, heights, key.log_rows_min)
        check_shape(key, shape)
        check_public_values(key, public_values)
        self._note_statement(shape, public_values)
        observe_statement(channel, key, heights, public_values)
        if self._boundary is not None:
            check_record_heights(self._boundary.record, heights)
            observe_boundary(channel, self._boundary)
        root = channel.receive_digest(Tag.ROOT, "main.root")
        # One sample outside the domain leaves one trace of the list that is close to the committed rows.
        sample = channel.challenge("z0")
        (value,) = channel.receive(Tag.OUT_OF_DOMAIN, 1, "y0")
        # Drawn after the trace is fixed: a false bus would need a root of a polynomial it has already chosen.
        buses = BusChallenges(channel.challenge("alpha"), channel.challenge("beta"))
        claim = verify_root(channel)
        check_root_denominator(claim.denominator)
        check_root_sum(claim, *public_fraction(key, public_values, buses))
        claim = verify_layers(channel, claim, shape.log_leaves)
        shared = None if self._boundary is None else self._verify_global(shape)
        point, evaluations = self._verify_zerocheck(shape, claim, buses, shared)
        gamma = channel.challenge("gamma")
        self._verify_opening(shape, root, sample, value, point, gamma, evaluations)
        check_end(self._reader)
        return public_values

    def _verify_global(self, shape: Shape) -> FractionClaim:
        """The tree of the global fractions: its sum goes out, the claim on its leaves comes back."""
        self.global_sum = verify_root(self._channel, "global")
        check_root_denominator(self.global_sum.denominator)
        return verify_layers(self._channel, self.global_sum, shape.log_global_leaves, "global")

    def _verify_zerocheck(
        self, shape: Shape, claim: FractionClaim, buses: BusChallenges, shared: FractionClaim | None
    ) -> tuple[list[Ext], list[Ext]]:
        channel = self._channel
        # Distinct powers of lambda: errors of numerator, denominator and constraints cannot cancel.
        combination = channel.challenge("zerocheck.lambda")
        segments = segment_weights(shape.segments, claim.point)
        start = zerocheck_claim(claim, segments, combination)
        channel.note("zerocheck.claim", start)
        boundary = None
        if self._boundary is not None and shared is not None:
            boundary = BoundaryClaims(self._key, shape, self._boundary, shared, combination)
        coordinates = claim.point[: shape.log_height_max]
        point, expected, ends = verify_zerocheck(channel, start, coordinates, boundary.claims if boundary else ())
        evaluations = channel.receive(Tag.COLUMN_EVALUATIONS, sum(1 for _ in shape.columns), "columns")
        programs = {number: self._key.chips[number].program for number in shape.present}
        weights = chip_weights(programs, shape.segments, segments, combination)
        columns = self._chip_evaluations(shape, point, evaluations)
        found = zero()
        for number, program in programs.items():
            found = found + evaluate_chip(program, columns[number], weights[number], combination, buses)
        check_zerocheck(expected, found)
        if boundary is not None:
            boundary.check(ends, columns)
        return point, evaluations

    def _chip_evaluations(self, shape: Shape, point: Sequence[Ext], evaluations: Sequence[Ext]) -> dict[int, list[Ext]]:
        """The evaluations by chip: main, preprocessed and virtual columns."""
        by_place = {(place.chip, place.column): value for place, value in zip(shape.columns, evaluations, strict=True)}
        shard = 0 if self._boundary is None else self._boundary.record.shard
        columns: dict[int, list[Ext]] = {}
        for number in shape.present:
            program, height = self._key.chips[number].program, shape.heights[number]
            committed = program.main_count + program.preprocessed_count
            columns[number] = [by_place[number, column] for column in range(committed)]
            columns[number] += [evaluate_virtual(kind, point[:height], shard) for kind in program.virtual]
        return columns

    def _verify_opening(
        self,
        shape: Shape,
        root: bytes,
        sample: Ext,
        value: Ext,
        point: Sequence[Ext],
        gamma: Ext,
        evaluations: Sequence[Ext],
    ) -> None:
        key = self._key
        claim = value
        for coefficient, evaluation in zip(powers(gamma, len(evaluations), gamma), evaluations, strict=True):
            claim = claim + coefficient * evaluation
        self._channel.note("opening.claim", claim)
        roots = {MAIN: root, PREPROCESSED: key.preprocessed_roots.get(shape.log_rows, b"")}
        if self._boundary is not None:
            roots[BOUNDARY] = self._boundary.record.root
        trees = [OpenedTree(roots[tree.name], tree.start, tree.width) for tree in shape.trees]
        runs = column_runs([(column.offset, column.log_height) for column in shape.columns])

        def first_weight(opening: Sequence[Ext]) -> Ext:
            return power_weight(sample, opening) + column_weight(runs, point, gamma, opening)

        OpeningVerifier(self._channel, key.whir(shape), trees, claim).verify(first_weight)

    def _note_statement(self, shape: Shape, public_values: PublicValues) -> None:
        channel = self._channel
        channel.note("public_values", public_values)
        channel.note("heights", encode_heights(shape.heights))
        channel.note("log_rows", shape.log_rows)
        channel.note("log_width", shape.log_width)
        channel.note("log_leaves", shape.log_leaves)


def check_shape(key: VerifyingKey, shape: Shape) -> None:
    """Demands a listed (log_rows, log_width) and the bounds that keep multiplicities from wrapping."""
    if (shape.log_rows, shape.log_width) not in key.admissible:
        raise ShapeError(
            f"(log_rows, log_width): expected one of {key.admissible}, found {(shape.log_rows, shape.log_width)}"
        )
    extra = shape.log_width - default_log_width(fold_cells(shape))
    if extra not in (0, 1):
        raise ShapeError(
            f"log_width {shape.log_width}: expected at most one above that of the main cells, found {extra} above"
        )
    if shape.log_leaves > params.LOG_LEAVES_MAX:
        raise ShapeError(f"leaves: expected at most 2^{params.LOG_LEAVES_MAX}, found 2^{shape.log_leaves}")
    if shape.log_height_max > shape.log_leaves:
        raise ShapeError(f"height 2^{shape.log_height_max}: expected at most the 2^{shape.log_leaves} leaves")


def check_public_values(key: VerifyingKey, public_values: Sequence[int]) -> None:
    """The rules of the machine for its public values."""
    try:
        key.machine.check_public_values(public_values)
    except ValueError as error:
        raise PublicValueError(str(error)) from error


def public_fraction(key: VerifyingKey, public_values: Sequence[int], buses: BusChallenges) -> tuple[Ext, Ext]:
    """The bus terms of the verifier as one fraction; raises ZeroDenominatorError."""
    numerator, denominator = zero(), one()
    for term in key.machine.public_terms(public_values):
        fingerprint = buses.fingerprint(term.bus.number, term.message)
        numerator = numerator * fingerprint + denominator * term.multiplicity
        denominator = denominator * fingerprint
    check_public_denominator(denominator)
    return numerator, denominator


def check_root_denominator(denominator: Ext) -> None:
    """A zero denominator would make every sum true."""
    if denominator.is_zero:
        raise ZeroDenominatorError("root fraction: expected a denominator other than 0")


def check_public_denominator(denominator: Ext) -> None:
    """A zero denominator would make every sum true."""
    if denominator.is_zero:
        raise ZeroDenominatorError("public fraction: expected a denominator other than 0")


def check_root_sum(claim: FractionClaim, numerator: Ext, denominator: Ext) -> None:
    """Bus sum plus public sum is 0."""
    found = claim.numerator * denominator + numerator * claim.denominator
    if not found.is_zero:
        raise RootSumError(f"bus sum plus public sum: expected 0, found numerator {found}")
