"""Withdrawals: the tree in Python and the contract agree, each leaf is paid once, altered ones never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exchange.settlement import refusals
from exchange.settlement.withdrawal_tree import Withdrawal, WithdrawalTree, WithdrawalUnknown
from tests.integration.chain.conftest import World, address_of

CAROL = bytes([0xCA]) * 20


@pytest.mark.parametrize("count", [1, 2, 3, 5])
async def test_every_leaf_is_paid_once_to_its_recipient(world: World, count: int) -> None:
    await world.chain.deposit(world.alice, address_of(world.alice), 100_000_000)
    withdrawals = tuple(Withdrawal(i, CAROL, 1_000_000 + i) for i in range(count))
    await world.submit(await world.next_header(withdrawals))
    tree = WithdrawalTree(1, withdrawals)
    record = (await world.chain.executed_batch(1)).record
    for withdrawal in withdrawals:
        path = tree.path(withdrawal.index)
        await world.chain.claim(world.bob, 1, record, withdrawal, path)
        assert await world.chain.is_claimed(withdrawal.index)
        with pytest.raises(refusals.AlreadyClaimed):
            await world.chain.claim(world.bob, 1, record, withdrawal, path)
    assert await world.chain.token_balance(CAROL) == sum(withdrawal.amount_e6 for withdrawal in withdrawals)
    assert (await world.chain.money()).unclaimed_e6 == 0


async def test_second_batch_counts_on_where_the_first_ended(world: World) -> None:
    await world.chain.deposit(world.alice, address_of(world.alice), 100_000_000)
    await world.submit(await world.next_header((Withdrawal(0, CAROL, 1_000_000), Withdrawal(1, CAROL, 2_000_000))))
    later = (Withdrawal(2, CAROL, 3_000_000), Withdrawal(3, CAROL, 4_000_000), Withdrawal(4, CAROL, 5_000_000))
    await world.submit(await world.next_header(later))
    record = (await world.chain.executed_batch(2)).record
    assert record.withdrawal_first == 2
    await world.chain.claim(world.bob, 2, record, later[1], WithdrawalTree(2, later).path(3))
    assert await world.chain.token_balance(CAROL) == 4_000_000


async def test_altered_claims_are_refused(world: World) -> None:
    await world.chain.deposit(world.alice, address_of(world.alice), 100_000_000)
    withdrawals = tuple(Withdrawal(i, CAROL, 1_000_000 + i) for i in range(3))
    await world.submit(await world.next_header(withdrawals))
    tree, leaf = WithdrawalTree(1, withdrawals), withdrawals[0]
    record, path = (await world.chain.executed_batch(1)).record, tree.path(0)
    for altered in (
        replace(leaf, recipient=address_of(world.bob)),
        replace(leaf, amount_e6=leaf.amount_e6 + 1),
        replace(leaf, index=1),
        replace(leaf, salt=bytes([1]) * 32),
    ):
        with pytest.raises(refusals.PathInvalid):
            await world.chain.claim(world.bob, 1, record, altered, path)
    for wrong_path in (path[:-1], [*path, bytes(32)], [], path[::-1]):
        with pytest.raises(refusals.PathInvalid):
            await world.chain.claim(world.bob, 1, record, leaf, wrong_path)
    with pytest.raises(refusals.RecordMismatch):
        await world.chain.claim(world.bob, 1, replace(record, withdrawals_root=leaf.leaf(1)), leaf, [])
    with pytest.raises(refusals.RecordMismatch):
        await world.chain.claim(world.bob, 2, record, leaf, path)
    assert await world.chain.token_balance(CAROL) == 0


def test_tree_without_withdrawals_has_the_root_zero() -> None:
    assert WithdrawalTree(1, ()).root == bytes(32)


def test_path_of_an_index_outside_the_batch_is_an_error() -> None:
    tree = WithdrawalTree(1, [Withdrawal(4, CAROL, 1)])
    for index in (3, 5):
        with pytest.raises(WithdrawalUnknown):
            tree.path(index)
