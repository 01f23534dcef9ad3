"""Cases of the verifier on the toy machine, in both configurations: honest, changed, false and adaptive proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

import pytest

from gpu.reference import ReferenceDevice
from tests.soundness import forgers, toy
from tests.soundness.conftest import Toy, small
from tests.soundness.mutation.cases import Case, Run
from tests.soundness.test_false_proofs import FORGERIES, Forgery
from tests.soundness.test_needed_checks import _NonCanonicalProver, _stub_alpha, _with_chips
from zk.air.chip import Chip
from zk.channel import ProverChannel
from zk.configuration import ConfigName
from zk.errors import (
    HeaderError,
    NonCanonicalError,
    PublicValueError,
    ShapeError,
    TrailingBytesError,
    TruncatedProofError,
    VerifyingKeyMismatchError,
    ZeroDenominatorError,
)
from zk.field import P
from zk.machine import params, verifier
from zk.machine.keys import VerifyingKey
from zk.machine.prover import Prover
from zk.machine.shape import Shape, derive_shape
from zk.transcript import Poseidon2Challenger, Tag

CONFIGS: tuple[ConfigName, ...] = ("K", "P2")


def proof_cases() -> list[Case]:
    """All cases of both configurations."""
    return [case for config in CONFIGS for case in _cases(config)]


@cache
def _kit(config: ConfigName) -> Toy:
    return Toy(config)


def _cases(config: ConfigName) -> Iterator[Case]:
    def case(name: str, error: type[BaseException] | None, build: Callable[[Toy], Run]) -> Case:
        return Case(f"{config}: {name}", error, lambda: build(_kit(config)))

    yield case("honest proof", None, lambda kit: partial(verifier.verify, kit.vk, kit.proof))
    yield case("honest proof of the smallest heights", None, _proved(lambda: small(log_height=6)))
    yield case("honest proof without the optional chip", None, _proved(lambda: small(jumps=0)))
    for label in ("magic", "version", "configuration", "zk", "chip count"):
        yield case(f"{label} changed", HeaderError, partial(_changed, label=label))
    yield case("key digest changed", VerifyingKeyMismatchError, partial(_changed, label="key digest"))
    yield case(
        "another byte at the end", TrailingBytesError, lambda kit: partial(verifier.verify, kit.vk, kit.proof + b"\0")
    )
    yield case("last byte missing", TruncatedProofError, lambda kit: partial(verifier.verify, kit.vk, kit.proof[:-1]))
    yield case("an element above p", NonCanonicalError, _proved(small, _NonCanonicalProver))
    for device in (forgers.NonCanonicalRowsDevice, forgers.NonCanonicalFoldDevice):
        yield case(f"rows above p by {device.__name__}", NonCanonicalError, partial(_rows_above_p, device=device))
    yield case("an element of p", NonCanonicalError, _element_of_p)
    for chip, height in ((0, 3), (2, 5), (2, 10), (2, 255)):
        yield case(f"height {height} of chip {chip}", ShapeError, partial(_height, chip=chip, height=height))
    yield case("proof with a chip that is too high", ShapeError, _too_high)
    yield case("proof with a chip that is too low", ShapeError, _too_low)
    yield case("proof without a mandatory chip", ShapeError, _without_mandatory)
    yield case("shape that the key does not list", ShapeError, _unlisted)
    yield case("more leaves than the bound", ShapeError, partial(_leaves, bound=11))
    yield case("as many leaves as the bound", None, partial(_leaves, bound=12))
    for extra, error in ((-1, ShapeError), (0, None), (1, None), (2, ShapeError)):
        yield case(f"width {extra} above that of the main cells", error, partial(_width, extra=extra))
    for extra, error in ((0, None), (1, ShapeError)):
        yield case(f"height {extra} above the leaves", error, partial(_height_of_leaves, extra=extra))
    yield case("public value outside of its rule", PublicValueError, _proved(_large_tag))
    yield case("zero denominator at the root", ZeroDenominatorError, _zero_root)
    yield case("zero denominator of the public values", ZeroDenominatorError, _zero_public)
    for forgery in FORGERIES:
        yield case(forgery.name, forgery.error, partial(_forged, forgery=forgery))
    if config == "P2":
        yield case("digest above p", NonCanonicalError, _digest_above_p)
        yield case("path digest above p", NonCanonicalError, partial(_raised, label="whir.0.tree.0.path.0"))


def _proved(statement: Callable[[], toy.Statement], prover: type[Prover] = Prover) -> Callable[[Toy], Run]:
    return lambda kit: partial(verifier.verify, kit.vk, kit.prove(statement(), prover))


def _changed(kit: Toy, label: str) -> Run:
    start = kit.field(label).start
    return partial(verifier.verify, kit.vk, kit.with_bytes(start, bytes([kit.proof[start] ^ 1])))


def _raised(kit: Toy, label: str) -> Run:
    position = kit.field(label).start
    return partial(verifier.verify, kit.vk, kit.with_bytes(position, kit.encode(kit.element(position) + P)))


def _element_of_p(kit: Toy) -> Run:
    return partial(verifier.verify, kit.vk, kit.with_bytes(kit.field("gkr.4.round.1").start, kit.encode(P)))


def _rows_above_p(kit: Toy, device: type[ReferenceDevice]) -> Run:
    return partial(
        verifier.verify, kit.vk, kit.prove(toy.statement(), device=device())
    )  # small ones have one oracle under P2


def _height(kit: Toy, chip: int, height: int) -> Run:
    return partial(verifier.verify, kit.vk, kit.with_bytes(kit.field("heights").start + chip, bytes([height])))


def _other_height(kit: Toy, chip: Chip, log_height: int, statement: toy.Statement) -> Run:
    """A proof of a variant of the machine in which the jump chip has this height."""
    rows = statement.traces["jump"][:, :3].T.tolist()
    statement.traces["jump"] = toy._columns(rows, 3, log_height)
    pk = _with_chips(kit, toy.machine(chip))
    return partial(verifier.verify, kit.vk, Prover(pk, statement.traces, statement.public_values, kit.device).run())


def _too_high(kit: Toy) -> Run:
    return _other_height(kit, toy.jump_chip(height_log_max=6), 6, small())


def _too_low(kit: Toy) -> Run:
    """The key demands a height that the honest prover does not have."""
    strict = Toy(kit.config)
    chip = toy.jump_chip()
    chip.height_log_min = 5
    strict.pk, strict.vk = kit.keys(toy.machine(chip))
    pk = _with_chips(strict, toy.machine())
    statement = small()
    return partial(verifier.verify, strict.vk, Prover(pk, statement.traces, statement.public_values, kit.device).run())


def _without_mandatory(kit: Toy) -> Run:
    strict = Toy(kit.config)
    strict.pk, strict.vk = kit.keys(toy.machine(toy.jump_chip(optional=False)))
    pk = _with_chips(strict, toy.machine())
    statement = small(jumps=0)
    return partial(verifier.verify, strict.vk, Prover(pk, statement.traces, statement.public_values, kit.device).run())


def _shape(kit: Toy) -> Shape:
    return derive_shape(kit.vk.chips, [None, 4, 6, 5], kit.vk.log_rows_min)


def _unlisted(kit: Toy) -> Run:
    statement = small()
    shape = derive_shape(kit.vk.chips, [4, 4, 7, 5], kit.vk.log_rows_min)
    pair = (shape.log_rows, shape.log_width)
    narrow = replace(kit.vk, admissible=tuple(own for own in kit.vk.admissible if own != pair))
    return partial(verifier.verify, narrow, kit.prove(statement))


def _leaves(kit: Toy, bound: int) -> Run:
    proof = kit.proof

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(params, "LOG_LEAVES_MAX", bound)
            verifier.verify(kit.vk, proof)

    return run


def _width(kit: Toy, extra: int) -> Run:
    shape = _shape(kit)
    width = shape.log_width + extra
    key: VerifyingKey = replace(kit.vk, admissible=(*kit.vk.admissible, (shape.log_rows, width)))
    return partial(verifier.check_shape, key, replace(shape, log_width=width))


def _height_of_leaves(kit: Toy, extra: int) -> Run:
    shape = _shape(kit)
    return partial(verifier.check_shape, kit.vk, replace(shape, log_height_max=shape.log_leaves + extra))


def _large_tag() -> toy.Statement:
    statement = small()
    statement.public_values[3] = 1 << 16
    return statement


def _with_alpha(kit: Toy, statement: toy.Statement, message: tuple[int, int]) -> Run:
    """Proved and verified with a stubbed alpha for which this state tuple has the fingerprint 0."""
    with pytest.MonkeyPatch.context() as patch:
        _stub_alpha(patch, message)
        proof = kit.prove(statement)

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            _stub_alpha(patch, message)
            verifier.verify(kit.vk, proof)

    return run


def _zero_root(kit: Toy) -> Run:
    statement = small()
    statement.cell("rom", 0, 3, int(statement.traces["rom"][0, 3]) + 1)  # an unbalanced bus
    row = statement.traces["step"][:, 5]
    return _with_alpha(kit, statement, (int(row[1]), int(row[2])))  # sent once, received once: two zero leaves


def _zero_public(kit: Toy) -> Run:
    statement = small()
    statement.public_values[:3] = [5, 5, 0]  # claims no step at all; the trace has some
    return _with_alpha(kit, statement, (0, 5))


def _forged(kit: Toy, forgery: Forgery) -> Run:
    statement = small()
    if forgery.falsify:
        forgery.falsify(statement)
    return partial(verifier.verify, kit.vk, kit.prove(statement, forgery.prover, forgery.device()))


def _digest_above_p(kit: Toy) -> Run:
    """The prover sends the root with p added to its first element, and takes its challenges from that."""

    def raised(self: ProverChannel, tag: Tag, digest: bytes) -> None:
        first = int.from_bytes(digest[:4], "little") + P
        other = first.to_bytes(4, "little") + digest[4:]
        self.raw(other)
        self.observe_digest(tag, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProverChannel, "send_digest", raised)
        patch.setattr(Poseidon2Challenger, "accelerate", lambda self: None)  # native code would refuse to hash it
        proof = kit.prove(small())
    return partial(verifier.verify, kit.vk, proof)
