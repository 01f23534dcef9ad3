"""The batch guest computes what the engine computed, and stops on every false hint."""

from __future__ import annotations

import random

import numpy as np
import pytest

from exchange.settlement.header import BatchHeader
from exchange.settlement.requests import Request
from exchange.settlement.withdrawal_tree import Withdrawal, WithdrawalTree
from matching import _core
from matching.batch import BatchInput, build_batch_input, encode_hints, is_from_queue, run_batch
from matching.codec import (
    Command,
    CommandKind,
    Deposit,
    FundInsurance,
    Leg,
    LiquidationEventStep,
    LiquidationState,
    PlaceOrders,
    ResultCode,
    Trade,
    decode_command,
    decode_events,
)
from matching.errors import BatchRefused, HaltReason
from matching.spec.machine import Model
from tests.integration.batch.recorded import CHAIN_ID, EXCHANGE, BatchPlayer, RecordedBatch
from tests.spec.venue import FEE_OWNER, FUND_OWNER
from zk.errors import ExecutionError
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute

BINDING_WORDS = 2 + 5 + 8 + 8  # chain id, exchange, prefix, opening root


def header_of(built: BatchInput) -> BatchHeader:
    return BatchHeader.from_public_inputs(built.public_inputs, CHAIN_ID, EXCHANGE)


def guest_exit(guest: GuestProgram, hints: bytes) -> int | None:
    """Exit code of the guest; None when the machine has no proof for the run."""
    try:
        return execute(guest, np.frombuffer(hints, dtype="<u4"), 1 << 26, record=False).exit_code
    except ExecutionError:
        return None


def rehint(batch: RecordedBatch, commands: list[bytes]) -> bytes:
    queue = batch.queue[: sum(is_from_queue(command) for command in commands)]
    return encode_hints(batch.witness, commands, queue, CHAIN_ID, EXCHANGE, batch.priority_prefix)


def test_guest_commits_the_hash_of_the_public_inputs(guest: GuestProgram, mixed_input: BatchInput) -> None:
    run = execute(guest, mixed_input.hints, record=True)
    assert run.exit_code == 0
    assert run.output_bytes == _core.keccak256(mixed_input.public_inputs) + bytes(32)
    assert run.hints_read == len(mixed_input.hints)


def test_the_mixed_batch_really_trades_and_liquidates(mixed: RecordedBatch) -> None:
    player = BatchPlayer(seed=3)
    again = player.mixed_batch(priority_prefix=bytes(range(32)))
    assert again.commands == mixed.commands, "a seed gives one batch"
    kinds = {decode_command(command).kind for command in mixed.commands}
    wanted = {1, 2, 4, 8, 11, 20, 30, 31, 32, 33, 36, 37, 42, 55}
    assert wanted <= {int(kind) for kind in kinds}


def test_public_inputs_tell_the_batch(mixed: RecordedBatch, mixed_input: BatchInput) -> None:
    header = header_of(mixed_input)
    assert header.public_inputs(CHAIN_ID, EXCHANGE) == mixed_input.public_inputs
    commands = [decode_command(command) for command in mixed.commands]
    assert (header.seq_first, header.seq_last) == (commands[0].seq, commands[-1].seq)
    assert header.prev_state_hash == mixed.witness.opening_root
    assert header.new_state_hash == mixed.witness.closing_root
    assert header.batch_number == commands[0].body.batch_no  # type: ignore[attr-defined]


def queue_body(command: bytes) -> bytes:
    """A request's body as the contract hashes it (decision 21)."""
    body = decode_command(command).body
    if isinstance(body, Deposit):
        return body.owner + body.account.to_bytes(4, "big") + bytes(2) + body.amount_e6.to_bytes(16, "big")
    if isinstance(body, FundInsurance):
        return body.amount_e6.to_bytes(16, "big")
    return command[56:]


