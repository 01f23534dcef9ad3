"""An exchange on a local chain: deposits become accounts, batches are accepted, a withdrawal is claimed, a restart goes on.

Batch inputs, contract and chain are real; the proof system is replaced by the contract tests' stand-in verifier.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_abi.packed import encode_packed
from eth_account import Account

from exchange.oracle.sources import FixedPrices
from exchange.server import serving
from exchange.service import Exchange
from exchange.settings import Settings
from exchange.settlement.anvil import Anvil
from exchange.settlement.artifacts import build, load
from exchange.settlement.batcher import make_builder
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
from exchange.settlement.finality import ChainLedger
from exchange.settlement.header import BatchRecord, keccak256
from exchange.settlement.refusals import AlreadyClaimed
from exchange.settlement.requests import RequestFeed
from exchange.settlement.transactions import Sender, connect
from exchange.settlement.withdrawal_tree import Withdrawal
from exchange.venue import VenueId
from matching.codec import CreateMarket, OracleSigner, SetOracleSigners, Withdraw
from tests.integration.exchange.harness import PRICE, Client, Frame, make_settings, wait_for_market, wall_nonces
from tests.unit.exchange.kit import BUY, PRICE_TICKS, SELL, Trader, make_engine, market_config, order

pytest.importorskip("matching._core", reason="the native core is not built")
VERIFIER_SOURCE = "test/support/TestVerifier.sol"
PROGRAM = keccak256(b"program")
MONEY_E6 = 100_000_000_000


class StandInProver:
    """Makes what the stand-in verifier takes for the statement in the batch's folder, and for no other."""

    async def prove(self, hints: Path, proof: Path, on_progress: Callable[[str, float], None]) -> dict[str, Any]:
        on_progress("stand-in", 1.0)
        statement = keccak256((hints.parent / "public_inputs.bin").read_bytes())
        proof.write_bytes(
            keccak256(encode_packed(["string", "bytes32", "bytes32"], ["test proof", PROGRAM, statement]))
        )
        return {"vk_digest": "0x" + PROGRAM.hex(), "proof_bytes": 32}

    async def check(self, proof: Path, public_inputs_hash: bytes) -> None:
        assert keccak256(proof.with_name("public_inputs.bin").read_bytes()) == public_inputs_hash


@dataclass(slots=True)
class World:
    """A chain with a deployed exchange."""

    node: Anvil
    deployment: Deployment
    payer: Sender
    settings: Settings

    @asynccontextmanager
    async def exchange(self) -> AsyncIterator[tuple[int, Exchange, Chain]]:
        """The exchange over this chain; may be entered again after it has ended."""
        settlement = self.deployment.settlement
        async with await Chain.connect(self.node.rpc_url, settlement, finality_depth=0) as chain:
            venue = VenueId(self.settings.chain_id, bytes.fromhex(self.settings.exchange[2:]))
            exchange = Exchange(
                self.settings,
                builder=make_builder(venue),
                prover=StandInProver(),
                ledger=ChainLedger(chain, self.node.accounts[1]),
                request_feed=lambda next_id: RequestFeed(chain, next_id),
                source=FixedPrices(PRICE),
            )
            async with serving(exchange) as port:
                await wait_for_market(port)
                yield port, exchange, chain


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    build([SETTLEMENT_SOURCE, TOKEN_SOURCE, VERIFIER_SOURCE])
    async with Anvil() as node:
        web3 = connect(node.rpc_url)
        deployer, payer = Sender(web3, node.accounts[0]), Sender(web3, node.accounts[2])
        verifier = await deploy_contract(deployer, load(VERIFIER_SOURCE))
        assert verifier.contract is not None
        plan = SettlementPlan(
            program_id=PROGRAM,
            genesis_state_hash=make_engine().state_root(),
            operator=bytes.fromhex(node.accounts[1].address[2:]),
            oracle_signers=SetOracleSigners(0, 1, 1, [OracleSigner(b"\x33" * 20)]).encode()[8:],
            markets=(CreateMarket(1, 0, market_config().encode()).encode()[8:],),
        )
        deployment = await deploy_settlement(deployer, plan, verifier=verifier.contract)
        await mint(deployer, deployment.token, bytes.fromhex(payer.address[2:]), 10 * MONEY_E6)
        settings = make_settings(folder, chain_id=deployment.chain_id, exchange=deployment.settlement)
        try:
            yield World(node, deployment, payer, settings)
        finally:
            await web3.provider.disconnect()


