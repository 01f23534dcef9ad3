"""The state machine: one command in, its events out. The readable twin of the core."""

from __future__ import annotations

from dataclasses import replace

from matching.codec import (
    L1_KINDS,
    RELEASED_KINDS,
    SIGNED_KINDS,
    AccountWork,
    ApproveAgent,
    Arena,
    BatchClose,
    BatchOpen,
    CancelAll,
    CancelOrders,
    ClockTick,
    CodecError,
    CodecReason,
    Command,
    CommandDone,
    CommandHeader,
    CommandKind,
    CreateMarket,
    Deposit,
    Event,
    ExpireOrders,
    FeeTier,
    FundInsurance,
    InsuranceOrder,
    LiquidationCheck,
    LiquidationStep,
    MarketWork,
    OracleRound,
    PlaceOrders,
    ResultCode,
    SetMarketStatus,
    SetOracleSigners,
    UpdateMarket,
    Withdraw,
    decode_command,
    split_commands,
)
from matching.codec.codes import FLAG_REDUCE_ONLY
from matching.errors import CoreHalted
from matching.spec.account import Account
from matching.spec.boundaries import check_boundary, check_sequence, process_batch_open
from matching.spec.cancelling import (
    process_account_work,
    process_cancel,
    process_cancel_all,
    process_expire_orders,
)
from matching.spec.limits import MATCH_STEPS_MAX
from matching.spec.liquidation import process_check, process_step
from matching.spec.market_admin import (
    process_create_market,
    process_market_status,
    process_oracle_signers,
    process_update_market,
)
from matching.spec.market_work import process_market_work
from matching.spec.matching import Budget
from matching.spec.money import Withdrawal, process_deposit, process_fund_insurance, process_withdraw
from matching.spec.oracle import process_oracle_round
from matching.spec.pages import read_record
from matching.spec.placing import process_leg
from matching.spec.poseidon2 import TAG_COMMAND_CHAIN, Permutation, absorb, permute
from matching.spec.refusal import Refused, check
from matching.spec.signers import authorise, process_approve_agent
from matching.spec.state import State
from matching.spec.state_root import StateHasher

# Bodies whose reserved bytes are judged like their values (113): an L1 request must never stop the engine.
LENIENT_KINDS = (
    CommandKind.CREATE_MARKET,
    CommandKind.UPDATE_MARKET,
    CommandKind.SET_MARKET_STATUS,
    CommandKind.SET_ORACLE_SIGNERS,
)


