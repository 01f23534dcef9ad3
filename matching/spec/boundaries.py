"""Time and batches (rules 14, 16): the only commands that move the clock, and those around a batch."""

from __future__ import annotations

from matching.codec import BatchClose, BatchOpen, ClockTick, Command, ResultCode
from matching.errors import CoreHalted
from matching.spec.limits import BATCH_COMMANDS_MAX, BATCH_TIME_MAX_MS, SEQ_BOUND, TIME_MS_BOUND
from matching.spec.state import State


def check_sequence(state: State, seq: int, *, opens: bool, closes: bool) -> None:
    """Sequence number and batch state that every command must meet; raises CoreHalted 2..5."""
    system = state.system
    _halt_unless(seq == system.seq + 1, ResultCode.SEQUENCE_GAP, f"expected {system.seq + 1}, found {seq}")
    _halt_unless(seq < SEQ_BOUND, ResultCode.SEQUENCE_EXHAUSTED)
    if opens:
        _halt_unless(not system.batch_open, ResultCode.BATCH_STATE, "the batch is open")
        return
    _halt_unless(bool(system.batch_open), ResultCode.BATCH_NOT_OPEN)
    full = seq - system.batch_first_seq >= BATCH_COMMANDS_MAX - 1
    _halt_unless(not full or closes, ResultCode.BATCH_STATE, "the batch is full")


def check_boundary(state: State, command: Command) -> None:
    """Conditions of BatchOpen, ClockTick and BatchClose; raises CoreHalted 5 or 6."""
    system, body = state.system, command.body
    if isinstance(body, BatchOpen):
        _halt_unless(body.batch_no == system.batch_no + 1, ResultCode.BATCH_STATE, f"batch {body.batch_no}")
        _halt_unless(system.time_ms <= body.time_ms < TIME_MS_BOUND, ResultCode.TIME_INVALID)
    if isinstance(body, ClockTick):
        in_batch = system.time_ms < body.time_ms <= system.batch_open_ms + BATCH_TIME_MAX_MS
        _halt_unless(in_batch and body.time_ms < TIME_MS_BOUND, ResultCode.TIME_INVALID)
    if isinstance(body, BatchClose):
        debt = [market.index for market in state.markets if market.has_debt(state.now)]
        _halt_unless(not debt, ResultCode.BATCH_STATE, f"markets {debt} have work due")


def process_batch_open(state: State, body: BatchOpen) -> None:
    """Opens a batch: withdrawals of the previous one have left."""
    system = state.system
    system.vault_total_e6 -= system.withdraw_pending_e6
    system.withdraw_pending_e6 = 0
    system.batch_no, system.batch_open = body.batch_no, 1
    system.time_ms = system.batch_open_ms = body.time_ms
    system.batch_first_seq = system.seq
    system.books_salt = body.books_salt


def _halt_unless(condition: bool, code: ResultCode, detail: str = "") -> None:
    if not condition:
        raise CoreHalted(code, f"{code.name} {detail}".strip())
