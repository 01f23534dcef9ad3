"""The boundary of a shard: what ties the memory of the shards of one run together (proof system, section 15).

Each shard commits its boundary columns first. A record holds their root and their value at a point that is drawn from the root, so
that it names one vector of the list around the committed rows. The challenges of the global buses are drawn from all records;
then every shard is proven by itself, with its record and these challenges in its transcript, and exposes the sum of its global
fractions. Without the value in the record a prover could choose among the lists after it has seen the challenges.

The value is multilinear, not univariate as in the first draft of section 15: sum over columns j of zeta^j column_j(rho[0..h)). It is
claimed in the zerocheck's rounds and so needs no weight of its own in the opening; two vectors of a list agree at (rho, zeta) with a
probability of at most (height + columns) / |E| instead of 2^n / |E|.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpu.device import U32
from gpu.program import ChipProgram
from gpu.reference.field import U64
from zk.channel import Channel
from zk.errors import BoundaryError
from zk.field import Ext, one, zero
from zk.field.extension import powers
from zk.machine.keys import VerifyingKey
from zk.machine.proof import encode_heights
from zk.machine.shape import BOUNDARY, Shape, derive_shape
from zk.multilinear.gkr import FractionClaim
from zk.multilinear.linear import LinearClaim, LinearProver, affine_table
from zk.multilinear.zerocheck import (
    BusChallenges,
    chip_weights,
    evaluate_chip,
    segment_weights,
    zerocheck_claim,
)
from zk.transcript import Tag

SHARD_NUMBER_MAX = (1 << 16) - 1  # a difference of shard numbers is looked up as a limb
GLOBAL_LEAVES_MAX = 1 << 30  # over all shards: counts of one tuple cannot wrap mod p


@dataclass(frozen=True, slots=True)
class BoundaryRecord:
    """What is fixed of shard `shard` before the global challenges: heights of its proof, root and value of its boundary columns."""

    shard: int
    heights: tuple[int | None, ...]
    root: bytes
    value: Ext


@dataclass(frozen=True, slots=True)
class BoundaryContext:
    """The record of one shard with the challenges of the global buses, which depend on all records."""

    record: BoundaryRecord
    buses: BusChallenges


@dataclass(frozen=True, slots=True)
class RecordPoint:
    """Where the value of a record is taken: coordinates rho, and zeta, which separates the columns."""

    rho: tuple[Ext, ...]
    zeta: Ext


def record_point(key: VerifyingKey, shard: int, heights: Sequence[int | None], root: bytes) -> RecordPoint:
    """The point of a record, drawn after its root."""
    channel = Channel(key.configuration)
    channel.observe_digest(Tag.VK, key.digest)
    _observe_commitment(channel, shard, heights, root)
    variables = derive_shape(key.chips, heights, key.log_rows_min).log_boundary_height_max
    rho = tuple(channel.challenge(f"rho.{i}") for i in range(variables))
    return RecordPoint(rho, channel.challenge("zeta"))


def global_challenges(keys: Sequence[VerifyingKey], records: Sequence[BoundaryRecord]) -> BusChallenges:
    """alpha and beta of the global buses, drawn after all records. `keys`: those that the shards are proven with, all different."""
    channel = Channel(keys[0].configuration)
    for key in keys:
        channel.observe_digest(Tag.VK, key.digest)
    channel.observe(Tag.BOUNDARY, [len(records)])
    for record in records:
        _observe_commitment(channel, record.shard, record.heights, record.root)
        channel.observe(Tag.OUT_OF_DOMAIN, record.value.c)
    return BusChallenges(channel.challenge("global.alpha"), channel.challenge("global.beta"))


def _observe_commitment(channel: Channel, shard: int, heights: Sequence[int | None], root: bytes) -> None:
    channel.observe(Tag.BOUNDARY, [shard])
    channel.observe(Tag.HEIGHTS, encode_heights(heights))
    channel.observe_digest(Tag.ROOT, root)


def observe_boundary(channel: Channel, context: BoundaryContext) -> None:
    """Step 1 of section 7: the shard proof is about this record under these challenges."""
    record, buses = context.record, context.buses
    channel.observe(Tag.BOUNDARY, [record.shard])
    channel.observe_digest(Tag.BOUNDARY, record.root)
    channel.observe(Tag.BOUNDARY, [*record.value.c, *buses.alpha.c, *buses.beta.c])


def record_coefficients(shape: Shape, zeta: Ext) -> dict[int, list[Ext]]:
    """Coefficient of every boundary column in the value of a record, by chip."""
    places = next(tree.columns for tree in shape.trees if tree.name == BOUNDARY)
    result: dict[int, list[Ext]] = {}
    for place, power in zip(places, powers(zeta, len(places)), strict=True):
        result.setdefault(place.chip, []).append(power)
    return result


def record_value(shape: Shape, point: RecordPoint, traces: Mapping[int, U32]) -> Ext:
    """The value of the boundary columns of a shard; `traces` by chip number, columns of shape (main_count, 2^h)."""
    prover = LinearProver(point.rho, _record_tables(shape, point, traces))
    return prover.evaluate()


def _record_tables(shape: Shape, point: RecordPoint, traces: Mapping[int, U32]) -> list[U64]:
    coefficients = record_coefficients(shape, point.zeta)
    return [affine_table(traces[c][: len(mine)].astype(np.uint64), mine, zero()) for c, mine in coefficients.items()]


class BoundaryClaims:
    """The linear claims of a shard proof: the leaves of its global fraction tree, then the value of its record.

    Used by prover and verifier alike; `leaves` is the claim at which the layers of the global tree end.
    """

    def __init__(
        self, key: VerifyingKey, shape: Shape, context: BoundaryContext, leaves: FractionClaim, combination: Ext
    ) -> None:
        self._shape = shape
        self._context = context
        self._combination = combination
        record = context.record
        self._point = record_point(key, record.shard, record.heights, record.root)
        self._programs: dict[int, ChipProgram] = {}
        for number in shape.present:
            program = key.chips[number].global_program
            if program is not None:
                self._programs[number] = program
        segments = segment_weights(shape.global_segments, leaves.point)
        self._weights = chip_weights(self._programs, shape.global_segments, segments, combination)
        variables = shape.log_boundary_height_max
        self.claims = [
            LinearClaim(leaves.point[:variables], zerocheck_claim(leaves, segments, combination)),
            LinearClaim(self._point.rho, record.value),
        ]

    def provers(self, columns: Mapping[int, U32]) -> list[LinearProver]:
        """Provers of both claims. `columns` by boundary chip: main, preprocessed and virtual, shape (columns, 2^h)."""
        tables = [affine_table(columns[c].astype(np.uint64), *self._affine(c, len(columns[c]))) for c in self._programs]
        mains = {c: columns[c] for c in self._programs}
        return [
            LinearProver(self.claims[0].point, tables),
            LinearProver(self._point.rho, _record_tables(self._shape, self._point, mains)),
        ]

    def _affine(self, chip: int, count: int) -> tuple[list[Ext], Ext]:
        """Coefficients and constant of the form of the global interactions of a chip."""
        none = [zero()] * count
        constant = self._evaluate(chip, none)
        units = ([*none[:j], one(), *none[j + 1 :]] for j in range(count))
        return [self._evaluate(chip, unit) - constant for unit in units], constant

    def _evaluate(self, chip: int, columns: Sequence[Ext]) -> Ext:
        program, weights = self._programs[chip], self._weights[chip]
        return evaluate_chip(program, columns, weights, self._combination, self._context.buses)

    def check(self, ends: Sequence[Ext], columns: Mapping[int, Sequence[Ext]]) -> None:
        """Demands that the column evaluations of the boundary chips give the values where the rounds ended."""
        leaves, value = zero(), zero()
        for chip in self._programs:
            leaves = leaves + self._evaluate(chip, columns[chip])
        for chip, coefficients in record_coefficients(self._shape, self._point.zeta).items():
            for coefficient, column in zip(coefficients, columns[chip], strict=False):
                value = value + coefficient * column
        check_boundary_end("global leaves", ends[0], leaves)
        check_boundary_end("record", ends[1], value)


def check_record_heights(record: BoundaryRecord, heights: Sequence[int | None]) -> None:
    """Demands that a proof has the heights of its record."""
    if tuple(heights) != record.heights:
        raise BoundaryError(f"shard {record.shard}: expected heights {record.heights}, found {tuple(heights)}")


def check_boundary_end(name: str, expected: Ext, found: Ext) -> None:
    """A linear claim ends at the value of its form."""
    if expected != found:
        raise BoundaryError(f"{name}: expected {expected}, found {found}")
