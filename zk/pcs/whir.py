"""WHIR: the opening of the stacked polynomial (proof system, section 9). Prover and verifier side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np

from gpu.device import Commitment, Device, WeightedSumProver
from zk.channel import ProverChannel, VerifierChannel
from zk.errors import FinalIdentityError, FoldError
from zk.field import Ext, P, root_of_unity, zero
from zk.machine.params import WhirParameters
from zk.multilinear.polynomial import (
    eq_table,
    evaluate_multilinear,
    evaluate_univariate,
    next_plain_claim,
    power_weight,
)
from zk.pcs.merkle import read_rows
from zk.transcript import Tag


@dataclass(frozen=True, slots=True)
class OpenedTree:
    """A tree of the first oracle as the verifier knows it: root, first stack column, width."""

    root: bytes
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class PowerTerm:
    """coefficient * (b -> base^b) over the lowest `variables` coordinates: part of the final weight."""

    coefficient: Ext
    base: Ext | int
    variables: int


def prove_opening(
    channel: ProverChannel,
    device: Device,
    parameters: WhirParameters,
    trees: Sequence[Commitment],
    prover: WeightedSumProver,
    progress: Callable[[float], None],
) -> None:
    """All rounds of section 9.3. `prover` holds the stacked f and its weights; `progress` receives the done part."""
    oracles = list(trees)
    for i in range(parameters.round_count - 1):
        _prove_sumcheck(channel, prover, parameters.log_sizes[i], parameters.folds[i])
        following, sample = _send_oracle(channel, device, parameters, i + 1, prover)
        positions = _prove_queries(channel, device, parameters, i, oracles)
        gamma = channel.challenge(f"whir.{i}.gamma")
        prover.add_univariate(_claim_terms(parameters, i, gamma, sample, positions))
        oracles = [following]
        progress(1 - 2.0 ** -(i + 1))
    last = parameters.round_count - 1
    _prove_sumcheck(channel, prover, parameters.log_sizes[last], parameters.folds[last])
    send_final(channel, device, prover)
    _prove_queries(channel, device, parameters, last, oracles)
    _prove_sumcheck(channel, prover, parameters.log_sizes[-1], parameters.log_sizes[-1])


def _prove_sumcheck(channel: ProverChannel, prover: WeightedSumProver, variables: int, count: int) -> None:
    for variable in reversed(range(variables - count, variables)):
        channel.send(Tag.WHIR_SUMCHECK, [Ext(value) for value in prover.round()])
        prover.bind(channel.challenge(f"whir.R.{variable}").c)


def _send_oracle(
    channel: ProverChannel, device: Device, parameters: WhirParameters, i: int, prover: WeightedSumProver
) -> tuple[Commitment, Ext]:
    """Commits to f_i and answers its out-of-domain sample, which leaves one polynomial of the list around it."""
    hash_name = channel.configuration.hasher.name
    values = prover.values()
    oracle = device.commit_extension(hash_name, values, parameters.folds[i], parameters.log_inv_rates[i])
    channel.send_digest(Tag.ROOT, oracle.root)
    sample = channel.challenge(f"whir.{i}.z")
    channel.send(Tag.OUT_OF_DOMAIN, [Ext(device.evaluate_univariate(values, sample.c))])
    return oracle, sample


def send_final(channel: ProverChannel, device: Device, prover: WeightedSumProver) -> None:
    """Sends f_M in clear."""
    values = device.download(prover.values())
    channel.send(Tag.WHIR_FINAL, [Ext.of([int(c) for c in column]) for column in np.asarray(values).T])


def _prove_queries(
    channel: ProverChannel, device: Device, parameters: WhirParameters, i: int, oracles: Sequence[Commitment]
) -> list[int]:
    state = channel.challenger.grind_state()
    nonce = device.grind(channel.configuration.hasher.name, state, parameters.grinding_bits)
    channel.send_nonce(nonce, parameters.grinding_bits)
    positions = channel.positions(f"whir.{i}.positions", parameters.queries[i], parameters.log_domains[i])
    for oracle in oracles:
        opening = oracle.open(positions)
        channel.send_rows(opening.rows, opening.path)
    return positions


def _claim_terms(
    parameters: WhirParameters, i: int, gamma: Ext, sample: Ext, positions: Sequence[int]
) -> list[tuple[tuple[int, int, int, int, int], tuple[int, int, int, int, int]]]:
    """(coefficient, point) of the claims on f_{i+1}: the out-of-domain sample, then the queries in ascending order."""
    generator = root_of_unity(parameters.log_domains[i])
    terms, power = [(gamma.c, sample.c)], gamma
    for position in positions:
        power = power * gamma
        terms.append((power.c, (pow(generator, position, P), 0, 0, 0, 0)))
    return terms


class OpeningVerifier:
    """Mirror of `prove_opening`: keeps the claim, the bound coordinates R and the power terms of the weight."""

    def __init__(
        self, channel: VerifierChannel, parameters: WhirParameters, trees: Sequence[OpenedTree], claim: Ext
    ) -> None:
        self._channel = channel
        self._parameters = parameters
        self._trees = trees
        self._root = b""  # of the current oracle after the first
        self._claim = claim
        self._point: list[Ext] = []  # R from coordinate m_i on, lowest first

    def verify(self, first_weight: Callable[[Sequence[Ext]], Ext]) -> None:
        """Runs all rounds. `first_weight`(R) is the multilinear extension of w_0; raises the errors of each check."""
        parameters = self._parameters
        terms: list[PowerTerm] = []
        for i in range(parameters.round_count - 1):
            self._sumcheck(parameters.folds[i])
            root, sample, value = self._receive_oracle(i + 1)
            folded = self._queries(i)
            gamma = self._channel.challenge(f"whir.{i}.gamma")
            terms += self._combine(i, gamma, sample, value, folded)
            self._root = root
        last = parameters.round_count - 1
        self._sumcheck(parameters.folds[last])
        final = self._channel.receive(Tag.WHIR_FINAL, 1 << parameters.log_sizes[-1], "whir.final")
        for x, folded_value in self._queries(last):
            check_fold(folded_value, evaluate_univariate(final, x), x)
        self._sumcheck(parameters.log_sizes[-1])
        weight = first_weight(self._point)
        for term in terms:
            weight = weight + term.coefficient * power_weight(term.base, self._point[: term.variables])
        check_final_identity(self._claim, weight * evaluate_multilinear(final, self._point[: parameters.log_sizes[-1]]))

    def _sumcheck(self, count: int) -> None:
        variables = self._parameters.log_size - len(self._point)
        for variable in reversed(range(variables - count, variables)):
            message = self._channel.receive(Tag.WHIR_SUMCHECK, 2, f"whir.round.{variable}")
            challenge = self._channel.challenge(f"whir.R.{variable}")
            self._claim = next_plain_claim(self._claim, message, challenge)
            self._point.insert(0, challenge)

    def _receive_oracle(self, i: int) -> tuple[bytes, Ext, Ext]:
        root = self._channel.receive_digest(Tag.ROOT, f"whir.{i}.root")
        sample = self._channel.challenge(f"whir.{i}.z")
        (value,) = self._channel.receive(Tag.OUT_OF_DOMAIN, 1, f"whir.{i}.y")
        return root, sample, value

    def _queries(self, i: int) -> list[tuple[int, Ext]]:
        """(x_q, fold_q) in ascending order of the positions."""
        parameters, label = self._parameters, f"whir.{i}"
        # Grinding makes each try of a prover for better positions cost work.
        self._channel.receive_nonce(parameters.grinding_bits, f"{label}.nonce")
        positions = self._channel.positions(f"{label}.positions", parameters.queries[i], parameters.log_domains[i])
        weights = eq_table(self._point[: parameters.folds[i]])
        folded = self._fold_base(positions, weights) if i == 0 else self._fold_extension(i, positions, weights)
        self._channel.note(f"{label}.folded", folded)
        generator = root_of_unity(parameters.log_domains[i])
        return [(pow(generator, position, P), value) for position, value in zip(positions, folded, strict=True)]

    def _fold_base(self, positions: Sequence[int], weights: Sequence[Ext]) -> list[Ext]:
        hasher = self._channel.configuration.hasher
        folded = [zero()] * len(positions)
        for number, tree in enumerate(self._trees):
            rows = read_rows(
                self._channel.reader,
                hasher,
                tree.root,
                self._parameters.log_domains[0],
                positions,
                tree.width,
                f"whir.0.tree.{number}",
            )
            planes = list(zip(*(w.c for w in weights[tree.start : tree.start + tree.width]), strict=True))
            for s, row in enumerate(rows):
                folded[s] = folded[s] + Ext.of([sum(map(mul, row, plane)) for plane in planes])
        return folded

    def _fold_extension(self, i: int, positions: Sequence[int], weights: Sequence[Ext]) -> list[Ext]:
        hasher, reader = self._channel.configuration.hasher, self._channel.reader
        log_rows, width = self._parameters.log_domains[i], 5 << self._parameters.folds[i]
        rows = read_rows(reader, hasher, self._root, log_rows, positions, width, f"whir.{i}.oracle")
        folded = []
        for row in rows:
            value = zero()
            for j, weight in enumerate(weights):
                value = value + weight * Ext.of(row[5 * j : 5 * j + 5])
            folded.append(value)
        return folded

    def _combine(
        self, i: int, gamma: Ext, sample: Ext, value: Ext, folded: Sequence[tuple[int, Ext]]
    ) -> list[PowerTerm]:
        """Adds the claims on f_{i+1} to the running claim; returns their weights."""
        variables = self._parameters.log_sizes[i + 1]
        terms, power = [PowerTerm(gamma, sample, variables)], gamma
        self._claim = self._claim + gamma * value
        for x, folded_value in folded:
            power = power * gamma
            self._claim = self._claim + power * folded_value
            terms.append(PowerTerm(power, x, variables))
        return terms


def check_fold(folded: Ext, final: Ext, x: int) -> None:
    """The folded row of the last oracle is the value of the final polynomial."""
    if folded != final:
        raise FoldError(f"final polynomial at {x}: expected {folded}, found {final}")


def check_final_identity(claim: Ext, found: Ext) -> None:
    """The sumcheck ends at weight times final polynomial."""
    if claim != found:
        raise FinalIdentityError(f"opening: expected {claim}, found {found}")
