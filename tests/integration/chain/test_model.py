"""The readable model of the exchange and the contract, batch by batch: queue, roots, solvency, withdrawals."""

from __future__ import annotations

from exchange.settlement.batcher import read_request
from exchange.settlement.chain import Chain
from exchange.settlement.deploy import SettlementPlan, deploy_settlement
from exchange.settlement.header import BatchHeader
from exchange.settlement.requests import RequestFeed
from exchange.settlement.withdrawal_tree import Withdrawal, WithdrawalTree
from matching.codec import (
    BatchClose,
    BatchOpen,
    Command,
    CommandBody,
    CreateMarket,
    OracleSigner,
    SetOracleSigners,
    Withdraw,
)
from matching.spec.batch import SettlementModel
from matching.spec.machine import Model
from matching.spec.queue import QueueEntry
from tests.integration.chain.conftest import PROGRAM, World, address_of
from tests.spec.venue import FEE_OWNER, FUND_OWNER, market_b

L1_INDEX_BYTES = 8


class Exchange:
    """An exchange of model and contract; each batch must be accepted as the model states it."""

    def __init__(self, world: World, chain: Chain, model: Model) -> None:
        self.world = world
        self.chain = chain
        self.feed = RequestFeed(chain)
        self.settlement = SettlementModel(model, chain.chain_id, chain.address)
        self.seq = 0

    async def settle(self, signed: list[tuple[int, CommandBody]]) -> tuple[BatchHeader, tuple[Withdrawal, ...]]:
        """Takes all requests and these signed commands into one batch, and submits what the model says of it."""
        number = (await self.chain.progress()).batch_number + 1
        block = await self.world.operator.web3.eth.get_block("pending")
        time_ms = block["timestamp"] * 1000 + number
        commands, queue = [self._command(BatchOpen(number, time_ms, bytes([number]) * 32))], []
        for request in await self.feed.poll():
            body, origin = read_request(request)
            commands.append(self._command(body))
            queue.append(QueueEntry(origin.sender, origin.timestamp))
        for nonce, (account, body) in enumerate(signed):
            commands.append(self._command(body, account=account, nonce=time_ms + nonce, payload_tag=1))
        commands.append(self._command(BatchClose()))
        result = self.settlement.run_batch(commands, queue)
        header = BatchHeader.from_public_inputs(result.public_inputs.encode(), self.chain.chain_id, self.chain.address)
        proof = self.world.prove_for(self.chain, header)
        await self.chain.submit_batch(self.world.operator, header, PROGRAM, proof)
        return header, tuple(Withdrawal(w.index, w.recipient, w.amount_e6) for w in result.withdrawals)

    def _command(self, body: CommandBody, **header: int) -> bytes:
        self.seq += 1
        return Command(self.seq, body, **header).encode()


async def test_model_and_contract_agree_from_first_deposit_to_last_claim(world: World) -> None:
    model = Model(FUND_OWNER, FEE_OWNER)
    signers = SetOracleSigners(0, 1, 1, [OracleSigner(bytes([1]) * 20)]).encode()[L1_INDEX_BYTES:]
    market = CreateMarket(1, 0, market_b().encode()).encode()[L1_INDEX_BYTES:]
    plan = SettlementPlan(PROGRAM, model.state_root(), address_of(world.operator), signers, (market,))
    old = world.deployment
    deployment = await deploy_settlement(world.bob, plan, verifier=old.verifier, token=old.token)
    async with await Chain.connect(world.node.rpc_url, deployment.settlement, finality_depth=0) as chain:
        alice, bob = address_of(world.alice), address_of(world.bob)
        exchange = Exchange(world, chain, model)
        await exchange.settle([])  # signers and market
        await chain.deposit(world.alice, alice, 100_000_000)
        await chain.deposit(world.bob, bob, 70_000_000)
        await chain.fund_insurance(world.bob, 30_000_000)
        header, none = await exchange.settle([])
        assert not none
        assert header.liabilities_e6 == 200_000_000
        assert await chain.account_of(bob) == 3

        header, withdrawals = await exchange.settle([(2, Withdraw(40_000_000)), (3, Withdraw(70_000_000))])
        assert [(w.index, w.recipient, w.amount_e6) for w in withdrawals] == [
            (0, alice, 40_000_000),
            (1, bob, 70_000_000),
        ]
        tree = WithdrawalTree(3, withdrawals)
        assert tree.root == header.withdrawals_root
        record = (await chain.executed_batch(3)).record
        before = await chain.token_balance(alice)
        for withdrawal in withdrawals:
            await chain.claim(world.operator, 3, record, withdrawal, tree.path(withdrawal.index))
        assert await chain.token_balance(alice) == before + 40_000_000
        assert (await chain.progress()).state_hash == model.state_root()
        money = await chain.money()
        assert (money.assets_e6, money.unclaimed_e6, money.pending_deposits_e6) == (90_000_000, 0, 0)
