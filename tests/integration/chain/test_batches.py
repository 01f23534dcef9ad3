"""Batches on a real EVM: accepted when true, refused with a named error otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exchange.settlement import refusals
from exchange.settlement.chain import BatchUnknown
from exchange.settlement.header import BatchHeader, keccak256
from exchange.settlement.refusals import ContractRefused
from tests.integration.chain.conftest import GENESIS, PROGRAM, World, address_of


async def test_true_batch_moves_the_state_and_empties_the_queue(world: World) -> None:
    await world.chain.deposit(world.alice, address_of(world.alice), 50_000_000)
    header = await world.next_header()
    receipt = await world.submit(header)
    progress = await world.chain.progress()
    assert progress.state_hash == header.new_state_hash
    assert (progress.batch_number, progress.last_seq) == (1, 10)
    queue = await world.chain.queue()
    assert queue.head == queue.tail == 4
    assert (await world.chain.money()).pending_deposits_e6 == 0
    assert await world.chain.is_final(receipt)


async def test_executed_batch_is_read_back_with_its_record(world: World) -> None:
    header = await world.next_header()
    receipt = await world.submit(header)
    batch = await world.chain.executed_batch(1)
    assert batch.header == header
    assert batch.program_id == PROGRAM
    assert batch.record.executed_at == receipt.timestamp
    assert batch.transaction == receipt.transaction
    with pytest.raises(BatchUnknown):
        await world.chain.executed_batch(2)


async def test_replayed_batch_is_refused(world: World) -> None:
    header = await world.next_header()
    await world.submit(header)
    with pytest.raises(refusals.BatchNumberMismatch) as refused:
        await world.submit(header)
    assert refused.value.values == {"expected": 2, "provided": 1}


async def test_batch_from_another_root_is_refused(world: World) -> None:
    elsewhere = keccak256(b"elsewhere")
    header = replace(await world.next_header(), prev_state_hash=elsewhere)
    with pytest.raises(refusals.StateHashMismatch) as refused:
        await world.submit(header)
    assert refused.value.values == {"expected": GENESIS, "provided": elsewhere}
    assert (await world.chain.progress()).state_hash == GENESIS


@pytest.mark.parametrize(
    ("change", "kind", "provided"),
    [
        ({"batch_number": 2}, refusals.BatchNumberMismatch, 2),
        ({"time_ms": 0}, refusals.TimeOutOfRange, 0),
        ({"time_ms": 2**48}, refusals.TimeOutOfRange, 2**48),
        ({"seq_first": 2}, refusals.SequenceGap, 2),
        ({"priority_count": 4}, refusals.PriorityOutOfRange, 4),
        ({"priority_hash": bytes(32)}, refusals.PriorityHashMismatch, bytes(32)),
    ],
)
async def test_header_that_does_not_continue_is_refused(
    world: World, change: dict[str, Any], kind: type[ContractRefused], provided: Any
) -> None:
    header = replace(await world.next_header(), **change)
    with pytest.raises(kind) as refused:
        await world.submit(header)
    assert refused.value.values["provided"] == provided


async def test_withdrawal_count_must_not_fall(world: World) -> None:
    first = await world.next_header()
    await world.submit(replace(first, withdrawal_count=5))
    with pytest.raises(refusals.WithdrawalCountBelow) as refused:
        await world.submit(replace(await world.next_header(), withdrawal_count=4))
    assert refused.value.values == {"min": 5, "provided": 4}


async def test_insolvent_batch_is_refused(world: World) -> None:
    await world.chain.deposit(world.alice, address_of(world.alice), 50_000_000)
    header = replace(await world.next_header(), liabilities_e6=50_000_001)
    with pytest.raises(refusals.Insolvent) as refused:
        await world.submit(header)
    assert refused.value.values == {"assets": 50_000_000, "claims": 50_000_001}


async def test_only_the_operator_submits(world: World) -> None:
    header = await world.next_header()
    with pytest.raises(refusals.Unauthorized) as refused:
        await world.chain.submit_batch(world.alice, header, PROGRAM, world.prove(header))
    assert refused.value.values == {"caller": world.alice.address}


async def test_another_program_is_refused(world: World) -> None:
    header = await world.next_header()
    with pytest.raises(refusals.ProgramInactive):
        await world.chain.submit_batch(world.operator, header, keccak256(b"other"), world.prove(header))


async def test_tampered_proof_is_refused(world: World) -> None:
    header = await world.next_header()
    proof = bytearray(world.prove(header))
    proof[7] ^= 1
    with pytest.raises(refusals.ProofInvalid):
        await world.chain.submit_batch(world.operator, header, PROGRAM, bytes(proof))


async def test_every_unchecked_header_field_is_bound_by_the_proof(world: World) -> None:
    header = await world.next_header()
    proof = world.prove(header)
    checked = {"batch_number", "time_ms", "prev_state_hash", "seq_first", "seq_last", "priority_count", "priority_hash"}
    changed_fields = [name for name in BatchHeader.__dataclass_fields__ if name not in checked]
    for name in changed_fields:
        value = getattr(header, name)
        other: Any = bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value + 1
        change: dict[str, Any] = {name: other}
        changed = replace(header, **change)
        with pytest.raises(refusals.ProofInvalid):
            await world.chain.submit_batch(world.operator, changed, PROGRAM, proof)
    assert len(changed_fields) == 20


async def test_refusal_costs_no_gas(world: World) -> None:
    web3 = world.operator.web3
    before = await web3.eth.get_balance(world.operator.account.address)
    with pytest.raises(refusals.StateHashMismatch):
        await world.submit(replace(await world.next_header(), prev_state_hash=bytes(32)))
    assert await web3.eth.get_balance(world.operator.account.address) == before


async def test_gas_of_a_batch_without_its_proof_stays_in_budget(world: World) -> None:
    receipt = await world.submit(await world.next_header())
    assert 60_000 < receipt.gas_used < 130_000
