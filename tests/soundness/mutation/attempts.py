"""What the mutants of the verifier contracts are put to: proofs that a check refuses, and honest ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.integration.verifier.conftest import TOY_RANGES
from tests.integration.verifier.test_statements import DIGEST, EXIT, OUTPUT, RANGES, statement_key, statement_proof
from tests.soundness import forgers, toy
from tests.soundness.conftest import Toy, small
from tests.soundness.test_false_proofs import FORGERIES
from tests.soundness.test_needed_checks import _NonCanonicalProver, _stub_alpha, _with_chips
from zk.channel import Channel
from zk.field import Ext, P
from zk.machine.keys import VerifyingKey
from zk.machine.prover import Prover
from zk.machine.shape import ChipKey, derive_shape
from zk.solidity.assembler import init_code
from zk.solidity.deployment import VerifierDeployment, deployment
from zk.solidity.tables import PublicRange


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call of a deployed verifier. `error` is what must refuse it, empty where it is honest.

    `challenges`: alpha and beta in place of the drawn ones. `length`: what the calldata says of the length of the proof. `digest` None calls verifyProof, else verify with `program_id`.
    """

    name: str
    error: str
    deployment: VerifierDeployment
    proof: bytes
    digest: bytes | None = None
    program_id: bytes = b""
    challenges: tuple[Ext, Ext] | None = None
    length: int | None = None


def attempts() -> list[Attempt]:
    """All attempts, built for configuration K."""
    kit = Toy("K")
    return [*_header_attempts(kit), *_shape_attempts(kit), *_argument_attempts(kit), *_statement_attempts()]


def _toy(kit: Toy, name: str, error: str, proof: bytes) -> Attempt:
    return Attempt(name, error, deployment(kit.vk, TOY_RANGES), proof)


def _changed(kit: Toy, label: str) -> bytes:
    start = kit.field(label).start
    return kit.with_bytes(start, bytes([kit.proof[start] ^ 1]))


def _header_attempts(kit: Toy) -> Iterator[Attempt]:
    yield _toy(kit, "honest proof", "", kit.proof)
    yield _toy(kit, "honest proof without the optional chip", "", kit.prove(small(jumps=0)))
    errors = {
        "magic": "WrongMagic",
        "version": "WrongVersion",
        "configuration": "WrongConfig",
        "zk": "WrongMaskFlag",
        "chip count": "WrongChipCount",
    }
    for label, error in errors.items():
        yield _toy(kit, f"{label} changed", error, _changed(kit, label))
    count, heights = kit.field("chip count").start, kit.field("heights")
    end = heights.start + heights.length
    longer = kit.proof[:count] + bytes([kit.proof[count] + 1]) + kit.proof[count + 1 : end] + b"\0" + kit.proof[end:]
    yield _toy(kit, "a chip more, and a byte after the heights", "WrongChipCount", longer)
    yield _toy(kit, "proof for another key", "WrongVerifyingKey", _other_key(kit))
    yield _toy(kit, "another byte at the end", "WrongLength", kit.proof + b"\0")
    short = _toy(kit, "length that ends before the argument does", "WrongLength", kit.proof)
    yield replace(short, length=kit.field("columns").start)
    statement = small()
    statement.public_values[3] = 1 << 16
    yield _toy(kit, "public value above its range", "PublicValueOutOfRange", kit.prove(statement))
    statement.public_values[3] = 4710
    tagged = (*TOY_RANGES[:3], PublicRange(4711, 4711))
    key = replace(kit.vk, machine=replace(kit.vk.machine, check_public_values=partial(_check_ranges, tagged)))
    low = kit.prove(statement)
    yield Attempt("public value below its range", "PublicValueOutOfRange", deployment(key, tagged), low)


def _other_key(kit: Toy) -> bytes:
    pk, key = kit.keys()
    pk.verifying_key = replace(key, digest=bytes(32))
    statement = small()
    return Prover(pk, statement.traces, statement.public_values, kit.device).run()


