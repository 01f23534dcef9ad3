"""The priority queue seen from Python: an independent computation of the prefix hashes, and finality."""

from __future__ import annotations

from dataclasses import replace

import pytest
from Crypto.Hash import keccak

from exchange.settlement import refusals
from exchange.settlement.chain import Chain
from exchange.settlement.requests import QueueInconsistent, Request, RequestFeed
from tests.integration.chain.conftest import MARKET_0, MARKET_1, SIGNERS, World, address_of


def prefix(before: bytes, kind: int, sender: bytes, timestamp: int, body: bytes) -> bytes:
    """Decision 21 written down once more, on its own."""
    data = b"".join([before, bytes([kind]), sender, timestamp.to_bytes(8, "big"), body])
    return keccak.new(digest_bits=256, data=data).digest()


async def test_prefix_hash_on_chain_equals_an_independent_computation(world: World) -> None:
    contract = world.chain.address
    web3 = world.operator.web3
    deployed = (await web3.eth.get_block(world.deployment.block_number))["timestamp"]
    expected = prefix(bytes(32), 53, contract, deployed, SIGNERS)
    expected = prefix(expected, 50, contract, deployed, MARKET_0)
    expected = prefix(expected, 50, contract, deployed, MARKET_1)
    assert await world.chain.prefix_at(3) == expected

    alice, bob = address_of(world.alice), address_of(world.bob)
    for payer, owner, account, amount_e6 in ((world.bob, alice, 2, 10_000_000), (world.bob, bob, 3, 12_345_678)):
        request = await world.chain.deposit(payer, owner, amount_e6)
        body = owner + account.to_bytes(4, "big") + bytes(2) + amount_e6.to_bytes(16, "big")
        timestamp = (await web3.eth.get_block(request.block_number))["timestamp"]
        expected = prefix(expected, 20, bob, timestamp, body)
        assert request.prefix_hash == expected
        assert await world.chain.account_of(owner) == account
    request = await world.chain.fund_insurance(world.alice, 77_000_000)
    expected = prefix(expected, 55, alice, request.timestamp, (77_000_000).to_bytes(16, "big"))
    assert (await world.chain.queue()).prefix_hash == expected


async def test_feed_delivers_each_request_once_and_in_order(world: World) -> None:
    feed = RequestFeed(world.chain)
    assert [request.kind for request in await feed.poll()] == [53, 50, 50]
    assert await feed.poll() == []
    await world.chain.deposit(world.alice, address_of(world.alice), 10_000_000)
    await world.chain.deposit(world.bob, address_of(world.bob), 20_000_000)
    delivered = await feed.poll()
    assert [(request.request_id, request.owner) for request in delivered] == [
        (3, address_of(world.alice)),
        (4, address_of(world.bob)),
    ]
    assert feed.next_id == 5


async def test_feed_continues_after_a_restart(world: World) -> None:
    await world.chain.deposit(world.alice, address_of(world.alice), 10_000_000)
    feed = RequestFeed(world.chain, next_id=3)
    assert [request.request_id for request in await feed.poll()] == [3]


async def test_feed_waits_for_finality(world: World) -> None:
    async with await Chain.connect(world.node.rpc_url, world.deployment.settlement, finality_depth=3) as patient:
        feed = RequestFeed(patient)
        await world.operator.web3.provider.make_request("anvil_mine", ["0x3"])
        assert len(await feed.poll()) == 3
        request = await world.chain.deposit(world.alice, address_of(world.alice), 10_000_000)
        assert await feed.poll() == []
        await world.operator.web3.provider.make_request("anvil_mine", ["0x2"])
        assert await patient.final_block() == request.block_number - 1
        assert await feed.poll() == []
        await world.operator.web3.provider.make_request("anvil_mine", ["0x1"])
        assert [delivered.request_id for delivered in await feed.poll()] == [3]


async def test_reorganised_transaction_is_not_final(world: World) -> None:
    snapshot = (await world.operator.web3.provider.make_request("evm_snapshot", []))["result"]
    receipt = await world.submit(await world.next_header())
    assert await world.chain.is_final(receipt)
    await world.operator.web3.provider.make_request("evm_revert", [snapshot])
    assert not await world.chain.is_final(receipt)
    await world.operator.web3.provider.make_request("anvil_mine", ["0x3"])
    assert not await world.chain.is_final(receipt)


class LyingChain:
    """A node that changes one event."""

    first_block = 0

    def __init__(self, chain: Chain, change: str) -> None:
        self.chain = chain
        self.change = change

    async def final_block(self) -> int:
        return await self.chain.final_block()

    async def requests(self, first: int, last: int) -> list[Request]:
        found = await self.chain.requests(first, last)
        if self.change == "drop":
            return found[1:]
        return [replace(found[0], body=found[0].body[:-1] + b"\x01"), *found[1:]]


@pytest.mark.parametrize("change", ["drop", "alter"])
async def test_feed_refuses_events_that_do_not_hash_to_the_queue(world: World, change: str) -> None:
    with pytest.raises(QueueInconsistent):
        await RequestFeed(LyingChain(world.chain, change)).poll()  # type: ignore[arg-type]


async def test_refused_deposits_are_named(world: World) -> None:
    with pytest.raises(refusals.AmountTooSmall) as refused:
        await world.chain.deposit(world.alice, address_of(world.alice), 9_999_999)
    assert refused.value.values == {"min": 10_000_000, "provided": 9_999_999}
    with pytest.raises(refusals.OwnerZero):
        await world.chain.deposit(world.alice, bytes(20), 10_000_000)
    with pytest.raises(refusals.ContractRefused) as refused_by_token:
        await world.chain.deposit(world.operator, address_of(world.alice), 10_000_000)  # has no tokens
    assert refused_by_token.value.name == "ERC20InsufficientBalance"