def test_priority_prefix_is_the_contracts(mixed: RecordedBatch, mixed_input: BatchInput) -> None:
    prefix = mixed.priority_prefix
    requests = [command for command in mixed.commands if is_from_queue(command)]
    assert len(requests) == 4
    for command, entry in zip(requests, mixed.queue, strict=True):
        kind = int.from_bytes(command[:2], "little")
        request = Request(0, kind, bytes(20), entry.sender, entry.timestamp, queue_body(command), b"", 0)
        prefix = request.prefix_after(prefix)
    assert header_of(mixed_input).priority_hash == prefix


def test_withdrawals_are_the_leaves_of_the_contracts_tree(mixed: RecordedBatch, mixed_input: BatchInput) -> None:
    header = header_of(mixed_input)
    owner = decode_command(mixed.commands[0])  # the owner of account 4 withdrew 1e9 and 7; 1e14 was refused
    assert owner.kind is CommandKind.BATCH_OPEN
    recipient = (0xA000 + 4).to_bytes(20, "big")
    leaves = [
        Withdrawal(0, b"\x99" * 20, 123_456),
        Withdrawal(1, recipient, 10**9),
        Withdrawal(2, recipient, 7),
    ]
    assert header.withdrawals_root == WithdrawalTree(header.batch_number, leaves).root
    assert (header.withdrawal_count, header.withdrawal_total_e6) == (3, 123_456 + 10**9 + 7)


def test_an_empty_batch_is_provable(guest: GuestProgram) -> None:
    batch = BatchPlayer(seed=4, accounts=2, prepared_orders=0).order_batch(0)
    built = batch.build()
    assert execute(guest, built.hints).output_bytes[:32] == built.public_inputs_hash
    header = header_of(built)
    assert (header.withdrawals_root, header.withdrawal_total_e6) == (bytes(32), 0)


def test_consecutive_batches_chain_their_roots() -> None:
    player = BatchPlayer(seed=5, accounts=10, prepared_orders=50)
    first, second = player.order_batch(30).build(), player.order_batch(30).build()
    assert second.public_inputs[48:80] == first.public_inputs[80:112]


def test_readable_model_reaches_the_closing_root_of_the_guest() -> None:
    player = BatchPlayer(seed=6, accounts=4, prepared_orders=20)
    model = Model(FUND_OWNER, FEE_OWNER, permutation=lambda state: _core.permute(list(state)))
    for command in player.machine.commands:
        model.apply(command)
    batch = player.mixed_batch()
    events = [event for command in batch.commands for event in decode_events(model.apply(command))]
    steps = [event.body.step for event in events if isinstance(event.body, LiquidationState)]
    assert steps[0] == LiquidationEventStep.ENTERED
    assert len(steps) == 3, "the check and both steps did something"
    assert any(isinstance(event.body, Trade) for event in events)
    assert model.state_root() == batch.build().public_inputs[80:112]


def state_words(batch: RecordedBatch) -> int:
    return len(batch.witness.state_words) // 4