def _shape_attempts(kit: Toy) -> Iterator[Attempt]:
    statement = small()
    pk = _with_chips(kit, toy.machine(toy.jump_chip(height_log_max=6)))
    statement.traces["jump"] = toy._columns(statement.traces["jump"][:, :3].T.tolist(), 3, 6)
    higher = Prover(pk, statement.traces, statement.public_values, kit.device).run()
    yield _toy(kit, "chip that is too high", "HeightOutOfBounds", higher)
    yield _toy(kit, "absent chip that is mandatory", "HeightOutOfBounds", _heights(kit, {2: 255}))
    high = _key_of(kit.vk, lambda chip: replace(chip, log_height_max=29))
    yield _variant(high, "more leaves than the bound", "TooManyVariables", _heights(kit, {2: 28}))
    highest = kit.vk.chips[2]
    silent = _key_of(kit.vk, lambda chip: _without_interactions(chip) if chip is highest else chip)
    yield _variant(silent, "height above the leaves", "TooManyVariables", _heights(kit, {}))
    optional = _key_of(kit.vk, lambda chip: replace(chip, optional=True))
    yield _variant(optional, "no chip at all", "WrongChipCount", _heights(kit, dict.fromkeys(range(4), 255)))
    for pair in kit.vk.admissible:
        narrow = replace(kit.vk, admissible=tuple(own for own in kit.vk.admissible if own != pair))
        yield _variant(
            narrow, f"shape {pair} not in the key", "ShapeNotListed" if pair == _shape_of(kit) else "", kit.proof
        )
    yield _variant(
        _wide(kit.vk, 300), "one bit wider than the main cells, refused by the argument", "NotCanonical", kit.proof
    )
    yield _variant(_wide(kit.vk, 900), "two bits wider than the main cells", "ShapeNotListed", kit.proof)


def _wide(key: VerifyingKey, columns: int) -> VerifyingKey:
    """A key whose ROM has this many preprocessed columns, and which lists the shape that follows."""
    width = 6 if columns < 600 else 7
    rows = dict(key.parameters.rows)
    rows[8 + width, width] = rows.get((8 + width, width), rows[14, 6])
    listed = (*key.admissible, *(() if (8, width) in key.admissible else ((8, width),)))
    changed = _key_of(
        key,
        lambda chip: (
            replace(chip, program=replace(chip.program, preprocessed_count=columns))
            if chip.program.preprocessed_count
            else chip
        ),
    )
    return replace(changed, admissible=listed, parameters=replace(key.parameters, rows=rows))


def _without_interactions(chip: ChipKey) -> ChipKey:
    """No key has such a chip (setup refuses it)."""
    return replace(chip, program=replace(chip.program, interactions=()))


def _heights(kit: Toy, changes: dict[int, int]) -> bytes:
    start, proof = kit.field("heights").start, bytearray(kit.proof)
    for chip, height in changes.items():
        proof[start + chip] = height
    return bytes(proof)


def _shape_of(kit: Toy) -> tuple[int, int]:
    shape = derive_shape(kit.vk.chips, [4, 4, 9, 5], kit.vk.log_rows_min)
    return shape.log_rows, shape.log_width


def _key_of(key: VerifyingKey, change: Callable[[ChipKey], ChipKey]) -> VerifyingKey:
    return replace(key, chips=tuple(change(chip) for chip in key.chips))


def _variant(key: VerifyingKey, name: str, error: str, proof: bytes) -> Attempt:
    return Attempt(name, error, deployment(key, TOY_RANGES), proof)


