"""A small exchange for tests: builds commands with running sequence numbers, nonces and L1 indexes for any machine."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from matching.codec import (
    ApproveAgent,
    BatchClose,
    BatchOpen,
    CancelAll,
    CancelItem,
    CancelOrders,
    ClockTick,
    Command,
    CommandBody,
    CommandDone,
    CreateMarket,
    Deposit,
    Event,
    EventBody,
    FundInsurance,
    Leg,
    LiquidationCheck,
    LiquidationStep,
    MarginTier,
    MarketConfig,
    MarketWork,
    OracleReport,
    OracleRound,
    OracleSigner,
    PlaceOrders,
    ResultCode,
    SetMarketStatus,
    SetOracleSigners,
    UpdateMarket,
    Withdraw,
    decode_events,
)
from matching.spec.margin import deductions

FUND_OWNER = bytes.fromhex("f0" * 20)
FEE_OWNER = bytes.fromhex("fe" * 20)
START_MS = 1_749_999_600_000  # a whole hour

BUY, SELL = 0, 1
GTC, IOC, FOK, POST_ONLY = 0, 1, 2, 3
SCOPE = 0xFFFF


Body = TypeVar("Body", bound=EventBody)


class Machine(Protocol):
    """What model and engine have in common."""

    def apply(self, command: bytes) -> bytes: ...

    def state_root(self) -> bytes: ...


def owner_of(number: int) -> bytes:
    """Address of the n-th test owner."""
    return (0xA000 + number).to_bytes(20, "big")


def tiers_of(*rows: tuple[int, int, int]) -> list[MarginTier]:
    """Four tiers with their deductions from (upper, imf, mmf) rows."""
    uppers = [row[0] for row in rows]
    im, mm = (deductions(uppers, [row[column] for row in rows]) for column in (1, 2))
    used = [MarginTier(upper, imf, mmf, im[i], mm[i]) for i, (upper, imf, mmf) in enumerate(rows)]
    return used + [MarginTier() for _ in range(4 - len(used))]


def market_b(**changes: Any) -> MarketConfig:
    """Market B of the worked examples (rules 20)."""
    values: dict[str, Any] = {
        "lot_tick_value_e6": 1,
        "price_ticks_max": 4_000_000,
        "position_lots_max": 10_000_000,
        "order_lots_max": 10_000_000,
        "oi_lots_max": 1_000_000_000,
        "order_notional_min_e6": 0,
        "tiers": tiers_of((5 * 10**12, 20_000, 10_000), (20 * 10**12, 40_000, 20_000), (0, 100_000, 50_000)),
        "leverage_max": 50,
        "tier_count": 3,
        "band_ppm": 50_000,
        "passive_band_ppm": 800_000,
        "basis_cap_ppm": 5_000,
        "basis_tau_ms": 30_000,
        "step_ppm_per_s": 5_000,
        "impact_notional_e6": 10**10,
        "interest_ppb": 100_000,
        "interest_clamp_ppb": 500_000,
        "funding_cap_ppb": 40_000_000,
        "liq_fee_ppm": 5_000,
        "liq_chunk_e6": 10**11,
        "index_age_max_ms": 10_000,
        "symbol": b"B".ljust(16, b"\0"),
    }
    return MarketConfig(**{**values, **changes})


class Venue:
    """Drives a machine; every method sends one command and returns its events."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.seq = 0
        self.now = START_MS
        self.batch_no = 0
        self.l1_index = 0
        self.accounts = 2
        self.markets = 0
        self.nonces: dict[tuple[int, int], int] = {}

    # --- commands ---
    def send(self, body: CommandBody, **header: int) -> list[Event]:
        """One command with the next sequence number."""
        events = decode_events(self.machine.apply(Command(self.seq + 1, body, **header).encode()))
        self.seq += 1
        return events

    def sign(
        self, account: int, body: CommandBody, slot: int = 0, nonce: int | None = None, expires: int = 0
    ) -> list[Event]:
        """A signed command with a fresh nonce."""
        if nonce is None:
            nonce = self.nonces.get((account, slot), START_MS) + 1
            self.nonces[account, slot] = nonce
        return self.send(body, account=account, signer_slot=slot, nonce=nonce, expires_ms=expires, payload_tag=7)

    def open_batch(self, time_ms: int | None = None) -> list[Event]:
        self.now = time_ms or self.now
        self.batch_no += 1
        return self.send(BatchOpen(self.batch_no, self.now, bytes([self.batch_no % 256]) * 32))

    def close_batch(self) -> list[Event]:
        return self.send(BatchClose())

    def tick(self, ms: int) -> list[Event]:
        self.now += ms
        return self.send(ClockTick(self.now))

    def pass_time(self, ms: int) -> None:
        """Closes the batch, opens the next one `ms` later and does the market work due."""
        for market in range(self.markets):
            self.work(market)
        self.close_batch()
        self.open_batch(self.now + ms)
        for market in range(self.markets):
            self.work(market)

    def work(self, market: int) -> list[Event]:
        return self.send(MarketWork(market))

    def signers(self, k: int = 1, n: int = 1) -> list[Event]:
        body = SetOracleSigners(self.l1_index, k, 1, [OracleSigner(bytes([i + 1]) * 20) for i in range(n)])
        self.l1_index += 1
        return self.send(body)

    def create_market(self, config: MarketConfig) -> list[Event]:
        events = self.send(CreateMarket(self.l1_index, self.markets, config.encode()))
        self.l1_index += 1
        self.markets += code_of(events) == ResultCode.OK
        return events

    def update_market(self, market: int, config: MarketConfig) -> list[Event]:
        events = self.send(UpdateMarket(self.l1_index, market, config.encode()))
        self.l1_index += 1
        return events

    def set_status(self, market: int, status: int) -> list[Event]:
        events = self.send(SetMarketStatus(self.l1_index, market, status))
        self.l1_index += 1
        return events

    def deposit(self, amount: int, account: int | None = None) -> int:
        """Deposits for an account, a new one when none is named; its number."""
        number = self.accounts if account is None else account
        owner = {0: FUND_OWNER, 1: FEE_OWNER}.get(number, owner_of(number))
        self.send(Deposit(self.l1_index, owner, number, amount, b"\5" * 16, b"\6" * 32))
        self.l1_index += 1
        self.accounts = max(self.accounts, number + 1)
        return number

    def fund(self, amount: int) -> list[Event]:
        self.l1_index += 1
        return self.send(FundInsurance(self.l1_index - 1, amount))

    def prices(self, *fine: int, signers: int = 1) -> list[Event]:
        """One oracle round; all signers report the same prices at the present time."""
        quotes = list(fine) + [0] * (62 - len(fine))
        return self.send(OracleRound([OracleReport(i, self.now, quotes) for i in range(signers)]))

    def place(self, account: int, side: int, price: int, lots: int, tif: int = GTC, **leg: Any) -> list[Event]:
        """One order, limit unless said otherwise."""
        fields = {"market": 0, "fee_max_ppm": 500, **leg}
        return self.sign(account, PlaceOrders([Leg(side=side, price_ticks=price, size_lots=lots, tif=tif, **fields)]))

    def cancel(self, account: int, *items: CancelItem) -> list[Event]:
        return self.sign(account, CancelOrders(list(items)))

    def cancel_all(self, account: int, market: int = 0xFFFF) -> list[Event]:
        return self.sign(account, CancelAll(market))

    def withdraw(self, account: int, amount: int) -> list[Event]:
        return self.sign(account, Withdraw(amount))

    def approve(self, account: int, slot: int, address: bytes, expiry_ms: int) -> list[Event]:
        return self.sign(account, ApproveAgent(slot, 0, address, expiry_ms))

    def check_liquidation(self, account: int) -> list[Event]:
        return self.send(LiquidationCheck(account, SCOPE))

    def liquidate(self, account: int) -> list[Event]:
        return self.send(LiquidationStep(account, SCOPE))


def start(machine: Machine, *configs: MarketConfig, price: int = 256_000_000) -> Venue:
    """An open batch with markets, one oracle signer and an index price of each market."""
    venue = Venue(machine)
    venue.open_batch()
    venue.signers()
    for config in configs or (market_b(),):
        venue.create_market(config)
    venue.prices(*[price] * venue.markets)
    return venue


def code_of(events: list[Event]) -> ResultCode:
    """Result code of a command."""
    assert isinstance(events[-1].body, CommandDone)
    return ResultCode(events[-1].code)


def leg_code(events: list[Event]) -> ResultCode:
    """Code of the only leg or item of a command."""
    kinds = ("OrderAccepted", "OrderRefused")
    codes = [event.code for event in events if type(event.body).__name__ in kinds]
    assert len(codes) == 1, codes
    return ResultCode(codes[0])


def bodies(events: list[Event], kind: type[Body]) -> list[Body]:
    """Bodies of one kind."""
    return [event.body for event in events if isinstance(event.body, kind)]
