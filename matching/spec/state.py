"""The state of the machine: arenas of records kept as Python objects (rules 3).

Every access through `account`, `signer`, `market`, `order` or the book notes the page, so that hashing only looks at those.
"""

from __future__ import annotations

from collections.abc import Iterator

from matching.codec import (
    CANCEL_MARKET_NONE,
    SIGNER_OWNER,
    AccountHeader,
    Arena,
    FeeTier,
    MarketConfig,
    MarketState,
    Order,
    Position,
    Signer,
    SystemRecord,
)
from matching.spec.account import Account, opens_margin_free
from matching.spec.limits import DAY_MS, ORDER_SLOTS, OWNER_EXPIRY_MS, SIGNER_SLOTS
from matching.spec.market import Market

TRIE_LAYERS = ((6, 0), (12, 2**18), (18, 2**18 + 2**12), (24, 2**18 + 2**12 + 64))  # price bits below, node offset
TRIE_NODES_PER_SIDE = 2**19


class State:
    """All records, and which of them were looked at since the last `take_touched`."""

    def __init__(self, fund_owner: bytes, fee_owner: bytes, fees: FeeTier, insurance_share_ppm: int) -> None:
        """Genesis: the insurance fund (account 0), the fee collector (account 1), no market (rules 1)."""
        self.system = SystemRecord(tier_count=1, insurance_share_ppm=insurance_share_ppm)
        self.system.fee_tiers[0] = fees
        self.accounts: dict[int, Account] = {}
        self.signers: dict[int, Signer] = {}
        self.orders: dict[int, Order] = {}
        self.free_slots: list[int] = []  # the last one is popped first
        self.markets: list[Market] = []
        self.touched: set[tuple[Arena, int]] = {(Arena.SYSTEM, 0)}
        for owner in (fund_owner, fee_owner):
            self.create_master(owner)

    # --- time ---
    @property
    def now(self) -> int:
        return self.system.time_ms

    @property
    def today(self) -> int:
        return self.now // DAY_MS

    # --- accounts and signers ---
    def create_master(self, owner: bytes, salt: bytes = bytes(16), view_key: bytes = bytes(32)) -> Account:
        """The next master account with its owner in signer slot 0 (rules 4.4, Deposit)."""
        number = self.system.account_count
        header = AccountHeader(owner, number, salt, view_key, cancel_market=CANCEL_MARKET_NONE, master=number)
        self.accounts[number] = Account(header)
        self.signers[number * SIGNER_SLOTS] = Signer(owner, SIGNER_OWNER, OWNER_EXPIRY_MS)
        self.system.account_count += 1
        self.touched |= {(Arena.ACCOUNT, number), (Arena.SIGNER, number * SIGNER_SLOTS)}
        return self.accounts[number]

    def find_account(self, number: int) -> Account | None:
        """The account of this number, if it exists."""
        return self.account(number) if number in self.accounts else None

    def account(self, number: int) -> Account:
        self.touched.add((Arena.ACCOUNT, number))
        return self.accounts[number]

    def signer(self, master: int, slot: int) -> Signer:
        """The signer record of a master's slot; an unused one is all zero."""
        index = master * SIGNER_SLOTS + slot
        self.touched.add((Arena.SIGNER, index))
        return self.signers.setdefault(index, Signer())

    # --- markets ---
    def market(self, number: int) -> Market:
        self.touched |= {(Arena.MARKET_STATE, number), (Arena.BOOK_HEAD, number)}
        return self.markets[number]

    def add_market(self, config: MarketConfig, state: MarketState) -> None:
        number = len(self.markets)
        self.markets.append(Market(number, config, state))
        self.system.market_count += 1
        self.touch_config(number)
        self.market(number)

    def touch_config(self, number: int) -> None:
        self.touched.add((Arena.MARKET_CONFIG, number))

    # --- positions ---
    def position(self, account: Account, market: Market) -> Position:
        """The account's record in a market, created with the market's default if absent (rules 8.1)."""
        if market.index not in account.positions:
            account.positions[market.index] = Position(
                market.index, market.config.leverage_max, funding_index=market.state.funding_index
            )
        return account.positions[market.index]

    def drop_empty_position(self, account: Account, market: Market) -> None:
        """Removes a record that says nothing (rules 3.3, Position)."""
        p = account.positions.get(market.index)
        if p is None or p.size_lots or p.open_count or p.iso_margin_e6:
            return
        if p.leverage == market.config.leverage_max and p.flags == 0:
            del account.positions[market.index]

    # --- orders ---
    def pop_slot(self) -> int:
        """A free slot: the one freed last, else a fresh one."""
        if self.free_slots:
            slot = self.free_slots.pop()
        else:
            slot = self.system.slots_used
            self.system.slots_used += 1
        self._touch_slot(slot)
        return slot

    def push_slot(self, slot: int) -> None:
        self.free_slots.append(slot)
        self._touch_slot(slot)

    @property
    def slots_exhausted(self) -> bool:
        return not self.free_slots and self.system.slots_used == ORDER_SLOTS

    def order(self, slot: int) -> Order:
        self._touch_slot(slot)
        return self.orders[slot]

    def insert_order(self, slot: int, order: Order) -> None:
        """Puts an order into its level, its account's list and the counts (rules 6, 8.1 step 7)."""
        account, market = self.account(order.account), self.market(order.market)
        self.orders[slot] = order
        market.book.sides[order.list].insert(order.price_ticks, slot)
        account.orders.insert(0, slot)
        position = self.position(account, market)
        position.open_count += 1
        if opens_margin_free(order):
            account.header.free_orders += 1
        else:
            self.add_open_lots(position, order.side, order.remaining_lots)
        self._touch_order(slot, order)

    def remove_order(self, slot: int) -> Order:
        """Takes an order out of every list and frees its slot (rules 6)."""
        order = self.orders[slot]
        account, market = self.account(order.account), self.market(order.market)
        self._touch_order(slot, order)
        market.book.sides[order.list].remove(order.price_ticks, slot)
        account.orders.remove(slot)
        position = account.positions[order.market]
        position.open_count -= 1
        if opens_margin_free(order):
            account.header.free_orders -= 1
        else:
            self.add_open_lots(position, order.side, -order.remaining_lots)
        del self.orders[slot]
        self.push_slot(slot)
        self.drop_empty_position(account, market)
        return order

    def reduce_order(self, slot: int, lots: int) -> None:
        """Takes lots off a resting order, its level and its owner's open lots."""
        order = self.order(slot)
        order.remaining_lots -= lots
        self._touch_order(slot, order)
        if not opens_margin_free(order):
            self.add_open_lots(self.account(order.account).positions[order.market], order.side, -lots)

    @staticmethod
    def add_open_lots(position: Position, side: int, lots: int) -> None:
        if side == 0:
            position.open_buy_lots += lots
        else:
            position.open_sell_lots += lots

    # --- touched records ---
    def take_touched(self) -> set[tuple[Arena, int]]:
        """Records looked at since the last call (the system record always)."""
        touched, self.touched = self.touched, {(Arena.SYSTEM, 0)}
        return touched

    def _touch_slot(self, slot: int) -> None:
        self.touched.add((Arena.ORDER, slot))

    def _touch_order(self, slot: int, order: Order) -> None:
        """The order, its neighbours in both lists, its level and the trie nodes above it."""
        for other in self._neighbours(slot, order):
            self._touch_slot(other)
        side_no = order.market * 4 + order.list
        self.touched.add((Arena.LEVEL, side_no * 2**24 + order.price_ticks))
        for shift, offset in TRIE_LAYERS:
            self.touched.add((Arena.TRIE, side_no * TRIE_NODES_PER_SIDE + offset + (order.price_ticks >> shift)))

    def _neighbours(self, slot: int, order: Order) -> Iterator[int]:
        level = self.markets[order.market].book.sides[order.list].levels[order.price_ticks]
        for chain in (level, self.accounts[order.account].orders):
            at = chain.index(slot)
            yield from chain[max(0, at - 1) : at + 2]
