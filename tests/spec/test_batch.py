"""What a batch tells L1: the model's bytes against those of the batch program (settlement 5.3, decisions 19-22)."""

from __future__ import annotations

from Crypto.Hash import keccak

from matching.batch import QueueEntry, build_batch_input
from matching.codec import Arena as ArenaId
from matching.codec import Command, FundInsurance, ResultCode, SystemRecord
from matching.engine import Engine
from matching.spec.batch import SettlementModel
from matching.spec.machine import Model
from matching.spec.money import Withdrawal
from matching.spec.queue import QueueEntry as ModelEntry
from matching.spec.withdrawals import ZERO, keccak256, withdrawal_leaf, withdrawal_path, withdrawals_root
from tests.spec.venue import BUY, FEE_OWNER, FUND_OWNER, SELL, Venue, code_of, market_b

CHAIN_ID, EXCHANGE, SENDER = 31_337, b"\x0e" * 20, b"\x5e" * 20


class Tape:
    """An engine that notes the bytes of every command."""

    def __init__(self) -> None:
        self.engine = Engine(FUND_OWNER, FEE_OWNER)
        self.commands: list[bytes] = []

    def apply(self, command: bytes) -> bytes:
        self.commands.append(command)
        return self.engine.apply(command)

    def state_root(self) -> bytes:
        return self.engine.state_root()


def fill_first_batch(venue: Venue) -> None:
    """Market, prices, deposits, a trade, a withdrawal and a deposit that bounces."""
    venue.open_batch()
    venue.signers()
    venue.create_market(market_b())
    venue.prices(256_000_000)
    maker, taker = venue.deposit(10**11), venue.deposit(10**11)
    venue.place(maker, SELL, 1_000_100, 5)
    venue.place(taker, BUY, 1_000_100, 3)
    assert code_of(venue.withdraw(maker, 10**9)) == ResultCode.OK
    venue.deposit(2**56 + 1, maker)
    venue.fund(10**9)
    assert code_of(venue.close_batch()) == ResultCode.OK


def fill_second_batch(venue: Venue) -> None:
    venue.open_batch(venue.now + 5_000)
    venue.withdraw(2, 5)
    venue.withdraw(3, 6)
    venue.withdraw(2, 7)
    venue.close_batch()


def test_public_inputs_equal_those_of_the_batch_program() -> None:
    tape, model = Tape(), Model(FUND_OWNER, FEE_OWNER)
    venue, settlement = Venue(tape), SettlementModel(model, CHAIN_ID, EXCHANGE)
    prefix, seen = bytes(32), set()
    for fill in (fill_first_batch, fill_second_batch):
        first = len(tape.commands)
        tape.engine.start_recording()
        fill(venue)
        witness, commands = tape.engine.take_witness(), tape.commands[first:]
        requests = sum(int.from_bytes(data[:2], "little") in (20, 50, 53, 55) for data in commands)
        times = [1_750_000_000 + i for i in range(requests)]
        queue = [QueueEntry(SENDER, time) for time in times]
        proven = build_batch_input(witness, commands, queue, CHAIN_ID, EXCHANGE, prefix)
        mine = settlement.run_batch(commands, [ModelEntry(SENDER, time) for time in times])
        assert mine.public_inputs.encode() == proven.public_inputs
        assert mine.public_inputs.digest == proven.public_inputs_hash
        assert mine.public_inputs.new_root == tape.engine.state_root() == witness.closing_root
        prefix = settlement.priority_hash
        seen.add(mine.public_inputs.digest)
        assert len(mine.withdrawals) == 2 if fill is fill_first_batch else 3
    assert len(seen) == 2


def test_fields_stand_where_settlement_says() -> None:
    model = Model(FUND_OWNER, FEE_OWNER)
    tape = Tape()
    fill_first_batch(Venue(tape))
    data = SettlementModel(model, CHAIN_ID, EXCHANGE).run_batch(tape.commands, [ModelEntry(SENDER, 1)] * 6)
    encoded = data.public_inputs.encode()
    assert len(encoded) == 492
    system = SystemRecord.decode(model.read(ArenaId.SYSTEM, 0))
    assert encoded[:4].hex() == "42420001"
    assert int.from_bytes(encoded[4:12], "big") == CHAIN_ID
    assert encoded[12:32] == EXCHANGE
    assert int.from_bytes(encoded[32:40], "big") == 1
    assert encoded[48:80] == Model(FUND_OWNER, FEE_OWNER).state_root()
    assert encoded[80:112] == model.state_root()
    assert int.from_bytes(encoded[120:128], "big") == len(tape.commands) == system.seq
    assert encoded[128:160] == system.command_chain
    assert int.from_bytes(encoded[192:200], "big") == 6
    assert encoded[232:264] == withdrawals_root(1, data.withdrawals)
    assert int.from_bytes(encoded[264:272], "big") == 2
    assert int.from_bytes(encoded[272:288], "big") == 10**9 + 2**56 + 1
    assert int.from_bytes(encoded[288:304], "big") == 2 * 10**11 - 10**9 + 10**9
    assert not any(encoded[304:])


def test_withdrawal_path_leads_to_the_root() -> None:
    listed = [Withdrawal(10 + i, bytes([i]) * 20, 5 + i) for i in range(5)]
    for position, withdrawal in enumerate(listed):
        digest = withdrawal_leaf(9, withdrawal)
        for height, sibling in enumerate(withdrawal_path(9, listed, position)):
            pair = sibling + digest if position >> height & 1 else digest + sibling
            digest = keccak256(b"\1" + pair)
        assert digest == withdrawals_root(9, listed)
    assert withdrawals_root(9, []) == ZERO
    assert withdrawals_root(9, listed[:1]) == withdrawal_leaf(9, listed[0])


def test_queue_prefix_of_a_deposit_is_one_keccak_block() -> None:
    model, tape = Model(FUND_OWNER, FEE_OWNER), Tape()
    venue = Venue(tape)
    venue.open_batch()
    venue.deposit(77)
    venue.close_batch()
    settlement = SettlementModel(model, CHAIN_ID, EXCHANGE)
    settlement.run_batch(tape.commands, [ModelEntry(SENDER, 3)])
    owner = tape.commands[1][56:76]
    block = bytes(32) + b"\x14" + SENDER + (3).to_bytes(8, "big") + owner + bytes.fromhex("000000020000")
    block += (77).to_bytes(16, "big")
    assert len(block) == 103
    assert settlement.priority_hash == keccak.new(digest_bits=256, data=block).digest()
    assert Command(1, FundInsurance(0, 1)).kind == 55
