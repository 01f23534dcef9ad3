"""Bytes of the state's records as the rules lay them out (3.1, 3.3): derived from the model's lists."""

from __future__ import annotations

from dataclasses import replace

from matching.codec import Arena, BookHead, Level, Order, SystemRecord, TrieNode
from matching.spec.market import Market
from matching.spec.state import TRIE_LAYERS, TRIE_NODES_PER_SIDE, State

RECORD_BYTES = {
    Arena.VOLUME_RING: 128,
    Arena.SIGNER: 512,
    Arena.ORDER: 96,
    Arena.LEVEL: 32,
    Arena.TRIE: 8,
    Arena.BOOK_HEAD: 64,
    Arena.ADL_PLAN: 1056,
    Arena.MARKET_CONFIG: 256,
    Arena.MARKET_STATE: 128,
    Arena.SYSTEM: 512,
}
RECORDS_PER_PAGE = {Arena.LEVEL: 8, Arena.TRIE: 16}


def read_record(state: State, arena: Arena, index: int) -> bytes:
    """The record's bytes, of an account its header and used positions; a record never written is all zero."""
    if arena is Arena.ACCOUNT:
        return account_image(state, index)
    return _SHORT_RECORDS.get(arena, _absent)(state, index) or bytes(RECORD_BYTES[arena])


def read_page(state: State, arena: Arena, page: int) -> bytes:
    """The bytes that are hashed for a page; of an account only the used positions (rules 3.2)."""
    if arena is Arena.ACCOUNT:
        return account_image(state, page)
    per_page = RECORDS_PER_PAGE.get(arena, 1)
    return b"".join(read_record(state, arena, page * per_page + i) for i in range(per_page))


def account_image(state: State, number: int) -> bytes:
    """Header and positions 0..n-1 of an account, zero header when absent."""
    account = state.accounts.get(number)
    if account is None:
        return bytes(128)
    header = replace(
        account.header,
        orders_head=_link(account.orders, 0),
        orders_count=len(account.orders),
        position_count=len(account.positions),
    )
    return header.encode() + b"".join(position.encode() for position in account.sorted_positions())


def _absent(state: State, index: int) -> bytes:
    return b""


def _signer(state: State, index: int) -> bytes:
    return state.signers[index].encode() if index in state.signers else b""


def _link(chain: list[int], at: int) -> int:
    """Link to the element of a list: slot + 1, 0 when outside."""
    return chain[at] + 1 if 0 <= at < len(chain) else 0


def _order(state: State, slot: int) -> bytes:
    order = state.orders.get(slot)
    if order is None:
        return _free_slot(state, slot)
    level = state.markets[order.market].book.sides[order.list].levels[order.price_ticks]
    owned = state.accounts[order.account].orders
    in_level, in_account = level.index(slot), owned.index(slot)
    return replace(
        order,
        level_prev=_link(level, in_level - 1),
        level_next=_link(level, in_level + 1),
        account_prev=_link(owned, in_account - 1),
        account_next=_link(owned, in_account + 1),
    ).encode()


def _free_slot(state: State, slot: int) -> bytes:
    """A freed slot links to the one freed before it."""
    if slot not in state.free_slots:
        return b""
    return Order(level_next=_link(state.free_slots, state.free_slots.index(slot) - 1)).encode()


def _level(state: State, index: int) -> bytes:
    side_no, price = divmod(index, 2**24)
    market, kind = divmod(side_no, 4)
    if market >= len(state.markets) or kind > 1:
        return b""
    slots = state.markets[market].book.sides[kind].levels.get(price)
    if not slots:
        return b""
    orders = [state.orders[slot] for slot in slots]
    return Level(
        lots=sum(order.remaining_lots for order in orders),
        reduce_only_lots=sum(order.remaining_lots for order in orders if order.flags & 1),
        head=slots[0] + 1,
        tail=slots[-1] + 1,
        count=len(slots),
    ).encode()


def _trie_node(state: State, index: int) -> bytes:
    side_no, node = divmod(index, TRIE_NODES_PER_SIDE)
    market, kind = divmod(side_no, 4)
    if market >= len(state.markets) or kind > 1:
        return b""
    side = state.markets[market].book.sides[kind]
    shift, offset = max((layer for layer in TRIE_LAYERS if layer[1] <= node), key=lambda layer: layer[1])
    child = 2 ** (shift - 6)  # prices below one bit
    first = (node - offset) << shift
    if not side.any_between(first, first + 64 * child - 1):
        return b""
    bits = sum(1 << b for b in range(64) if side.any_between(first + b * child, first + (b + 1) * child - 1))
    return TrieNode(bits).encode()


def _book_head(state: State, market: int) -> bytes:
    if market >= len(state.markets):
        return b""
    book = state.markets[market].book
    return BookHead(
        [*(side.best for side in book.sides), 0, 0],
        [*(side.order_count for side in book.sides), 0, 0],
        book.last_trade_ticks,
    ).encode()


def _market(state: State, number: int) -> Market | None:
    return state.markets[number] if number < len(state.markets) else None


def _market_config(state: State, number: int) -> bytes:
    market = _market(state, number)
    return market.config.encode() if market else b""


def _market_state(state: State, number: int) -> bytes:
    market = _market(state, number)
    return market.state.encode() if market else b""


def system_record(state: State) -> SystemRecord:
    """The system record with its links."""
    return replace(state.system, free_slot=_link(state.free_slots, len(state.free_slots) - 1))


def _system(state: State, index: int) -> bytes:
    return system_record(state).encode()


_SHORT_RECORDS = {
    Arena.SIGNER: _signer,
    Arena.ORDER: _order,
    Arena.LEVEL: _level,
    Arena.TRIE: _trie_node,
    Arena.BOOK_HEAD: _book_head,
    Arena.MARKET_CONFIG: _market_config,
    Arena.MARKET_STATE: _market_state,
    Arena.SYSTEM: _system,
}
