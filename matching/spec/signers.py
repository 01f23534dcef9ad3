"""Who may sign: agents, expiry, and nonces that are accepted once (rules 4.4)."""

from __future__ import annotations

from matching.codec import ApproveAgent, Command, CommandKind, ResultCode, Signer
from matching.spec.account import Account
from matching.spec.limits import (
    AGENT_EXPIRY_MAX_MS,
    NONCE_FUTURE_MS,
    NONCE_PAST_MS,
    NONCES_MAX,
    SIGNER_SLOTS,
)
from matching.spec.refusal import Refused, check
from matching.spec.state import State

OWNER_KINDS = (
    CommandKind.APPROVE_AGENT,
    CommandKind.CREATE_SUB_ACCOUNT,
    CommandKind.TRANSFER,
    CommandKind.WITHDRAW,
)


def authorise(state: State, command: Command) -> Account:
    """The account a signed command acts for; its nonce is used up from code 17 on. Raises Refused 10..19."""
    account = state.find_account(command.account)
    if account is None:
        raise Refused(ResultCode.ACCOUNT_UNKNOWN)
    check(command.signer_slot < SIGNER_SLOTS, ResultCode.SIGNER_UNKNOWN)
    signer = state.signer(account.header.master, command.signer_slot)
    check(any(signer.address), ResultCode.SIGNER_UNKNOWN)
    check(signer.expiry_ms > state.now, ResultCode.SIGNER_EXPIRED)
    check(command.kind not in OWNER_KINDS or command.signer_slot == 0, ResultCode.SIGNER_NOT_ALLOWED)
    check(command.kind is not CommandKind.INSURANCE_ORDER or account.id == 0, ResultCode.SIGNER_NOT_ALLOWED)
    use_nonce(signer, command.nonce, state.now)
    check(command.expires_ms == 0 or command.expires_ms > state.now, ResultCode.REQUEST_EXPIRED)
    if command.kind in (CommandKind.PLACE_ORDERS, CommandKind.WITHDRAW):
        check(not account.has_debt(state.now), ResultCode.ACCOUNT_WORK_PENDING)
        check(not account.in_liquidation, ResultCode.ACCOUNT_IN_LIQUIDATION)
    return account


def use_nonce(signer: Signer, nonce: int, now: int) -> None:
    """Remembers a nonce, or refuses it with 14, 15 or 16. The lowest of 56 is forgotten and bounds later ones."""
    check(now - NONCE_PAST_MS < nonce < now + NONCE_FUTURE_MS, ResultCode.NONCE_OUT_OF_WINDOW)
    known = signer.nonces[: signer.count]
    check(nonce not in known, ResultCode.NONCE_USED)
    check(nonce > signer.nonce_min, ResultCode.NONCE_TOO_OLD)
    if signer.count < NONCES_MAX:
        signer.nonces[signer.count] = nonce
        signer.count += 1
        return
    lowest = min(known)
    check(nonce > lowest, ResultCode.NONCE_TOO_OLD)
    signer.nonces[known.index(lowest)] = nonce


def process_approve_agent(state: State, account: Account, body: ApproveAgent, nonce: int) -> None:
    """Overwrites an agent slot; older actions of a newly approved address stay dead through nonce_min."""
    master = account.header.master
    check(1 <= body.slot < SIGNER_SLOTS, ResultCode.AGENT_INVALID)
    check(any(body.address) and body.address != account.header.owner, ResultCode.AGENT_INVALID)
    for slot in range(1, SIGNER_SLOTS):
        other = state.signer(master, slot)
        taken = slot != body.slot and other.address == body.address and other.expiry_ms > state.now
        check(not taken, ResultCode.AGENT_INVALID)
    check(body.expiry_ms <= state.now + AGENT_EXPIRY_MAX_MS, ResultCode.AGENT_INVALID)
    index = master * SIGNER_SLOTS + body.slot
    state.signer(master, body.slot)
    state.signers[index] = Signer(body.address, body.flags, body.expiry_ms, nonce_min=nonce)