ARGUMENT_ERRORS = {
    "unbalanced bus": "RootSumMismatch",
    "forged root": "LayerClaimMismatch",
    "violated constraint": "ZerocheckMismatch",
    "forged layers": "ZerocheckMismatch",
    "forged columns": "FinalIdentityMismatch",
    "forged layers and columns": "FinalIdentityMismatch",
    "forged final": "FinalPolynomialMismatch",
    "forged everything": "FinalPolynomialMismatch",
    "false sample": "FinalIdentityMismatch",
    "false sample and final": "FinalPolynomialMismatch",
    "no grinding": "GrindingTooWeak",
    "foreign root": "WrongRoot",
}


def _argument_attempts(kit: Toy) -> Iterator[Attempt]:
    for forgery in FORGERIES:
        statement = small()
        if forgery.falsify:
            forgery.falsify(statement)
        proof = kit.prove(statement, forgery.prover, forgery.device())
        yield _toy(kit, forgery.name, ARGUMENT_ERRORS[forgery.name], proof)
    yield _toy(kit, "element above p", "NotCanonical", kit.prove(small(), _NonCanonicalProver))
    for device in (forgers.NonCanonicalRowsDevice(), forgers.NonCanonicalFoldDevice()):
        name = f"rows above p by {type(device).__name__}"
        yield _toy(kit, name, "NotCanonical", kit.prove(small(), device=device))
    dead = replace(deployment(kit.vk, TOY_RANGES), evaluators=(init_code(b"\0"),))
    yield Attempt("evaluator that answers nothing", "EvaluatorFailed", dead, kit.proof)
    statement = small()
    statement.cell("rom", 0, 3, int(statement.traces["rom"][0, 3]) + 1)  # an unbalanced bus
    row = statement.traces["step"][:, 5]
    yield _zero_denominator(kit, "zero denominator at the root", statement, (int(row[1]), int(row[2])))
    statement = small()
    statement.public_values[:3] = [5, 5, 0]  # claims no step at all; the trace has some
    yield _zero_denominator(kit, "zero denominator of the public values", statement, (0, 5))


def _zero_denominator(kit: Toy, name: str, statement: toy.Statement, message: tuple[int, int]) -> Attempt:
    """With an alpha for which this state tuple has the fingerprint 0."""
    with pytest.MonkeyPatch.context() as patch:
        _stub_alpha(patch, message)
        proof = kit.prove(statement)
        channel = Channel(kit.vk.configuration)
        challenges = channel.challenge("alpha"), channel.challenge("beta")
    return replace(_toy(kit, name, "ZeroDenominator", proof), challenges=challenges)


def _statement_attempts() -> Iterator[Attempt]:
    key = statement_key()
    own = key.verifying_key

    def stated(name: str, error: str, changes: dict[int, int], digest: bytes = DIGEST) -> Attempt:
        return Attempt(name, error, deployment(own, RANGES), statement_proof(key, changes), digest, own.digest)

    yield stated("honest statement", "", {})
    yield replace(stated("another program", "WrongVerifyingKey", {}), program_id=bytes(32))
    for limb in (EXIT, EXIT + 1):
        yield stated(f"exit code in limb {limb}", "WrongExitCode", {limb: 1})
    yield stated("another digest", "WrongOutput", {}, digest=bytes(32))
    yield stated("unused output word", "UnusedOutputNotZero", {OUTPUT + 20: 1})
    large = {OUTPUT: int.from_bytes(DIGEST[:2], "little") + (1 << 16)}
    wide = [PublicRange(rule.smallest, P - 1) if i >= OUTPUT else rule for i, rule in enumerate(RANGES)]
    free = replace(own, machine=replace(own.machine, check_public_values=partial(_check_ranges, wide)))
    proof = statement_proof(replace(key, verifying_key=free), large)
    name = "limb of the output above 2^16"
    yield Attempt(name, "PublicValueOutOfRange", deployment(free, wide), proof, DIGEST, own.digest)


def _check_ranges(ranges: Sequence[PublicRange], values: Sequence[int]) -> None:
    for value, rule in zip(values, ranges, strict=True):
        if not rule.smallest <= value <= rule.largest:
            raise ValueError(f"expected {rule}, found {value}")
