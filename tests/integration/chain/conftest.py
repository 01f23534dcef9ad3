"""A local chain with an exchange on it, verified by the contract tests' stand-in for the proof system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio
from eth_abi.packed import encode_packed

from exchange.settlement.anvil import Anvil
from exchange.settlement.artifacts import build, load
from exchange.settlement.chain import Chain
from exchange.settlement.deploy import (
    SETTLEMENT_SOURCE,
    TOKEN_SOURCE,
    Deployment,
    SettlementPlan,
    deploy_contract,
    deploy_settlement,
    mint,
)
from exchange.settlement.header import BatchHeader, keccak256
from exchange.settlement.transactions import Receipt, Sender, connect
from exchange.settlement.withdrawal_tree import Withdrawal, WithdrawalTree

VERIFIER_SOURCE = "test/support/TestVerifier.sol"
PROGRAM = keccak256(b"program")
GENESIS = keccak256(b"genesis")
ZERO = bytes(32)
SIGNERS = bytes([1, 1, 1, 0]) + bytes(4) + bytes([0xBE]) * 20 + bytes(4)
MARKET_0 = bytes(8) + bytes([1]) + bytes(255)
MARKET_1 = bytes([1]) + bytes(7) + bytes([1]) + bytes(255)


@dataclass(slots=True)
class World:
    """A deployed exchange and the people around it."""

    node: Anvil
    chain: Chain
    deployment: Deployment
    operator: Sender
    alice: Sender
    bob: Sender

    async def next_header(self, withdrawals: tuple[Withdrawal, ...] = ()) -> BatchHeader:
        """The next true batch: takes the whole queue, pays these withdrawals, owes users the rest."""
        last, queue, money = await self.chain.progress(), await self.chain.queue(), await self.chain.money()
        block = await self.operator.web3.eth.get_block("pending")
        paid = sum(withdrawal.amount_e6 for withdrawal in withdrawals)
        number = last.batch_number + 1
        return replace(
            BLANK,
            batch_number=number,
            time_ms=max(block["timestamp"] * 1000, last.last_time_ms + 1),
            prev_state_hash=last.state_hash,
            new_state_hash=keccak256(b"state" + number.to_bytes(8, "big")),
            seq_first=last.last_seq + 1,
            seq_last=last.last_seq + 10,
            receipt_head=keccak256(b"chain"),
            priority_count=queue.tail,
            priority_hash=queue.prefix_hash,
            withdrawals_root=WithdrawalTree(number, withdrawals).root,
            withdrawal_count=last.withdrawal_count + len(withdrawals),
            withdrawal_total_e6=paid,
            liabilities_e6=money.assets_e6 - money.unclaimed_e6 - paid,
        )

    def prove(self, header: BatchHeader) -> bytes:
        """What the stand-in verifier takes for this statement and no other."""
        return self.prove_for(self.chain, header)

    @staticmethod
    def prove_for(chain: Chain, header: BatchHeader) -> bytes:
        """The same for any exchange on this verifier."""
        statement = header.public_inputs_hash(chain.chain_id, chain.address)
        return keccak256(encode_packed(["string", "bytes32", "bytes32"], ["test proof", PROGRAM, statement]))

    async def submit(self, header: BatchHeader) -> Receipt:
        """Submits with the proof of exactly this header."""
        return await self.chain.submit_batch(self.operator, header, PROGRAM, self.prove(header))


BLANK = BatchHeader(0, 0, ZERO, ZERO, 0, 0, ZERO, ZERO, 0, ZERO, ZERO, 0, 0, 0, 0, 0, 0, ZERO, ZERO, ZERO, *[0] * 7)


def address_of(sender: Sender) -> bytes:
    return bytes.fromhex(sender.address[2:])


@pytest.fixture(scope="session")
def contracts() -> None:
    """Compiled contracts, the stand-in verifier included."""
    build([SETTLEMENT_SOURCE, TOKEN_SOURCE, VERIFIER_SOURCE])


@pytest_asyncio.fixture
async def node(contracts: None) -> AsyncIterator[Anvil]:
    async with Anvil() as running:
        yield running


@pytest_asyncio.fixture
async def world(node: Anvil) -> AsyncIterator[World]:
    web3 = connect(node.rpc_url)
    deployer, operator = Sender(web3, node.accounts[0]), node.accounts[1]
    verifier = await deploy_contract(deployer, load(VERIFIER_SOURCE))
    assert verifier.contract is not None
    plan = SettlementPlan(
        program_id=PROGRAM,
        genesis_state_hash=GENESIS,
        operator=bytes.fromhex(operator.address[2:]),
        oracle_signers=SIGNERS,
        markets=(MARKET_0, MARKET_1),
    )
    deployment = await deploy_settlement(deployer, plan, verifier=verifier.contract)
    await web3.provider.disconnect()
    async with await Chain.connect(node.rpc_url, deployment.settlement, finality_depth=0) as chain:
        people = [chain.sender(account) for account in node.accounts[1:4]]
        for person in people[1:]:
            await mint(people[0], deployment.token, address_of(person), 1_000_000_000_000)
        yield World(node, chain, deployment, *people)
