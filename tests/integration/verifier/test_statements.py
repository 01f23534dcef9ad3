"""`verify` binds a proof to a program and to the digest of its public inputs (design decisions 19 and 20)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from web3 import Web3

from gpu.reference import ReferenceDevice
from tests.integration.verifier.chain import DeployedVerifier, Refused, deploy
from tests.soundness import toy
from zk.air.chip import Machine, PublicTerm
from zk.errors import ZkError
from zk.field import P
from zk.machine.keys import ProvingKey, setup
from zk.machine.prover import prove
from zk.solidity.deployment import deployment
from zk.solidity.tables import PublicRange
from zk.vm.elf import load_elf
from zk.vm.guest import build_sample
from zk.vm.keys import guest_keys
from zk.vm.proving import prove_guest

# the toy machine with the public values of RV32IM; its own start, end and clock stand where these are free
END, CLOCK, EXIT, START, OUTPUT, COUNT = 0, 2, 3, 5, 6, 38
FREE, LIMB = PublicRange(0, P - 1), PublicRange(0, 0xFFFF)
RANGES = [FREE, PublicRange(0, 0), PublicRange(0, 1024), LIMB, LIMB, FREE, *[LIMB] * 32]
DIGEST = bytes(random.Random("digest").randrange(256) for _ in range(32))


def _public_terms(values: Sequence[int]) -> list[PublicTerm]:
    start = PublicTerm(toy.STATE, 1, (0, values[START]))
    return [start, PublicTerm(toy.STATE, -1, (values[CLOCK], values[END]))]


def _check_public_values(values: Sequence[int]) -> None:
    for value, own in zip(values, RANGES, strict=True):
        if not own.smallest <= value <= own.largest:
            raise ValueError(f"expected {own}, found {value}")


def statement_key() -> ProvingKey:
    """Key of the toy machine with the public values of RV32IM."""
    machine: Machine = replace(
        toy.machine(),
        public_value_count=COUNT,
        public_terms=_public_terms,
        check_public_values=_check_public_values,
    )
    return setup(machine, toy.rom_columns(), "K", "ROOT_TEST", ReferenceDevice())[0]


def statement_proof(key: ProvingKey, changes: dict[int, int]) -> bytes:
    """A proof whose output is DIGEST, with some public values replaced."""
    honest = toy.statement(steps=40, jumps=2, log_height=6)
    start, end, clock, _ = honest.public_values
    values = [0] * COUNT
    values[START], values[END], values[CLOCK] = start, end, clock
    for i in range(16):
        values[OUTPUT + i] = int.from_bytes(DIGEST[2 * i : 2 * i + 2], "little")
    for index, value in changes.items():
        values[index] = value
    return prove(key, honest.traces, values, ReferenceDevice())


@dataclass(slots=True)
class Statements:
    """Proofs with chosen public values."""

    key: ProvingKey
    verifier: DeployedVerifier

    def proof(self, changes: dict[int, int]) -> bytes:
        """A proof whose output is DIGEST, with some public values replaced."""
        return statement_proof(self.key, changes)

    def verify(self, proof: bytes, digest: bytes = DIGEST) -> bool:
        """Result of the contract."""
        return self.verifier.verify(self.key.verifying_key.digest, digest, proof)


@pytest.fixture(scope="module")
def statements(web3: Web3) -> Statements:
    """The machine's key and verifier."""
    key = statement_key()
    return Statements(key, deploy(web3, deployment(key.verifying_key, RANGES)))


def test_output_words_are_the_digest(statements: Statements) -> None:
    assert statements.verify(statements.proof({}))


def test_another_digest_is_refused(statements: Statements) -> None:
    proof = statements.proof({})
    for position in range(32):
        changed = bytes([*DIGEST[:position], DIGEST[position] ^ 1, *DIGEST[position + 1 :]])
        with pytest.raises(Refused, match="WrongOutput"):
            statements.verify(proof, changed)


def test_exit_code_other_than_zero_is_refused(statements: Statements) -> None:
    for limb in (EXIT, EXIT + 1):
        with pytest.raises(Refused, match="WrongExitCode"):
            statements.verify(statements.proof({limb: 1}))


@pytest.mark.parametrize("limb", [OUTPUT + 16, OUTPUT + 31])
def test_unused_output_word_other_than_zero_is_refused(statements: Statements, limb: int) -> None:
    with pytest.raises(Refused, match="UnusedOutputNotZero"):
        statements.verify(statements.proof({limb: 1}))


def test_another_program_id_is_refused(statements: Statements) -> None:
    with pytest.raises(Refused, match="WrongVerifyingKey"):
        statements.verifier.verify(DIGEST, DIGEST, statements.proof({}))


def test_proof_of_a_guest_program_is_accepted(web3: Web3, tmp_path: Path) -> None:
    """SHA-256 of 100 bytes on the RV32IM machine: the digest comes out as big-endian words."""
    gpu = pytest.importorskip("gpu")
    try:
        device = gpu.default_device()
        program = load_elf(build_sample("sha256", tmp_path / "sha256.elf").read_bytes())
    except (ZkError, ImportError, AttributeError) as error:
        pytest.skip(f"no guest compiler or native device here: {error}")
    keys = guest_keys(program, "K", device=device, log_rows_max=16)
    message = bytes(range(100))
    words = [len(message), *np.frombuffer(message, dtype="<u4").tolist()]
    result = prove_guest(keys, np.array(words, dtype=np.uint32), device)
    verifier = deploy(web3, deployment(keys.verifying))
    limbs = result.public_values[OUTPUT : OUTPUT + 16]
    digest = b"".join(limb.to_bytes(2, "little") for limb in limbs)
    assert verifier.verify(keys.verifying.digest, digest, result.proof)
    with pytest.raises(Refused, match="WrongOutput"):
        verifier.verify(keys.verifying.digest, bytes(32), result.proof)
    execution, transaction = verifier.execution_gas(result.proof), verifier.transaction_gas(result.proof)
    print(f"{result.cycles} cycles: {len(result.proof)} bytes, execution {execution}, transaction {transaction} gas")
    assert transaction < 16_777_216
