"""What must hold after every command (rules 17). A violation is a fault of the machine, never of its input."""

from __future__ import annotations

from collections import Counter

from matching.codec import ResultCode
from matching.errors import InvariantViolation
from matching.spec.account import Account, opens_margin_free
from matching.spec.book import ASKS, BIDS
from matching.spec.dead_orders import find_death
from matching.spec.funding import compute_owed
from matching.spec.limits import MONEY_ABS_MAX, NONCES_MAX
from matching.spec.margin import compute_cross
from matching.spec.market import Market
from matching.spec.state import State


def check_invariants(state: State) -> None:
    """Raises InvariantViolation naming the first invariant that does not hold.

    I8 and I9 (single fills), I11 (nonces), I12 (FOK) and I13 (runs agree) are properties of commands, not of a state;
    tests check them where commands are at hand.
    """
    _check_money(state)
    for market in state.markets:
        _check_market_sums(state, market)
        _check_book(state, market)
    for account in state.accounts.values():
        _check_account_lists(state, account)
        _check_flat_scope(state, account)
    _check_slots(state)
    _check_counts(state)


def _require(condition: bool, name: str, detail: str) -> None:
    if not condition:
        raise InvariantViolation(name, detail)


def _check_money(state: State) -> None:
    """I1: all money adds up to what L1 holds for us."""
    accounts = state.accounts.values()
    owned = sum(account.header.collateral_e6 for account in accounts)
    owned += sum(p.iso_margin_e6 - p.cost_e6 for account in accounts for p in account.positions.values())
    owned += sum(market.state.fees_e6 + market.state.funding_pot_e6 for market in state.markets)
    owned += state.system.withdraw_pending_e6
    vault = state.system.vault_total_e6
    _require(owned == vault, "I1", f"accounts and markets hold {owned}, the vault {vault}")
    for account in accounts:
        amounts = [account.header.collateral_e6, *(p.cost_e6 for p in account.positions.values())]
        _require(all(abs(x) <= MONEY_ABS_MAX for x in amounts), "I1", f"account {account.id} is out of range")


def _check_market_sums(state: State, market: Market) -> None:
    """I2: every long has its short. I7: the pot covers what receivers have not taken."""
    held = [a.positions[market.index] for a in state.accounts.values() if market.index in a.positions]
    sizes = [p.size_lots for p in held]
    longs = sum(size for size in sizes if size > 0)
    _require(sum(sizes) == 0, "I2", f"market {market.index}: sizes add up to {sum(sizes)}")
    _require(longs == market.state.oi_lots, "I2", f"market {market.index}: {longs} long, {market.state.oi_lots} noted")
    unsettled = sum(p.size_lots * (market.state.funding_index - p.funding_index) for p in held)
    claims = market.state.funding_pot_e6 * 2**24 + unsettled
    _require(claims >= 0, "I7", f"market {market.index}: the pot lacks {-claims}")
    _require(market.state.fees_e6 >= 0, "I1", f"market {market.index}: fees {market.state.fees_e6}")


def _check_book(state: State, market: Market) -> None:
    """I3: live orders do not cross. I4: levels hold the orders they should, in order of age."""
    best = {}
    for side in market.book.sides:
        for price, slots in side.levels.items():
            orders = [state.orders[slot] for slot in slots]
            placed = all((o.market, o.list, o.price_ticks) == (market.index, side.kind, price) for o in orders)
            _require(bool(orders) and placed, "I4", f"market {market.index}: level {price} holds foreign orders")
            ids = [o.order_id for o in orders]
            _require(ids == sorted(ids), "I4", f"market {market.index}: level {price} is not in order of age")
            _require(all(o.remaining_lots > 0 for o in orders), "I4", f"level {price} holds an empty order")
        live = (p for p in side.prices() if any(not find_death(state, state.orders[s]) for s in side.levels[p]))
        best[side.kind] = next(live, None)
    bid, ask = best[BIDS], best[ASKS]
    crossed = bid is not None and ask is not None and bid >= ask
    _require(not crossed, "I3", f"market {market.index}: bid {bid} and ask {ask}")


def _check_account_lists(state: State, account: Account) -> None:
    """I5, I6: open lots and counts follow from the account's list, and every order is in both lists."""
    orders = [state.orders[slot] for slot in account.orders]
    _require(all(order.account == account.id for order in orders), "I6", f"account {account.id} lists foreign orders")
    for slot, order in zip(account.orders, orders, strict=True):
        level = state.markets[order.market].book.sides[order.list].levels.get(order.price_ticks, [])
        _require(level.count(slot) == 1, "I6", f"slot {slot} is not in its level")
    free = sum(opens_margin_free(order) for order in orders)
    _require(free == account.header.free_orders, "I5", f"account {account.id}: {free} free orders")
    counts, lots = Counter[int](), Counter[tuple[int, int]]()
    for order in orders:
        counts[order.market] += 1
        if not opens_margin_free(order):
            lots[order.market, order.side] += order.remaining_lots
    for market, p in account.positions.items():
        noted = (p.open_count, p.open_buy_lots, p.open_sell_lots)
        found = (counts.pop(market, 0), lots[market, 0], lots[market, 1])
        _require(noted == found, "I5", f"account {account.id}, market {market}: noted {noted}, found {found}")
        _require(any((p.size_lots, p.open_count)) or _differs(p.leverage, state, market), "I5", "an empty record stays")
    _require(not counts, "I5", f"account {account.id} has orders without position record")


def _differs(leverage: int, state: State, market: int) -> bool:
    return leverage != state.markets[market].config.leverage_max


def _check_flat_scope(state: State, account: Account) -> None:
    """I14: nothing is owed by a scope that holds nothing."""
    if not any(p.size_lots for p in account.positions.values()):
        equity = compute_cross(account, state.markets).equity
        _require(equity >= 0, "I14", f"account {account.id} is flat with equity {equity}")
    else:
        owed = [compute_owed(p, state.markets[p.market].state) for p in account.positions.values() if not p.size_lots]
        _require(not any(owed), "I7", f"account {account.id} owes funding without a position")


def _check_slots(state: State) -> None:
    """I10: free list, live orders and unused slots partition the arena."""
    slots = sorted([*state.free_slots, *state.orders])
    _require(slots == list(range(state.system.slots_used)), "I10", "slots are lost or doubled")
    owned = sum(len(account.orders) for account in state.accounts.values())
    booked = sum(side.order_count for market in state.markets for side in market.book.sides)
    _require(owned == booked == len(state.orders), "I6", f"{owned} owned, {booked} booked, {len(state.orders)} live")
    for slot, order in state.orders.items():
        _require(order.order_id % 2**21 == slot, "I10", f"slot {slot} holds order id {order.order_id}")


def _check_counts(state: State) -> None:
    system, accounts = state.system, state.accounts.values()
    held = sum(p.size_lots != 0 for account in accounts for p in account.positions.values())
    _require(held == system.positions_count, "I2", f"{held} positions, {system.positions_count} noted")
    flagged = sum(account.in_liquidation for account in accounts)
    _require(flagged == system.liq_count, "I2", f"{flagged} flags, {system.liq_count} noted")
    for index, signer in state.signers.items():
        used = signer.nonces[: signer.count]
        sound = signer.count <= NONCES_MAX and len(set(used)) == len(used)
        _require(sound, "I11", f"signer {index}: a nonce is noted twice ({ResultCode.NONCE_USED})")
