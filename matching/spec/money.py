"""Money in and out: deposits, insurance funding, withdrawals (rules 4.4)."""

from __future__ import annotations

from dataclasses import dataclass

from matching.codec import Deposit, Event, FundInsurance, MoneyMoved, MoneyReason, ResultCode
from matching.spec.account import Account
from matching.spec.funding import FUND, settle_account
from matching.spec.limits import ACCOUNTS_MAX, AMOUNT_MAX, MONEY_ABS_MAX
from matching.spec.margin import can_withdraw
from matching.spec.poseidon2 import TAG_WITHDRAW_CHAIN, absorb
from matching.spec.refusal import Refused, check
from matching.spec.state import State


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One entry of the withdrawals list; `index` counts over all batches."""

    index: int
    recipient: bytes
    amount_e6: int


def process_deposit(state: State, body: Deposit, withdrawals: list[Withdrawal], events: list[Event]) -> None:
    """Credits an owner; the account may be created. Refused money goes back to the owner's withdrawals."""
    try:
        account = _find_or_create(state, body)
        _credit(state, account, body.amount_e6, MoneyReason.DEPOSIT, events)
    except Refused:
        list_withdrawal(state, body.owner, body.amount_e6, withdrawals)
        raise


def process_fund_insurance(
    state: State, body: FundInsurance, withdrawals: list[Withdrawal], events: list[Event]
) -> None:
    """Credits account 0, otherwise as a deposit."""
    fund = state.account(FUND)
    try:
        _credit(state, fund, body.amount_e6, MoneyReason.INSURANCE, events)
    except Refused:
        list_withdrawal(state, fund.header.owner, body.amount_e6, withdrawals)
        raise


def _find_or_create(state: State, body: Deposit) -> Account:
    """The account that the contract named; the next number is created even if the money is refused later."""
    count = state.system.account_count
    check(any(body.owner), ResultCode.ACCOUNT_UNKNOWN)
    if body.account == count:
        check(count < ACCOUNTS_MAX, ResultCode.ACCOUNTS_FULL)
        return state.create_master(body.owner, body.salt, body.view_key)
    check(body.account < count, ResultCode.ACCOUNT_UNKNOWN)
    account = state.account(body.account)
    check(account.header.owner == body.owner, ResultCode.ACCOUNT_UNKNOWN)
    return account


def _credit(state: State, account: Account, amount: int, reason: MoneyReason, events: list[Event]) -> None:
    system, header = state.system, account.header
    fits = 1 <= amount <= AMOUNT_MAX and system.vault_total_e6 + amount <= AMOUNT_MAX
    check(fits and header.collateral_e6 + amount <= MONEY_ABS_MAX, ResultCode.MONEY_LIMIT)
    header.collateral_e6 += amount
    system.vault_total_e6 += amount
    events.append(Event(MoneyMoved(account.id, reason, amount, header.collateral_e6)))


def process_withdraw(
    state: State, account: Account, amount: int, withdrawals: list[Withdrawal], events: list[Event]
) -> None:
    """Takes money that no margin needs; it leaves with this batch."""
    check(1 <= amount <= AMOUNT_MAX, ResultCode.AMOUNT_INVALID)
    markets = [state.market(number) for number in account.positions]
    usable = not any(market.is_stale(state.now) or market.is_catching_up for market in markets)
    check(usable, ResultCode.INDEX_STALE)
    settle_account(state, account, events)
    check(can_withdraw(account, state.markets, amount), ResultCode.WITHDRAW_TOO_LARGE)
    check(account.header.collateral_e6 - amount >= -MONEY_ABS_MAX, ResultCode.MONEY_LIMIT)
    account.header.collateral_e6 -= amount
    state.system.withdraw_pending_e6 += amount
    list_withdrawal(state, account.header.owner, amount, withdrawals)
    events.append(Event(MoneyMoved(account.id, MoneyReason.WITHDRAW, -amount, account.header.collateral_e6)))


def list_withdrawal(state: State, recipient: bytes, amount: int, withdrawals: list[Withdrawal]) -> None:
    """Appends to the withdrawals of this batch and to the chain over all of them; nothing for no money."""
    if amount == 0:
        return
    system = state.system
    withdrawals.append(Withdrawal(system.withdraw_count, recipient, amount))
    entry = recipient + bytes(4) + amount.to_bytes(8, "little")
    system.withdraw_chain = absorb(TAG_WITHDRAW_CHAIN, system.withdraw_chain + entry)
    system.withdraw_count += 1
