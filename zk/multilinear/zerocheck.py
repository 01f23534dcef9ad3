"""The batched zerocheck: GKR input layer and all constraints at one point (proof system, section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpu.device import ZerocheckProver
from gpu.program import ChipProgram, Op
from zk.channel import ProverChannel, VerifierChannel
from zk.errors import ZerocheckError
from zk.field import Ext, one, zero
from zk.field.extension import powers
from zk.multilinear.gkr import FractionClaim
from zk.multilinear.linear import LinearClaim, LinearProver
from zk.multilinear.polynomial import eq_index, next_weighted_claim
from zk.transcript import Tag


@dataclass(frozen=True, slots=True)
class Segment:
    """The leaves of one interaction: chip number, interaction number, first position, log2 of the length."""

    chip: int
    interaction: int
    offset: int
    log_height: int


@dataclass(frozen=True, slots=True)
class BusChallenges:
    """alpha and beta of the fingerprints alpha + bus + sum of beta^j t_j."""

    alpha: Ext
    beta: Ext

    def fingerprint(self, bus: int, message: Sequence[Ext | int]) -> Ext:
        """The fingerprint of a tuple."""
        result = self.alpha + bus
        power = one()
        for entry in message:
            power = power * self.beta
            result = result + power * entry
        return result


@dataclass(frozen=True, slots=True)
class ChipWeights:
    """Weights of the interactions and constraints of one chip in its G."""

    interactions: tuple[Ext, ...]
    constraints: tuple[Ext, ...]


def segment_weights(segments: Sequence[Segment], point: Sequence[Ext]) -> list[Ext]:
    """w_s = eq(upper coordinates, offset >> h) for each segment."""
    return [eq_index(point[s.log_height :], s.offset >> s.log_height) for s in segments]


def chip_weights(
    programs: Mapping[int, ChipProgram], segments: Sequence[Segment], weights: Sequence[Ext], combination: Ext
) -> dict[int, ChipWeights]:
    """Weights per chip. `programs`: present chips by number in key order; constraint k overall weighs lambda^(2+k)."""
    by_interaction = {(s.chip, s.interaction): w for s, w in zip(segments, weights, strict=True)}
    result = {}
    power = combination * combination
    for number, program in programs.items():
        constraints = powers(combination, len(program.constraints), power)
        power = power * combination ** len(program.constraints)
        interactions = tuple(by_interaction[number, i] for i in range(len(program.interactions)))
        result[number] = ChipWeights(interactions, tuple(constraints))
    return result


def zerocheck_claim(claim: FractionClaim, weights: Sequence[Ext], combination: Ext) -> Ext:
    """P + lambda Q', where Q' = Q without the unused leaves (0, 1)."""
    used = zero()
    for weight in weights:
        used = used + weight
    return claim.numerator + combination * (claim.denominator - 1 + used)


def prove_zerocheck(
    channel: ProverChannel, prover: ZerocheckProver, variables: int, linear: Sequence[LinearProver] = ()
) -> list[Ext]:
    """Rounds from the highest variable down; returns the point r. `linear` claims join at their highest variable."""
    point: list[Ext] = []
    for variable in reversed(range(variables)):
        channel.send(Tag.ZEROCHECK_ROUND, [Ext(value) for value in prover.round()])
        active = [claim for claim in linear if variable < claim.variables]
        for claim in active:
            channel.send(Tag.LINEAR_ROUND, [claim.round()])
        point.insert(0, channel.challenge(f"zerocheck.r.{variable}"))
        prover.bind(point[0].c)
        for claim in active:
            claim.bind(point[0])
    return point


def verify_zerocheck(
    channel: VerifierChannel, claim: Ext, coordinates: Sequence[Ext], linear: Sequence[LinearClaim] = ()
) -> tuple[list[Ext], Ext, list[Ext]]:
    """Mirror of `prove_zerocheck`; returns the point, the value that the column evaluations must give there, and those of the linear
    claims."""
    point: list[Ext] = []
    ends = [side.value for side in linear]
    for variable in reversed(range(len(coordinates))):
        message = channel.receive(Tag.ZEROCHECK_ROUND, 3, f"zerocheck.round.{variable}")
        active = [number for number, side in enumerate(linear) if variable < len(side.point)]
        slopes = [channel.receive(Tag.LINEAR_ROUND, 1, f"linear.{number}.round.{variable}") for number in active]
        point.insert(0, channel.challenge(f"zerocheck.r.{variable}"))
        claim = next_weighted_claim(claim, coordinates[variable], message, point[0])
        for number, slope in zip(active, slopes, strict=True):
            ends[number] = next_weighted_claim(ends[number], linear[number].point[variable], slope, point[0])
    return point, claim, ends


def evaluate_chip(
    program: ChipProgram, columns: Sequence[Ext], weights: ChipWeights, combination: Ext, buses: BusChallenges
) -> Ext:
    """G of one chip on column evaluations (main, preprocessed, virtual)."""
    values = evaluate_nodes(program, columns)
    result = zero()
    for weight, interaction in zip(weights.interactions, program.interactions, strict=True):
        fingerprint = buses.fingerprint(interaction.bus, [values[m] for m in interaction.message])
        result = result + weight * (values[interaction.multiplicity] + combination * fingerprint)
    for weight, constraint in zip(weights.constraints, program.constraints, strict=True):
        result = result + weight * values[constraint]
    return result


def evaluate_nodes(program: ChipProgram, columns: Sequence[Ext]) -> list[Ext]:
    """The values of all nodes."""
    values: list[Ext] = []
    for node in program.nodes:
        if node.op is Op.CONST:
            values.append(Ext.of(node.a))
        elif node.op is Op.COLUMN:
            values.append(columns[node.a])
        elif node.op is Op.ADD:
            values.append(values[node.a] + values[node.b])
        elif node.op is Op.SUB:
            values.append(values[node.a] - values[node.b])
        else:
            values.append(values[node.a] * values[node.b])
    return values


def check_zerocheck(expected: Ext, found: Ext) -> None:
    """The sum of all G at the column evaluations is the value where the rounds ended."""
    if expected != found:
        raise ZerocheckError(f"zerocheck: expected {expected}, found {found}")