async def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def statuses(exchange: Exchange) -> list[str]:
    return [record["status"] for record in exchange.store.all()]


async def test_deposit_trade_settle_claim_and_restart(tmp_path: Path) -> None:
    async with world(tmp_path / "venue") as place:
        venue = VenueId(place.settings.chain_id, bytes.fromhex(place.settings.exchange[2:]))
        keys = [PrivateKey((7_000 + i).to_bytes(32, "big")) for i in range(2)]
        owner = Account.from_key(keys[0].secret)
        async with place.exchange() as (port, exchange, chain):
            traders = []
            for key in keys:
                trader = Trader(0, key, venue=venue)
                await chain.deposit(place.payer, trader.address, MONEY_E6)
                account = await chain.account_of(trader.address)
                assert account is not None
                trader.account = account
                traders.append(trader)
            wall_nonces(traders)
            await wait_for(lambda: exchange.writer.sequencer.reader.account(traders[1].account))
            async with Client(port, venue) as client:
                for trader in traders:
                    assert (await client.login(trader))["t"] == "auth_ok"
                await client.ask("sub", ch="batches")
                assert (await client.submit(traders[0], order(SELL, PRICE_TICKS, 1_000)))["code"] == "OK"
                assert (await client.submit(traders[1], order(BUY, PRICE_TICKS, 600)))["results"][0]["filled"] == 600
                assert (await client.submit(traders[0], Withdraw(5_000_000)))["code"] == "OK"
                pending = await withdrawals(client, traders[0])
                assert [view["status"] for view in pending] in ([], ["pending"])
                await exchange.drain()
                (view,) = await withdrawals(client, traders[0])
                assert view["status"] == "claimable"
                await wait_for(lambda: set(statuses(exchange)) == {"final"})
            progress = await chain.progress()
            assert progress.state_hash == exchange.writer.sequencer.root
            assert progress.batch_number == exchange.writer.sequencer.system.batch_no
            record = read_record(view["record"])
            leaf = Withdrawal(view["index"], bytes.fromhex(view["recipient"][2:]), view["amount_e6"])
            path = [bytes.fromhex(sibling[2:]) for sibling in view["path"]]
            await chain.claim(place.payer, view["batch"], record, leaf, path)
            assert await chain.token_balance(bytes.fromhex(owner.address[2:])) == 5_000_000
            with pytest.raises(AlreadyClaimed):
                await chain.claim(place.payer, view["batch"], record, leaf, path)
        async with place.exchange() as (port, exchange, chain):
            assert exchange.hub.epoch == 2
            assert exchange.writer.sequencer.root == progress.state_hash
            async with Client(port, venue) as client:
                await client.login(traders[1])
                assert (await client.submit(traders[1], order(BUY, PRICE_TICKS - 5, 1_000)))["code"] == "OK"
                await exchange.close_batch()
                await exchange.worker.settled()
            after = await chain.progress()
            assert after.batch_number == progress.batch_number + 1
            assert after.state_hash == exchange.writer.sequencer.root


async def withdrawals(client: Client, trader: Trader) -> list[Frame]:
    answer = await client.ask("req", op="withdrawals", account=trader.account)
    return list(answer["data"]["withdrawals"])


def read_record(fields: Frame) -> BatchRecord:
    """The record of a claim, from its JSON form."""
    values: dict[str, Any] = {k: bytes.fromhex(v[2:]) if isinstance(v, str) else v for k, v in fields.items()}
    return BatchRecord(**values)
