"""LogUp-GKR: from the root of the fraction tree to a claim on its leaves (proof system, section 7, steps 4 to 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpu.device import FractionTree
from zk.channel import ProverChannel, VerifierChannel
from zk.errors import LayerError
from zk.field import Ext
from zk.multilinear.polynomial import next_weighted_claim
from zk.transcript import Tag


@dataclass(frozen=True, slots=True)
class FractionClaim:
    """Numerator and denominator of a layer have these values at the point."""

    point: tuple[Ext, ...]
    numerator: Ext
    denominator: Ext


Progress = Callable[[float], None]
LayerClaims = Sequence[Ext]  # p(rho, 0), p(rho, 1), q(rho, 0), q(rho, 1)


# `name` says which tree the labels of a transcript are about: the one of a proof ("gkr"), or the one across shards ("global").


def prove_root(channel: ProverChannel, tree: FractionTree) -> FractionClaim:
    """Sends the root fraction."""
    numerator, denominator = (Ext(value) for value in tree.root())
    channel.send(Tag.GKR_ROOT, [numerator, denominator])
    return FractionClaim((), numerator, denominator)


def prove_layers(
    channel: ProverChannel,
    tree: FractionTree,
    claim: FractionClaim,
    log_leaves: int,
    progress: Progress,
    name: str = "gkr",
) -> FractionClaim:
    """Reduces the root claim to the leaves, one sumcheck for each layer. `progress` receives the done part."""
    for layer in range(1, log_leaves + 1):
        progress(2.0 ** (layer - 1 - log_leaves))  # each layer is as much work as all before
        claim = prove_layer(channel, tree, claim, layer, name)
    return claim


def prove_layer(
    channel: ProverChannel, tree: FractionTree, claim: FractionClaim, layer: int, name: str = "gkr"
) -> FractionClaim:
    """One layer: rounds from the highest variable down, then the four values that end them."""
    combination = channel.challenge(f"{name}.{layer}.lambda")
    current = claim.numerator + combination * claim.denominator
    prover = tree.layer(layer, [x.c for x in claim.point], combination.c, current.c)
    rho: list[Ext] = []
    for variable in reversed(range(layer - 1)):
        channel.send(Tag.GKR_ROUND, [Ext(value) for value in prover.round()])
        rho.insert(0, channel.challenge(f"{name}.{layer}.rho.{variable}"))
        prover.bind(rho[0].c)
    claims = [Ext(value) for value in prover.claims()]
    channel.send(Tag.GKR_CLAIMS, claims)
    return _merge(claims, rho, channel.challenge(f"{name}.{layer}.mu"))


def verify_root(channel: VerifierChannel, name: str = "gkr") -> FractionClaim:
    """Reads the root fraction."""
    numerator, denominator = channel.receive(Tag.GKR_ROOT, 2, f"{name}.root")
    return FractionClaim((), numerator, denominator)


def verify_layers(channel: VerifierChannel, claim: FractionClaim, log_leaves: int, name: str = "gkr") -> FractionClaim:
    """Mirror of `prove_layers`; raises LayerError."""
    for layer in range(1, log_leaves + 1):
        claim = verify_layer(channel, claim, layer, name)
    return claim


def verify_layer(channel: VerifierChannel, claim: FractionClaim, layer: int, name: str = "gkr") -> FractionClaim:
    """Mirror of `prove_layer`."""
    # Without lambda a prover could trade errors of the numerator against errors of the denominator.
    combination = channel.challenge(f"{name}.{layer}.lambda")
    current = claim.numerator + combination * claim.denominator
    rho: list[Ext] = []
    for variable in reversed(range(layer - 1)):
        message = channel.receive(Tag.GKR_ROUND, 2, f"{name}.{layer}.round.{variable}")
        rho.insert(0, channel.challenge(f"{name}.{layer}.rho.{variable}"))
        current = next_weighted_claim(current, claim.point[variable], message, rho[0])
    claims = channel.receive(Tag.GKR_CLAIMS, 4, f"{name}.{layer}.claims")
    check_layer(layer, current, combination, claims)
    return _merge(claims, rho, channel.challenge(f"{name}.{layer}.mu"))


def check_layer(layer: int, current: Ext, combination: Ext, claims: LayerClaims) -> None:
    """c == (p0 + lambda q0) q1 + p1 q0."""
    p0, p1, q0, q1 = claims
    found = (p0 + combination * q0) * q1 + p1 * q0
    if current != found:
        raise LayerError(f"GKR layer {layer}: expected {current}, found {found}")


def _merge(claims: LayerClaims, rho: Sequence[Ext], mu: Ext) -> FractionClaim:
    """The claims of both halves, merged at mu, which becomes the highest coordinate."""
    p0, p1, q0, q1 = claims
    return FractionClaim((*rho, mu), p0 + mu * (p1 - p0), q0 + mu * (q1 - q0))
