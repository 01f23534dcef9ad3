"""The verifier contracts accept honest proofs and refuse changed and forged ones, each by the check that is meant for it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from web3 import Web3

from exchange.settlement.artifacts import load
from gpu.reference import ReferenceDevice
from tests.integration.verifier.chain import CreationFailed, DeployedVerifier, Refused, deploy
from tests.integration.verifier.conftest import TOY_RANGES
from tests.soundness import golden, toy
from tests.soundness.conftest import Field, Toy, small
from tests.soundness.test_false_proofs import FORGERIES, Forgery
from zk.errors import (
    FinalIdentityError,
    FoldError,
    GrindingError,
    LayerError,
    MerkleError,
    RootSumError,
    VerificationError,
    ZerocheckError,
)
from zk.field import P
from zk.solidity.assembler import CODE_SIZE_MAX, init_code
from zk.solidity.deployment import OPENING_SOURCE, VERIFIER_SOURCE, deployment

GOLDEN = Path(__file__).resolve().parents[2] / "vectors" / "toy_K_v1.proof"

# the contract error that stands for each error of the Python verifier
NAMES: dict[type[VerificationError], str] = {
    RootSumError: "RootSumMismatch",
    LayerError: "LayerClaimMismatch",
    ZerocheckError: "ZerocheckMismatch",
    FinalIdentityError: "FinalIdentityMismatch",
    FoldError: "FinalPolynomialMismatch",
    GrindingError: "GrindingTooWeak",
    MerkleError: "WrongRoot",
}


def refused(verifier: DeployedVerifier, proof: bytes, error: str) -> None:
    """Demands a refusal with this error."""
    with pytest.raises(Refused, match=f"^{error}$"):
        verifier.public_values(proof)


def test_golden_proof_is_accepted(web3: Web3) -> None:
    _, key = golden.golden_keys("K", ReferenceDevice())
    verifier = deploy(web3, deployment(key, TOY_RANGES))
    proof = GOLDEN.read_bytes()
    assert verifier.public_values(proof)[2:] == [305, 4711]
    execution, transaction = verifier.execution_gas(proof), verifier.transaction_gas(proof)
    print(f"golden proof: {len(proof)} bytes, execution {execution} gas, transaction {transaction} gas")
    assert transaction < 16_777_216


@pytest.mark.parametrize("changes", [{}, {"jumps": 0}, {"log_height": 6, "steps": 40}, {"log_height": 8}])
def test_honest_proofs_of_other_shapes_are_accepted(
    kit: Toy, verifier: DeployedVerifier, changes: dict[str, int]
) -> None:
    statement = toy.statement(**{"steps": 60, "log_height": 7, **changes})
    assert verifier.public_values(kit.prove(statement)) == statement.public_values


def test_changed_bits_are_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    rng = random.Random("bits")
    for _ in range(40):
        position, bit = rng.randrange(len(kit.proof)), rng.randrange(8)
        changed = kit.with_bytes(position, bytes([kit.proof[position] ^ 1 << bit]))
        with pytest.raises(Refused):
            verifier.public_values(changed)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_forgery_is_refused_by_its_check(kit: Toy, verifier: DeployedVerifier, forgery: Forgery) -> None:
    statement = small()
    if forgery.falsify:
        forgery.falsify(statement)
    refused(verifier, kit.prove(statement, forgery.prover, forgery.device()), NAMES[forgery.error])


@pytest.mark.parametrize(
    ("label", "error"),
    [
        ("magic", "WrongMagic"),
        ("version", "WrongVersion"),
        ("configuration", "WrongConfig"),
        ("zk", "WrongMaskFlag"),
        ("key digest", "WrongVerifyingKey"),
        ("chip count", "WrongChipCount"),
        ("gkr.root", "RootSumMismatch"),
        ("gkr.5.round.2", "LayerClaimMismatch"),
        ("gkr.5.claims", "LayerClaimMismatch"),
        ("zerocheck.round.0", "ZerocheckMismatch"),
        ("columns", "ZerocheckMismatch"),
        ("y0", "RootSumMismatch"),
        ("main.root", "RootSumMismatch"),
        ("whir.1.root", "GrindingTooWeak"),
        ("whir.0.nonce", "GrindingTooWeak"),
        ("whir.1.nonce", "GrindingTooWeak"),
        ("whir.final", "GrindingTooWeak"),
        ("whir.0.tree.0.rows", "WrongRoot"),
        ("whir.0.tree.0.path.0", "WrongRoot"),
        ("whir.0.tree.1.rows", "WrongRoot"),
        ("whir.0.tree.1.path.0", "WrongRoot"),
        ("whir.1.oracle.rows", "WrongRoot"),
        ("whir.1.oracle.path.0", "WrongRoot"),
        ("whir.round.0", "FinalIdentityMismatch"),
    ],
)
def test_changed_field_is_refused_by_the_next_check(
    kit: Toy, verifier: DeployedVerifier, label: str, error: str
) -> None:
    field = kit.field(label)
    position = field.start + (field.length - 1 if "root" not in label or label == "gkr.root" else 0)
    if error == "GrindingTooWeak":  # 4 bits: some change keeps them by chance
        errors = set()
        for change in range(1, 9):
            with pytest.raises(Refused) as found:
                verifier.public_values(kit.with_bytes(position, bytes([kit.proof[position] ^ change])))
            errors.add(str(found.value))
        assert error in errors
    else:
        refused(verifier, kit.with_bytes(position, bytes([kit.proof[position] ^ 1])), error)


def _element_fields(kit: Toy) -> list[Field]:
    labels = ["y0", "gkr.root", "gkr.3.round.1", "gkr.3.claims", "zerocheck.round.2", "columns"]
    labels += [
        "whir.round.9",
        "whir.1.y",
        "whir.final",
        "whir.0.tree.0.rows",
        "whir.0.tree.1.rows",
        "whir.1.oracle.rows",
    ]
    return [kit.field(label) for label in labels]


def test_element_not_below_p_is_refused_in_every_field(kit: Toy, verifier: DeployedVerifier) -> None:
    for field in _element_fields(kit):
        for position in (field.start, field.start + field.length - 4):
            for value in (P, 2**32 - 1):
                refused(verifier, kit.with_bytes(position, kit.encode(value)), "NotCanonical")


def test_proof_of_another_length_is_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    refused(verifier, kit.proof + b"\0", "WrongLength")
    refused(verifier, kit.proof + bytes(32), "WrongLength")
    refused(verifier, kit.proof[:-20] + kit.proof[-20:] * 2, "WrongLength")
    with pytest.raises(Refused):
        verifier.public_values(kit.proof[:-1])
    for length in (0, 7, 41, 100, 1000, len(kit.proof) // 2):
        with pytest.raises(Refused):
            verifier.public_values(kit.proof[:length])


def test_truncated_zero_tail_is_refused_by_the_length(kit: Toy, verifier: DeployedVerifier) -> None:
    """Reads beyond the proof give zeros of the calldata padding: only the length check stands against them."""
    honest = kit.proof
    data = honest[:-1]
    call = verifier.contract.encode_abi("verifyProof", [honest])
    short = verifier.contract.encode_abi("verifyProof", [data])
    # the same bytes, with a length word that is one too small
    forged = short[:10] + call[10 : 10 + 64] + len(data).to_bytes(32, "big").hex() + call[10 + 128 :]
    answer = verifier.web3.provider.make_request(
        "eth_call",  # type: ignore[arg-type]
        [{"to": verifier.contract.address, "data": forged, "gas": hex(16_777_216)}, "latest"],
    )
    selector = Web3.keccak(text="WrongLength(uint256,uint256)").hex().removeprefix("0x")[:8]
    assert selector in str(answer["error"])


def test_public_value_outside_its_range_is_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    start = kit.field("public values").start
    for index, value in ((0, P), (1, 2**32 - 1), (2, 1025), (3, 1 << 16)):
        refused(verifier, kit.with_bytes(start + 4 * index, kit.encode(value)), "PublicValueOutOfRange")


def test_height_outside_its_bounds_is_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    start = kit.field("heights").start
    for chip, height in ((0, 3), (0, 6), (1, 5), (1, 255), (2, 5), (2, 10), (2, 255), (3, 6), (0, 254)):
        refused(verifier, kit.with_bytes(start + chip, bytes([height])), "HeightOutOfBounds")


def test_other_height_within_the_bounds_is_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    start = kit.field("heights").start
    for chip, height in ((0, 5), (0, 255), (2, 8)):
        with pytest.raises(Refused):
            verifier.public_values(kit.with_bytes(start + chip, bytes([height])))


def test_shape_that_the_key_does_not_list_is_refused(kit: Toy, web3: Web3) -> None:
    pairs = kit.vk.admissible
    for missing in pairs:
        narrow = replace(kit.vk, admissible=tuple(pair for pair in pairs if pair != missing))
        verifier = deploy(web3, deployment(narrow, TOY_RANGES))
        try:
            verifier.public_values(kit.proof)
        except Refused as error:
            assert str(error) == "ShapeNotListed"
            return
    raise AssertionError("no shape of the honest proof was left out")


def test_more_leaves_than_the_bound_are_refused(kit: Toy, web3: Web3) -> None:
    high = replace(kit.vk, chips=tuple(replace(chip, log_height_max=29) for chip in kit.vk.chips))
    verifier = deploy(web3, deployment(high, TOY_RANGES))
    start = kit.field("heights").start
    refused(verifier, kit.with_bytes(start + 2, bytes([28])), "TooManyVariables")


def test_zero_root_denominator_is_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    field = kit.field("gkr.root")
    refused(verifier, kit.with_bytes(field.start + 20, bytes(20)), "ZeroDenominator")


def test_evaluator_that_fails_refuses_every_proof(kit: Toy, web3: Web3) -> None:
    honest = deployment(kit.vk, TOY_RANGES)
    for code in (b"\0", bytes.fromhex("60206000f3"), bytes.fromhex("60006000fd")):  # stops, returns one word, reverts
        verifier = deploy(web3, replace(honest, evaluators=(init_code(code),)))
        refused(verifier, kit.proof, "EvaluatorFailed")


def test_verifier_with_missing_parts_cannot_be_created(kit: Toy, web3: Web3) -> None:
    honest = deployment(kit.vk, TOY_RANGES)
    (evaluator,) = honest.evaluators
    deploy(web3, replace(honest, evaluators=(evaluator,) * 8))
    for evaluators in ((), (evaluator,) * 9):
        with pytest.raises(CreationFailed, match="verifier"):
            deploy(web3, replace(honest, evaluators=evaluators))
    with pytest.raises(CreationFailed, match="verifier"):
        deploy(web3, replace(honest, tables=init_code(b"\0")))


def test_contracts_fit_the_code_size_limit() -> None:
    for source in (OPENING_SOURCE, VERIFIER_SOURCE):
        assert 0 < load(source).runtime_bytes <= CODE_SIZE_MAX


def test_proof_of_another_program_is_refused(kit: Toy, verifier: DeployedVerifier) -> None:
    with pytest.raises(Refused, match="WrongVerifyingKey"):
        verifier.verify(bytes(32), bytes(32), kit.proof)
