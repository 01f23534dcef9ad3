"""Puts an exchange on a chain: token (test networks), verifier, Settlement with its markets queued."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.errors import SettlementFault
from exchange.settlement.artifacts import Artifact, build, load
from exchange.settlement.transactions import Receipt, Sender

SETTLEMENT_SOURCE = "src/Settlement.sol"
OPENING_SOURCE = "src/verifier/OpeningVerifier.sol"
VERIFIER_SOURCE = "src/verifier/ProofVerifier.sol"
TOKEN_SOURCE = "src/testing/TestToken.sol"
CODE_BYTES_MAX = 24_576  # EIP-170
INITCODE_BYTES_MAX = 49_152  # EIP-3860
DEPOSIT_MIN_E6 = 10_000_000


class CodeTooLarge(SettlementFault):
    """A contract exceeds EIP-170 or EIP-3860 and could not be deployed on a public chain."""


class VerifierPlanInvalid(SettlementFault):
    """The file with the generated contracts of a verifier is missing or unreadable."""


@dataclass(frozen=True, slots=True)
class VerifierPlan:
    """The generated part of a verifier: `program_id` is the digest of the verifying key (32 bytes), `tables` and
    `evaluators` are creation codes without arguments."""

    program_id: bytes
    tables: bytes
    evaluators: tuple[bytes, ...]

    def write(self, path: Path) -> None:
        """Writes the plan as JSON with hexadecimal values."""
        values = {
            "program_id": self.program_id.hex(),
            "tables": self.tables.hex(),
            "evaluators": [code.hex() for code in self.evaluators],
        }
        path.write_text(json.dumps(values) + "\n")

    @classmethod
    def read(cls, path: Path) -> VerifierPlan:
        """Reads what `write` wrote; raises VerifierPlanInvalid."""
        try:
            values = json.loads(path.read_text())
            program_id, tables = bytes.fromhex(values["program_id"]), bytes.fromhex(values["tables"])
            evaluators = tuple(bytes.fromhex(code) for code in values["evaluators"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VerifierPlanInvalid(f"verifier plan {path.name}: {error!r}") from error
        if len(program_id) != 32 or not tables or not evaluators:
            raise VerifierPlanInvalid(f"verifier plan {path.name}: a part is empty or of the wrong length")
        return cls(program_id, tables, evaluators)


@dataclass(frozen=True, slots=True)
class DeployedVerifier:
    """A verifier on a chain; `gas` names what each of its contracts took."""

    address: str
    gas: dict[str, int]


@dataclass(frozen=True, slots=True)
class SettlementPlan:
    """What a Settlement is for ever: program (vk digest) and genesis root of 32 bytes, operator of 20 bytes, and the first
    requests as command bodies after `l1_index`: signers (kind 53) and one body per market (kind 50)."""

    program_id: bytes
    genesis_state_hash: bytes
    operator: bytes
    oracle_signers: bytes
    markets: tuple[bytes, ...]
    deposit_min_e6: int = DEPOSIT_MIN_E6


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where an exchange lives; addresses are checksummed, `block_number` is that of the Settlement."""

    chain_id: int
    settlement: str
    token: str
    verifier: str
    block_number: int
    gas: dict[str, int]


def build_contracts() -> None:
    """Compiles what a deployment needs; quick when nothing changed. Blocks."""
    build([SETTLEMENT_SOURCE, TOKEN_SOURCE, OPENING_SOURCE, VERIFIER_SOURCE])


async def deploy_contract(sender: Sender, artifact: Artifact, *arguments: Any) -> Receipt:
    """Creates one contract; `contract` of the receipt is its address."""
    factory: Any = sender.web3.eth.contract(abi=artifact.abi, bytecode=artifact.initcode)
    call = factory.constructor(*arguments)
    initcode_bytes = (len(call.data_in_transaction) - 2) // 2
    if artifact.runtime_bytes > CODE_BYTES_MAX or initcode_bytes > INITCODE_BYTES_MAX:
        raise CodeTooLarge(
            f"contract {artifact.name}: {artifact.runtime_bytes} bytes of code (at most {CODE_BYTES_MAX}), "
            f"{initcode_bytes} of initcode (at most {INITCODE_BYTES_MAX})"
        )
    return await sender.send(call)


async def deploy_token(sender: Sender) -> Receipt:
    """The collateral of local chains and test networks; everyone may mint."""
    return await deploy_contract(sender, load(TOKEN_SOURCE))


async def mint(sender: Sender, token: str, owner: bytes, amount_e6: int) -> Receipt:
    """Mints test collateral for `owner` (20 bytes)."""
    contract: Any = sender.web3.eth.contract(address=sender.web3.to_checksum_address(token), abi=load(TOKEN_SOURCE).abi)
    return await sender.send(contract.functions.mint(sender.web3.to_checksum_address("0x" + owner.hex()), amount_e6))


async def deploy_verifier(sender: Sender, plan: VerifierPlan) -> DeployedVerifier:
    """Creates the verifier of one verifying key: tables, evaluators, opening verifier, and the contract that joins them."""
    gas: dict[str, int] = {}

    async def create(part: str, artifact: Artifact, *arguments: Any) -> str:
        receipt = await deploy_contract(sender, artifact, *arguments)
        assert receipt.contract is not None
        gas[part] = receipt.gas_used
        return receipt.contract

    tables = await create("tables", _raw("tables", plan.tables))
    evaluators = [
        await create(f"evaluator_{number}", _raw(f"evaluator {number}", code))
        for number, code in enumerate(plan.evaluators)
    ]
    opening = await create("opening_verifier", load(OPENING_SOURCE))
    address = await create("proof_verifier", load(VERIFIER_SOURCE), plan.program_id, tables, opening, evaluators)
    return DeployedVerifier(address, gas)


def _raw(name: str, initcode: bytes) -> Artifact:
    """Generated creation code; its runtime code is a part of it."""
    return Artifact(name=name, source="", abi=[], initcode=initcode, runtime_bytes=0)


async def deploy_settlement(
    sender: Sender, plan: SettlementPlan, *, verifier: str, token: str | None = None
) -> Deployment:
    """Creates a Settlement on an existing verifier; without `token` a test token comes first."""
    gas = {}
    if token is None:
        minted = await deploy_token(sender)
        assert minted.contract is not None
        token, gas["token"] = minted.contract, minted.gas_used
    operator = sender.web3.to_checksum_address("0x" + plan.operator.hex())
    config = (token, verifier, plan.program_id, plan.genesis_state_hash, operator, plan.deposit_min_e6)
    receipt = await deploy_contract(sender, load(SETTLEMENT_SOURCE), config, plan.oracle_signers, list(plan.markets))
    assert receipt.contract is not None
    gas["settlement"] = receipt.gas_used
    chain_id = await sender.web3.eth.chain_id
    return Deployment(chain_id, receipt.contract, token, verifier, receipt.block_number, gas)