def flip(hints: bytes, word: int, bit: int) -> bytes:
    changed = bytearray(hints)
    changed[4 * word + bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_flipped_state_hint_is_refused(mixed: RecordedBatch, mixed_input: BatchInput) -> None:
    hints = mixed_input.hints.astype("<u4").tobytes()
    first, count = BINDING_WORDS - 8, 8 + state_words(mixed)
    rng = random.Random(11)
    print("seed 11")
    for word in rng.sample(range(first, first + count), 400):
        with pytest.raises(BatchRefused):
            run_batch(flip(hints, word, rng.randrange(32)))


def test_every_flipped_command_changes_the_hash_or_is_refused(mixed: RecordedBatch, mixed_input: BatchInput) -> None:
    hints = mixed_input.hints.astype("<u4").tobytes()
    first = BINDING_WORDS + state_words(mixed)
    rng = random.Random(12)
    print("seed 12")
    for word in [*range(7), *range(7, 15), *rng.sample(range(first, len(hints) // 4), 150)]:
        try:
            _, digest = run_batch(flip(hints, word, rng.randrange(32)))
        except BatchRefused:
            continue
        assert digest != mixed_input.public_inputs_hash


def test_guest_halts_on_flipped_hints(guest: GuestProgram, mixed: RecordedBatch, mixed_input: BatchInput) -> None:
    hints = mixed_input.hints.astype("<u4").tobytes()
    first, count = BINDING_WORDS - 8, 8 + state_words(mixed)
    rng = random.Random(13)
    print("seed 13")
    for word in rng.sample(range(first, first + count), 25):
        assert guest_exit(guest, flip(hints, word, rng.randrange(31))) != 0


def test_false_opening_root_is_refused(guest: GuestProgram, mixed_input: BatchInput) -> None:
    hints = flip(mixed_input.hints.astype("<u4").tobytes(), BINDING_WORDS - 1, 3)
    assert guest_exit(guest, hints) == HaltReason.OPENING_ROOT


def test_a_page_missing_from_the_witness_is_refused(guest: GuestProgram) -> None:
    player = BatchPlayer(seed=7, accounts=6, prepared_orders=0)
    player.start()
    player.venue.place(player.accounts[0], 0, 999_000, 10, 3)
    batch = player.finish()
    command = bytearray(batch.commands[1])
    command[16:20] = player.accounts[5].to_bytes(4, "little")  # an account that the recording never touched
    hints = rehint(batch, [batch.commands[0], bytes(command), batch.commands[2]])
    assert guest_exit(guest, hints) == HaltReason.MISSING_PAGE


@pytest.mark.parametrize("cut", [slice(1, None), slice(0, -1), slice(0, 1)])
def test_a_batch_begins_with_its_opening_and_ends_with_its_closing(
    guest: GuestProgram, mixed: RecordedBatch, cut: slice
) -> None:
    assert guest_exit(guest, rehint(mixed, mixed.commands[cut])) == HaltReason.BATCH_FORM


def test_a_dropped_command_is_refused(guest: GuestProgram, mixed: RecordedBatch) -> None:
    commands = mixed.commands[:10] + mixed.commands[11:]
    assert guest_exit(guest, rehint(mixed, commands)) == HaltReason.COMMAND


def test_hints_left_over_or_missing_are_refused(mixed_input: BatchInput) -> None:
    hints = mixed_input.hints.astype("<u4").tobytes()
    for changed in (hints + bytes(4), hints[:-4]):
        with pytest.raises(BatchRefused) as refused:
            run_batch(changed)
        assert refused.value.reason is HaltReason.HINTS


def test_queue_entries_fit_the_commands(mixed: RecordedBatch) -> None:
    for queue in (mixed.queue[:-1], [*mixed.queue, mixed.queue[0]]):
        with pytest.raises(ValueError, match="queue entr"):
            build_batch_input(mixed.witness, mixed.commands, queue, CHAIN_ID, EXCHANGE)


def test_250_orders_fit_one_proof(guest: GuestProgram) -> None:
    batch = BatchPlayer(seed=8, accounts=100, prepared_orders=1_500).order_batch(250)
    run = execute(guest, batch.build().hints, record=True)
    print(f"{len(batch.commands)} commands: {run.cycles:,} cycles, {run.cycles // len(batch.commands):,} each")
    assert run.exit_code == 0
    assert run.cycles < 3_000_000, "the design estimates 2 to 3 M cycles; the bound of a proof is 2^22"


@pytest.mark.parametrize("length", [48, 49, 61, 1_000])
def test_a_malformed_command_of_any_length_stays_provable(guest: GuestProgram, length: int) -> None:
    player = BatchPlayer(seed=9, accounts=2, prepared_orders=0)
    player.start()
    header = Command(player.venue.seq + 1, PlaceOrders([Leg()]), account=2, nonce=player.venue.now).encode()[:48]
    events = player.machine.apply(header + b"\xa5" * (length - 48))
    assert decode_events(events)[-1].code == ResultCode.MALFORMED
    player.venue.seq += 1
    built = player.finish().build()
    assert execute(guest, built.hints).output_bytes[:32] == built.public_inputs_hash
