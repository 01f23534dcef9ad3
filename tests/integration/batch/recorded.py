"""Batches played on the core with recording on, as the exchange plays them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from matching.batch import BatchInput, QueueEntry, build_batch_input, is_from_queue
from matching.codec import CancelItem, Command, Deposit, OrderAccepted
from matching.engine import Witness
from tests.spec.venue import BUY, IOC, POST_ONLY, SELL, Venue, bodies, start
from tests.unit.matching.editable import EditableEngine

CHAIN_ID = 31_337
EXCHANGE = bytes(range(0xA0, 0xB4))
TIMESTAMP = 1_750_000_000


@dataclass
class RecordedBatch:
    """One batch: its commands, witness, queue entries, and the priority prefix before it."""

    commands: list[bytes]
    witness: Witness
    priority_prefix: bytes = bytes(32)
    queue: list[QueueEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        from_queue = [command for command in self.commands if is_from_queue(command)]
        self.queue = [QueueEntry(bytes([i + 1]) * 20, TIMESTAMP + i) for i in range(len(from_queue))]

    def build(self) -> BatchInput:
        return build_batch_input(self.witness, self.commands, self.queue, CHAIN_ID, EXCHANGE, self.priority_prefix)


class BatchPlayer:
    """A venue with 40 accounts, a book around the mark, and batches recorded one by one."""

    def __init__(self, seed: int = 1, accounts: int = 40, prepared_orders: int = 400) -> None:
        self.random = random.Random(seed)
        self.machine = EditableEngine()
        self.venue: Venue = start(self.machine)
        self.accounts = [self.venue.deposit(10**12) for _ in range(accounts)]
        self.open: list[tuple[int, int]] = []
        for _ in range(prepared_orders):
            self.trade()
        self.venue.close_batch()

    def trade(self) -> None:
        """Six in a hundred take, half of the others place at the back, half cancel."""
        venue, draw = self.venue, self.random.random()
        account, side = self.random.choice(self.accounts), self.random.randrange(2)
        sign = 1 if side == BUY else -1
        if draw < 0.06:
            events = venue.place(account, side, 1_000_000 + 200 * sign, self.random.randrange(1, 500), IOC)
        elif draw < 0.53 or not self.open:
            price = 1_000_000 - sign * self.random.randrange(1, 120)
            events = venue.place(account, side, price, self.random.randrange(100, 2_000), POST_ONLY)
        else:
            owner, order_id = self.open.pop(self.random.randrange(len(self.open)))
            events = venue.cancel(owner, CancelItem.by_order_id(0, order_id))
        self.open += [(body.account, body.order_id) for body in bodies(events, OrderAccepted) if body.resting_lots]

    def start(self, pause_ms: int = 100) -> None:
        """Opens a recorded batch."""
        self.machine.engine.start_recording()
        self.machine.commands.clear()
        self.venue.open_batch(self.venue.now + pause_ms)

    def finish(self, priority_prefix: bytes = bytes(32)) -> RecordedBatch:
        """Closes it."""
        self.venue.close_batch()
        return RecordedBatch(list(self.machine.commands), self.machine.engine.take_witness(), priority_prefix)

    def order_batch(self, orders: int) -> RecordedBatch:
        """A batch of orders, cancels and fills only."""
        self.start()
        for _ in range(orders):
            self.trade()
        return self.finish()

    def mixed_batch(self, priority_prefix: bytes = bytes(32)) -> RecordedBatch:
        """Deposits (new owner, known owner, refused), a gift to the fund, withdrawals, prices, clock, funding, orders,
        expiries, an agent, a liquidation with its steps."""
        venue = self.venue
        self.start(pause_ms=61_000)
        venue.work(0)
        venue.prices(256_000_000)
        poor = venue.deposit(2_100_000_000)
        venue.deposit(10**9, self.accounts[0])
        self._refused_deposit()
        venue.fund(10**11)
        venue.approve(self.accounts[1], 3, b"\x77" * 20, venue.now + 10**6)
        venue.place(self.accounts[0], SELL, 1_000_050, 100_000)
        venue.place(poor, BUY, 1_000_200, 100_000, IOC)
        for _ in range(20):
            self.trade()
        venue.tick(3_000)
        venue.prices(255_000_000)
        for amount in (10**9, 7, 10**14):
            venue.withdraw(self.accounts[2], amount)
        venue.tick(6_000)
        venue.prices(252_500_000)
        venue.check_liquidation(poor)
        venue.liquidate(poor)
        venue.liquidate(poor)
        venue.cancel_all(self.accounts[3])
        return self.finish(priority_prefix)

    def _refused_deposit(self) -> None:
        """A deposit for somebody else's account: the money is listed for its owner."""
        body = Deposit(self.venue.l1_index, b"\x99" * 20, self.accounts[0], 123_456, bytes(16), bytes(32))
        self.machine.apply(Command(self.venue.seq + 1, body).encode())
        self.venue.seq += 1
        self.venue.l1_index += 1


__all__ = ["BUY", "CHAIN_ID", "EXCHANGE", "SELL", "BatchPlayer", "RecordedBatch"]
