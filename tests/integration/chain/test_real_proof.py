"""Settlement on the real verifier: proofs of a small guest in configuration K, parameter set ROOT, on a local EVM.

The guest commits any statement it is told, so a batch is "true" here when somebody proved it; what is tested is the seam: the
contract builds the statement, the verifier binds it, and one transaction under the gas cap carries both.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from exchange.settlement import refusals
from exchange.settlement.anvil import Anvil
from exchange.settlement.chain import Chain
from exchange.settlement.deploy import (
    DeployedVerifier,
    SettlementPlan,
    VerifierPlan,
    VerifierPlanInvalid,
    build_contracts,
    deploy_settlement,
    deploy_verifier,
)
from exchange.settlement.header import BatchHeader, keccak256
from exchange.settlement.refusals import ContractRefused
from exchange.settlement.transactions import GAS_MAX, Sender, connect
from gpu import default_device
from tests.integration.chain.conftest import BLANK, GENESIS, MARKET_0, SIGNERS
from zk.machine.keys import ProvingKey, VerifyingKey, setup
from zk.machine.prover import prove
from zk.solidity.deployment import deployment
from zk.vm.elf import GuestProgram, load_elf
from zk.vm.executor import execute
from zk.vm.guest import build_guest
from zk.vm.machine import rv32im_machine
from zk.vm.trace import generate_traces

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOG_ROWS_MAX = 14  # the guest is tiny; every admitted size costs a commitment in setup


@dataclass(frozen=True, slots=True)
class Keys:
    """The guest and its keys."""

    program: GuestProgram
    proving: ProvingKey
    verifying: VerifyingKey

    def prove(self, statement: bytes) -> bytes:
        """A proof that the guest ended with this 32-byte statement."""
        execution = execute(self.program, np.frombuffer(statement, dtype="<u4"), 1 << 16)
        machine, _ = rv32im_machine(self.program, ())
        traces, public_values = generate_traces(machine, execution)
        return prove(self.proving, traces, public_values, default_device())


@dataclass(frozen=True, slots=True)
class Stage:
    """A Settlement on the real verifier, its first true batch, and the proof of it."""

    keys: Keys
    chain: Chain
    operator: Sender
    verifier: DeployedVerifier
    program_id: bytes
    header: BatchHeader
    proof: bytes


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    source = Path(__file__).with_name("statement_guest.cpp")
    elf = build_guest([source], tmp_path_factory.mktemp("guest") / "statement.elf")
    program = load_elf(elf.read_bytes())
    machine, preprocessed = rv32im_machine(program, ())
    proving, verifying = setup(machine, preprocessed, "K", "ROOT", log_rows_max=LOG_ROWS_MAX)
    return Keys(program, proving, verifying)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    build_contracts()
    generated = deployment(keys.verifying)
    path = tmp_path_factory.mktemp("plan") / "verifier.json"
    VerifierPlan(generated.program_id, generated.tables, generated.evaluators).write(path)
    plan = VerifierPlan.read(path)
    async with Anvil() as node:
        web3 = connect(node.rpc_url)
        deployer, operator = (Sender(web3, account) for account in node.accounts[:2])
        verifier = await deploy_verifier(deployer, plan)
        settlement = await deploy_settlement(
            deployer,
            SettlementPlan(plan.program_id, GENESIS, bytes.fromhex(operator.address[2:]), SIGNERS, (MARKET_0,)),
            verifier=verifier.address,
        )
        async with await Chain.connect(node.rpc_url, settlement.settlement, finality_depth=0) as chain:
            queue, block = await chain.queue(), await web3.eth.get_block("pending")
            header = replace(
                BLANK,
                batch_number=1,
                time_ms=block["timestamp"] * 1000,
                prev_state_hash=GENESIS,
                new_state_hash=keccak256(b"first state"),
                seq_first=1,
                seq_last=7,
                priority_count=queue.tail,
                priority_hash=queue.prefix_hash,
            )
            proof = keys.prove(header.public_inputs_hash(chain.chain_id, chain.address))
            yield Stage(keys, chain, operator, verifier, plan.program_id, header, proof)
        await web3.provider.disconnect()


async def submit(stage: Stage, header: BatchHeader, proof: bytes) -> int:
    return (await stage.chain.submit_batch(stage.operator, header, stage.program_id, proof)).gas_used


async def test_every_part_of_the_verifier_is_deployed_under_the_gas_cap(stage: Stage) -> None:
    assert {"tables", "evaluator_0", "opening_verifier", "proof_verifier"} <= set(stage.verifier.gas)
    assert max(stage.verifier.gas.values()) < GAS_MAX


async def test_wrong_root_with_a_true_proof_is_refused(stage: Stage) -> None:
    with pytest.raises(ContractRefused) as refused:
        await submit(stage, replace(stage.header, new_state_hash=keccak256(b"richer state")), stage.proof)
    assert refused.value.name == "WrongOutput"
    with pytest.raises(refusals.StateHashMismatch):
        await submit(stage, replace(stage.header, prev_state_hash=bytes(32)), stage.proof)
    assert (await stage.chain.progress()).state_hash == GENESIS


async def test_proof_of_another_statement_is_refused(stage: Stage) -> None:
    elsewhere = stage.header.public_inputs_hash(stage.chain.chain_id + 1, stage.chain.address)
    with pytest.raises(ContractRefused) as refused:
        await submit(stage, stage.header, stage.keys.prove(elsewhere))
    assert refused.value.name == "WrongOutput"


async def test_single_bit_changes_of_the_proof_are_refused(stage: Stage) -> None:
    seed = 20_260_729
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(30):
        damaged = bytearray(stage.proof)
        bit = draw.randrange(8 * len(damaged))
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContractRefused):
            await submit(stage, stage.header, bytes(damaged))
    assert (await stage.chain.progress()).batch_number == 0


async def test_truncated_extended_and_empty_proofs_are_refused(stage: Stage) -> None:
    proof = stage.proof
    for wrong in (b"", proof[:-1], proof[:-4], proof + b"\0", proof + bytes(4), proof[4:]):
        with pytest.raises(ContractRefused):
            await submit(stage, stage.header, wrong)


async def test_proven_batch_is_accepted_once_in_one_transaction_under_the_gas_cap(stage: Stage) -> None:
    # the refusals above left no trace: they are simulated before anything is sent
    gas_used = await submit(stage, stage.header, stage.proof)
    print(f"gas {gas_used}, proof {len(stage.proof)} bytes")
    assert gas_used < GAS_MAX
    assert (await stage.chain.progress()).state_hash == stage.header.new_state_hash
    with pytest.raises(refusals.BatchNumberMismatch):
        await submit(stage, stage.header, stage.proof)


async def test_damaged_verifier_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for text in ("", "{}", '{"program_id": "00", "tables": "00", "evaluators": ["00"]}', '{"program_id": "zz"}', "[]"):
        path.write_text(text)
        with pytest.raises(VerifierPlanInvalid):
            VerifierPlan.read(path)
    with pytest.raises(VerifierPlanInvalid):
        VerifierPlan.read(tmp_path / "absent.json")