class Model:
    """Same commands, events, records and roots as `matching.engine.Engine`, written to be read."""

    def __init__(
        self,
        fund_owner: bytes,
        fee_owner: bytes,
        taker_ppm: int = 450,
        maker_ppm: int = 150,
        insurance_share_ppm: int = 100_000,
        permutation: Permutation = permute,
    ) -> None:
        self.state = State(fund_owner, fee_owner, FeeTier(0, taker_ppm, maker_ppm), insurance_share_ppm)
        self.withdrawals: list[Withdrawal] = []  # of the current batch
        self._hasher = StateHasher(permutation)
        self._permutation = permutation
        self._unhashed: set[tuple[Arena, int]] = set()
        self._last_touched: set[tuple[Arena, int]] = set()

    # --- running ---
    def apply(self, command: bytes) -> bytes:
        """Applies one command; its events, the last of them CommandDone. Raises CoreHalted, then nothing changed."""
        return b"".join(event.encode() for event in self.apply_events(command))

    def apply_events(self, command: bytes) -> list[Event]:
        """As `apply`, with the events decoded."""
        decoded, malformed = self._check_halting(command)
        kind, account = int.from_bytes(command[:2], "little"), int.from_bytes(command[16:20], "little")
        self._chain(command)
        self.state.system.seq += 1
        events: list[Event] = []
        code, legs_ok = malformed, 0
        if decoded:
            try:
                code, legs_ok = self._process(decoded, events)
            except Refused as refusal:
                code = refusal.code
        if kind in L1_KINDS and code is not ResultCode.PRIORITY_ORDER:
            self.state.system.priority_done += 1
        events.append(Event(CommandDone(account, legs_ok), code))
        self._note_touched()
        stamp = (self.state.system.seq, self.state.system.time_ms)
        return [replace(event, seq=stamp[0], time_ms=stamp[1]) for event in events]

    def apply_many(self, commands: bytes) -> tuple[int, bytes]:
        """Applies concatenated commands; how many, and all events."""
        parts = split_commands(commands)
        return len(parts), b"".join(self.apply(part) for part in parts)

    # --- looking ---
    def state_root(self) -> bytes:
        """The 32 bytes of rules 3.2."""
        self._note_touched()
        touched, self._unhashed = self._unhashed, set()
        return self._hasher.root(self.state, touched)

    def read(self, arena: int, index: int) -> bytes:
        """Bytes of a record; zeros when it was never written."""
        return read_record(self.state, Arena(arena), index)

    def levels(self, market: int, side: int, depth: int) -> list[tuple[int, int]]:
        """(price in ticks, lots) of the best levels."""
        book_side = self.state.markets[market].book.sides[side]
        return [
            (price, sum(self.state.orders[slot].remaining_lots for slot in book_side.levels[price]))
            for price in book_side.prices()[:depth]
        ]

    def open_orders(self, account: int) -> list[bytes]:
        """Records of an account's open orders, newest first."""
        owner = self.state.accounts.get(account)
        return [self.read(Arena.ORDER, slot) for slot in owner.orders] if owner else []

    def touched_records(self) -> set[tuple[Arena, int]]:
        """Records that the last command may have changed."""
        return self._last_touched

    # --- inside ---
    def _note_touched(self) -> None:
        touched = self.state.take_touched()
        self._last_touched = touched
        self._unhashed |= touched

    def _chain(self, command: bytes) -> None:
        system = self.state.system
        digest = absorb(TAG_COMMAND_CHAIN, command, permutation=self._permutation)
        system.command_chain = absorb(TAG_COMMAND_CHAIN, system.command_chain + digest, permutation=self._permutation)

    def _check_halting(self, data: bytes) -> tuple[Command | None, ResultCode]:
        """The decoded command, or None and the code of one that is recorded as refused. Raises CoreHalted."""
        try:
            command: Command | None = decode_command(data)
            code = ResultCode.OK
        except CodecError as error:
            command, code = None, self._judge_malformed(data, error)
        if command and command.kind not in RELEASED_KINDS:
            if command.kind not in SIGNED_KINDS:
                raise CoreHalted(ResultCode.MALFORMED, f"kind {command.kind} is not released")
            command, code = None, ResultCode.MALFORMED
        kind, seq = int.from_bytes(data[:2], "little"), int.from_bytes(data[8:16], "little")
        opens, closes = kind == CommandKind.BATCH_OPEN, kind == CommandKind.BATCH_CLOSE
        check_sequence(self.state, seq, opens=opens, closes=closes)
        if command:
            check_boundary(self.state, command)
        return command, code

    def _judge_malformed(self, data: bytes, error: CodecError) -> ResultCode:
        kind = int.from_bytes(data[:2], "little")
        if len(data) >= CommandHeader.SIZE and kind in SIGNED_KINDS:
            return ResultCode.MALFORMED
        whole_header = len(data) >= CommandHeader.SIZE + 8 and not any(data[16:48])
        if whole_header and kind in LENIENT_KINDS and error.reason is CodecReason.PADDING:
            return self._judge_lenient(kind, data[CommandHeader.SIZE :])
        raise CoreHalted(ResultCode.MALFORMED, str(error)) from error

    def _judge_lenient(self, kind: int, body: bytes) -> ResultCode:
        """Code of a governance request with a reserved byte that is not zero."""
        l1_index, market = int.from_bytes(body[:8], "little"), int.from_bytes(body[8:10], "little")
        if l1_index != self.state.system.priority_done:
            return ResultCode.PRIORITY_ORDER
        names_market = kind in (CommandKind.UPDATE_MARKET, CommandKind.SET_MARKET_STATUS)
        if names_market and market >= self.state.system.market_count:
            return ResultCode.MARKET_UNKNOWN
        return ResultCode.FEE_OR_MARKET_CONFIG

    def _process(self, command: Command, events: list[Event]) -> tuple[ResultCode, int]:
        """Code of the command and number of its legs with code OK."""
        if command.kind in SIGNED_KINDS:
            return self._process_signed(command, authorise(self.state, command), events)
        if command.kind in L1_KINDS:
            l1_index = getattr(command.body, "l1_index")  # noqa: B009  (every L1 body has it)
            check(l1_index == self.state.system.priority_done, ResultCode.PRIORITY_ORDER)
            self._process_l1(command, events)
            return ResultCode.OK, 0
        return self._process_sequenced(command, events), 0

    def _process_signed(self, command: Command, account: Account, events: list[Event]) -> tuple[ResultCode, int]:
        state, codes = self.state, []
        match command.body:
            case PlaceOrders(legs):
                budget = Budget(MATCH_STEPS_MAX)
                codes = [process_leg(state, account, leg, i, budget, events) for i, leg in enumerate(legs)]
            case InsuranceOrder([leg]):
                closing = replace(leg, flags=leg.flags | FLAG_REDUCE_ONLY)
                codes = [process_leg(state, account, closing, 0, Budget(MATCH_STEPS_MAX), events)]
            case CancelOrders(items):
                codes = [process_cancel(state, account, item, i, events) for i, item in enumerate(items)]
            case CancelAll(market):
                process_cancel_all(state, account, market, events)
            case ApproveAgent() as agent:
                process_approve_agent(state, account, agent, command.nonce)
            case Withdraw(amount):
                process_withdraw(state, account, amount, self.withdrawals, events)
        return ResultCode.OK, sum(code is ResultCode.OK for code in codes)

    def _process_l1(self, command: Command, events: list[Event]) -> None:
        match command.body:
            case Deposit() as deposit:
                process_deposit(self.state, deposit, self.withdrawals, events)
            case FundInsurance() as funding:
                process_fund_insurance(self.state, funding, self.withdrawals, events)
            case CreateMarket() as creation:
                process_create_market(self.state, creation)
            case UpdateMarket() as update:
                process_update_market(self.state, update)
            case SetMarketStatus() as status:
                process_market_status(self.state, status)
            case SetOracleSigners() as signers:
                process_oracle_signers(self.state, signers)

    def _process_sequenced(self, command: Command, events: list[Event]) -> ResultCode:
        state = self.state
        match command.body:
            case BatchOpen() as opening:
                process_batch_open(state, opening)
                self.withdrawals = []
            case ClockTick(time_ms):
                state.system.time_ms = time_ms
            case OracleRound() as oracle_round:
                process_oracle_round(state, oracle_round, events)
            case MarketWork(market):
                process_market_work(state, market, events)
            case AccountWork(account):
                process_account_work(state, account, events)
            case ExpireOrders(slots):
                process_expire_orders(state, slots, events)
            case LiquidationCheck(account, scope):
                process_check(state, account, scope, events)
            case LiquidationStep(account, scope):
                return process_step(state, account, scope, events)
            case BatchClose():
                state.system.batch_open = 0
        return ResultCode.OK
