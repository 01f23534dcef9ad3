"""Random command streams, realistic and nasty, from one seed.

The generator looks at the model's state, so that cancels name real orders, prices cross, accounts fail and time is due.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from matching.codec import (
    COMMAND_BODIES,
    AccountWork,
    ApproveAgent,
    BatchClose,
    BatchOpen,
    CancelAll,
    CancelItem,
    CancelOrders,
    ClockTick,
    Command,
    CommandBody,
    CommandKind,
    CreateMarket,
    Deposit,
    ExpireOrders,
    FundInsurance,
    InsuranceOrder,
    Leg,
    LiquidationCheck,
    LiquidationStep,
    MarketConfig,
    MarketWork,
    OracleReport,
    OracleRound,
    OracleSigner,
    PlaceOrders,
    SetMarketStatus,
    SetOracleSigners,
    UpdateMarket,
    Withdraw,
)
from matching.spec.machine import Model
from matching.spec.margin import compute_cross
from matching.spec.market import Market
from tests.property.matching.steps import Step
from tests.spec.venue import FUND_OWNER, START_MS, market_b, owner_of, tiers_of

ORACLES = 3
GENTLE = (10, 25, 80, 300)
MINUTE, HOUR = 60_000, 3_600_000


def random_config(rng: random.Random) -> MarketConfig:
    """A valid market: coarse or fine ticks, high or low leverage, roomy or tight limits."""
    k = rng.choice((1, 1, 10, 1000))
    leverage = rng.choice((10, 20, 50))
    imf = -(-1_000_000 // leverage)
    mmf = imf // 2
    upper = rng.choice((10**9, 5 * 10**12))
    tight = rng.random() < 0.3
    return market_b(
        lot_tick_value_e6=k,
        price_ticks_max=min(4_000_000, (2**28 - 1) // k),
        position_lots_max=rng.randrange(2_000, 20_000) if tight else 2**32 // k,
        order_lots_max=1_500 if tight else 2**31 // k,
        oi_lots_max=rng.randrange(5_000, 30_000) if tight else 2**36 // k,
        order_notional_min_e6=rng.choice((0, 10**7, 10**8)),
        leverage_max=leverage,
        tier_count=2,
        tiers=tiers_of((upper, imf, mmf), (0, imf + 20_000, mmf + 15_000)),
        band_ppm=rng.choice((50_000, 100_000)),
        passive_band_ppm=rng.choice((100_000, 800_000)),
        basis_cap_ppm=min(5_000, mmf // 2),
        basis_tau_ms=rng.choice((1_000, 150_000)),
        step_ppm_per_s=rng.choice((5_000, 200_000)),
        impact_notional_e6=rng.choice((1, 10**9, 10**11)),
        interest_ppb=rng.choice((100_000, -50_000)),
        funding_cap_ppb=rng.choice((40_000_000, 10_000)),
        liq_fee_ppm=rng.choice((0, 5_000, 50_000)),
        liq_chunk_e6=rng.choice((0, 10**9, 10**11)),
        index_age_max_ms=rng.choice((10_000, 60_000, HOUR)),
    )


class Flow:
    """Chooses the next step from the present state of a model."""

    def __init__(self, seed: int, model: Model) -> None:
        self.rng = random.Random(seed)
        self.model = model
        self.prices: list[int] = []  # true price of each market in fine units
        self.trend = 0.0
        self.nonce = START_MS
        self.old_nonces: list[int] = []
        self.patient = self.rng.random() < 0.7  # does due work before trading
        self.hoarder = self.rng.choice((0, 2, 3))  # an account that collects resting orders, if any
        self.choices = self._choices()

    def _choices(self) -> list[tuple[Callable[[], Step], int]]:
        return [
            (self.place, 40),
            (self.hoard, 5 if self.hoarder else 0),
            (self.cancel, 12),
            (self.cancel_all, 2),
            (self.oracle, 12),
            (self.tick, 10),
            (self.market_work, 4),
            (self.account_work, 2),
            (self.expire, 2),
            (self.check, 6),
            (self.liquidate, 6),
            (self.deposit, 3),
            (self.withdraw, 4),
            (self.approve, 1),
            (self.insurance, 3),
            (self.fund, 1),
            (self.govern, 2),
            (self.next_batch, 2),
            (self.nonsense, 2),
        ]

    # --- the stream ---
    def opening(self) -> list[Step]:
        """First steps: a batch, oracle signers, markets."""
        signers = [OracleSigner(bytes([i + 1]) * 20) for i in range(ORACLES)]
        steps = [
            self._step(BatchOpen(0, START_MS + self.rng.randrange(HOUR), bytes(32))),
            self._step(SetOracleSigners(0, 2, 1, signers)),
        ]
        for number in range(self.rng.choice((1, 2, 3))):
            steps.append(self._step(CreateMarket(0, number, random_config(self.rng).encode())))
            self.prices.append(self.rng.choice((100_003, 256_000_000 // 4)))
        return steps

    def next(self) -> Step:
        """One more step."""
        state = self.model.state
        if not state.system.batch_open:
            return self.open_batch()
        if self.rng.random() < 0.03:
            self.trend = self.rng.choice((0, 0, 0.004, -0.004, 0.02, -0.02))
        if len(state.accounts) < 6:
            return self.deposit()
        if self.patient:
            due = [m.index for m in state.markets if m.has_debt(state.now)]
            if due and self.rng.random() < 0.8:
                return self._step(MarketWork(self.rng.choice(due)))
        makers, weights = zip(*self.choices, strict=True)
        return self.rng.choices(makers, weights)[0]()

    def _step(self, body: CommandBody, **fields: Any) -> Step:
        return Step(Command(0, body), **fields)

    def _signed(self, account: int, body: CommandBody) -> Step:
        rng = self.rng
        self.nonce += rng.choice((1, 1, 1, 5))
        nonce, expires, slot = self.nonce + rng.choice((0, 0, 0, -3)), 0, 0
        trick = rng.random()
        if trick < 0.02 and self.old_nonces:
            nonce = rng.choice(self.old_nonces)
        elif trick < 0.03:
            nonce = self.nonce - rng.choice((200, 2_000, 1))
        elif trick < 0.035:
            nonce = rng.choice((0, 2**63, self.model.state.now - 172_800_000, self.model.state.now + 86_400_000))
        elif trick < 0.05:
            expires = self.model.state.now + rng.choice((-1, 0, 1))
        elif trick < 0.15:
            slot = rng.choice((1, 1, 2, 3, 7, 8))
        self.old_nonces = [*self.old_nonces[-100:], nonce]
        return Step(Command(0, body, account, slot, nonce, expires, payload_tag=rng.getrandbits(64)))

    # --- choices ---
    def _market(self) -> Market:
        return self.rng.choice(self.model.state.markets)

    def _account(self) -> int:
        if self.rng.random() < 0.01:
            return self.rng.choice((99, 2**23, 2**32 - 1))
        return self.rng.choice(list(self.model.state.accounts))

    def _trader(self) -> int:
        return self.rng.randrange(2, max(3, self.model.state.system.account_count))

    def _leg(self, account: int) -> Leg:
        rng, market = self.rng, self._market()
        side = rng.randrange(2)
        reference = market.state.mark_fine or self.prices[market.index]
        spread = rng.choice((2, 10, 50, reference // 256 // 50))
        price = reference // 256 + rng.randint(-spread, spread) * rng.choice((1, 1, 3))
        tif = rng.choice((0, 0, 0, 1, 1, 3))
        position = self.model.state.accounts[account].positions.get(market.index) if self._exists(account) else None
        reduce_only = rng.random() < (0.25 if position and position.size_lots else 0.03)
        if reduce_only and position:
            side = 1 if position.size_lots > 0 else 0
        leg = Leg(
            market.index,
            side,
            1 if tif == 1 and rng.random() < 0.5 else 0,
            tif,
            rng.choice((0, 0, 1, 2, 3)),
            int(reduce_only),
            max(0, price),
            0,
            self._lots(account, market, price),
            self._expiry() if tif != 1 else 0,
            rng.choice((bytes(16), bytes([rng.randrange(1, 5)]) * 16)),
            rng.choice((450, 500, 65_535)),
        )
        return self._spoil(leg, market) if rng.random() < 0.06 else leg

    def _exists(self, account: int) -> bool:
        return account in self.model.state.accounts

    def _expiry(self) -> int:
        return self.model.state.now + self.rng.choice((50, 2_000, 60_000)) if self.rng.random() < 0.25 else 0

    def _lots(self, account: int, market: Market, price: int) -> int:
        equity = self.model.state.accounts[account].header.collateral_e6 if self._exists(account) else 10**9
        power = max(1, equity) * market.config.leverage_max * self.rng.choice((0.02, 0.1, 0.3, 0.8, 1.2))
        lots = int(power / max(1, price * market.k))
        return max(1, min(lots, market.config.order_lots_max))

    def _spoil(self, leg: Leg, market: Market) -> Leg:
        rng = self.rng
        changes: list[dict[str, int]] = [
            {"market": rng.choice((market.index, 61, 62, 65_535))},
            {"side": rng.choice((2, 255))},
            {"kind": rng.randrange(6), "tif": rng.randrange(4)},
            {
                "price_ticks": rng.choice(
                    (0, 1, market.config.price_ticks_max, market.config.price_ticks_max + 1, 2**32 - 1)
                )
            },
            {"size_lots": rng.choice((0, market.config.order_lots_max, market.config.order_lots_max + 1, 2**64 - 1))},
            {"expiry_ms": rng.choice((1, self.model.state.now, 2**64 - 1))},
            {"fee_max_ppm": rng.choice((0, 100, 149, 150, 449))},
            {"trigger_ticks": 5},
            {"flags": 1 - leg.flags},
        ]
        return replace(leg, **rng.choice(changes))

    # --- users ---
    def place(self) -> Step:
        account = self._trader() if self.rng.random() < 0.97 else self._account()
        count = self.rng.choice((1, 1, 1, 1, 2, 5, 20))
        if self.rng.random() < 0.02:
            count = 64
        return self._signed(account, PlaceOrders([self._leg(account) for _ in range(count)]))

    def hoard(self) -> Step:
        """64 small resting orders of one account, reduce-only ones when it holds a position."""
        rng, state = self.rng, self.model.state
        market = self._market()
        position = state.accounts[self.hoarder].positions.get(market.index)
        closing = bool(position and position.size_lots and rng.random() < 0.6)
        side = int(bool(position and position.size_lots > 0)) if closing else rng.randrange(2)
        center = (market.state.mark_fine or self.prices[market.index]) // 256
        away = max(1, center // 40)
        price = center + away if side else max(1, center - away)
        legs = [
            Leg(market.index, side, price_ticks=price + i % 7, size_lots=1, flags=int(closing), fee_max_ppm=500)
            for i in range(64)
        ]
        return self._signed(self.hoarder, PlaceOrders(legs))

    def cancel(self) -> Step:
        return self._signed(
            self._trader(), CancelOrders([self._cancel_item() for _ in range(self.rng.choice((1, 1, 3)))])
        )

    def _cancel_item(self) -> CancelItem:
        rng, state = self.rng, self.model.state
        if not state.orders or rng.random() < 0.1:
            wild = rng.choice((0, 1, 2**21, state.system.order_no * 2**21, (state.system.order_no + 1) * 2**21, 2**90))
            return CancelItem.by_order_id(0, wild)
        slot, order = rng.choice(list(state.orders.items()))
        if rng.random() < 0.6:
            return CancelItem.by_order_id(order.market, order.order_id)
        return CancelItem.by_client_id(order.market, order.client_id, rng.choice((0, slot + 1, slot, 2**32 - 1)))

    def _owner_of_some_order(self) -> int:
        orders = list(self.model.state.orders.values())
        return self.rng.choice(orders).account if orders else self._trader()

    def cancel_all(self) -> Step:
        market = self.rng.choice((0xFFFF, 0xFFFF, 0, 1, 7))
        return self._signed(self._owner_of_some_order(), CancelAll(market))

    def withdraw(self) -> Step:
        account = self._trader()
        equity = (
            compute_cross(self.model.state.accounts[account], self.model.state.markets).equity
            if self._exists(account)
            else 5
        )
        amount = self.rng.choice((0, 1, abs(equity) // 10, max(0, equity), max(0, equity) + 1, 2**56 + 1))
        return self._signed(account, Withdraw(amount))

    def approve(self) -> Step:
        rng, now = self.rng, self.model.state.now
        address = rng.choice((bytes(20), owner_of(2), b"\x71" * 20, b"\x72" * 20, b"\x73" * 20))
        expiry = now + rng.choice((-now, 1, HOUR, 180 * 24 * HOUR, 180 * 24 * HOUR + 1))
        step = self._signed(
            self._trader(), ApproveAgent(rng.choice((0, 1, 1, 2, 3, 8)), rng.choice((0, 2)), address, expiry)
        )
        return replace(step, command=replace(step.command, signer_slot=rng.choice((0, 0, 0, 1))))

    def insurance(self) -> Step:
        return self._signed(self.rng.choice((0, 0, 0, 0, 2)), InsuranceOrder([self._leg(0)]))

    # --- L1 ---
    def deposit(self) -> Step:
        rng, count = self.rng, self.model.state.system.account_count
        account = count if count < 12 and rng.random() < 0.7 else rng.randrange(0, count)
        owner = self.model.state.accounts[account].header.owner if account < count else owner_of(account)
        if rng.random() < 0.05:
            account, owner = rng.choice((account, count + 1, 2**32 - 1)), rng.choice((owner, bytes(20), FUND_OWNER))
        amount = rng.choice((10**9, 3 * 10**10, 10**12, rng.randrange(1, 10**9)))
        if rng.random() < 0.05:
            amount = rng.choice((0, 2**56, 2**56 + 1, 2**64 - 1))
        return self._step(Deposit(0, owner, account, amount, bytes(16), bytes(32)), number_offset=self._skew())

    def _skew(self) -> int:
        return self.rng.choice((1, -1)) if self.rng.random() < 0.02 and self.model.state.system.priority_done else 0

    def fund(self) -> Step:
        return self._step(FundInsurance(0, self.rng.choice((0, 1, 10**9, 10**11, 2**60))))

    def govern(self) -> Step:
        rng, market = self.rng, self._market()
        match rng.randrange(4):
            case 0:
                return self._step(SetMarketStatus(0, rng.choice((market.index, 9)), rng.choice((0, 1, 1, 2, 3, 4, 9))))
            case 1:
                changes = {"position_lots_max": rng.randrange(1, 10_000), "order_lots_max": 1}
                config = replace(
                    market.config, **rng.choice((changes, {"order_notional_min_e6": 10**6}, {"tier_count": 5}))
                )
                return self._step(UpdateMarket(0, rng.choice((market.index, market.index, 9)), config.encode()))
            case 2:
                image = bytearray(random_config(rng).encode())
                image[rng.randrange(256)] ^= rng.choice((0, 0, 1, 128))
                new = rng.choice((len(self.model.state.markets), 0)) if len(self.model.state.markets) < 4 else 0
                if new == len(self.prices):
                    self.prices.append(100_003)
                return self._step(CreateMarket(0, new, bytes(image)))
            case _:
                k, n = rng.choice(((2, 3), (2, 3), (0, 1), (3, 2)))
                return self._step(SetOracleSigners(0, k, 2, [OracleSigner(bytes([i + 9]) * 20) for i in range(n)]))

    # --- sequencer ---
    def oracle(self) -> Step:
        rng, now = self.rng, self.model.state.now
        noise = rng.choice((0.0002, 0.002))
        self.prices = [max(300, int(p * (1 + self.trend + rng.gauss(0, noise)))) for p in self.prices]
        reports = []
        for signer in range(self.model.state.system.oracle_n or 1):
            prices = [max(1, int(p * (1 + rng.gauss(0, 0.0001)))) for p in self.prices]
            prices = [0 if rng.random() < 0.03 else p for p in prices]
            reports.append(OracleReport(signer, now + rng.randint(-400, 400), prices + [0] * (62 - len(prices))))
        if rng.random() < 0.06:
            self._spoil_reports(reports)
        return self._step(OracleRound(reports))

    def _spoil_reports(self, reports: list[OracleReport]) -> None:
        match self.rng.randrange(4):
            case 0:
                reports.clear()
            case 1:
                reports.reverse()
            case 2:
                reports[-1].time_ms = self.model.state.now + self.rng.choice((-5_000, -5_001, 5_000, 5_001))
            case _:
                reports[-1].signer = 200

    def tick(self) -> Step:
        state = self.model.state
        left = state.system.batch_open_ms + 30_000 - state.now
        if left <= 0:
            return self._step(BatchClose())
        return self._step(ClockTick(state.now + min(left, self.rng.choice((*GENTLE, 1_000, 5_000)))))

    def next_batch(self) -> Step:
        return self._step(BatchClose())

    def open_batch(self) -> Step:
        jump = self.rng.choice((0, 10, 1_000, 5_000, 5_000, MINUTE, 20 * MINUTE, HOUR))
        salt = self.rng.randbytes(32)
        return self._step(BatchOpen(0, self.model.state.now + jump, salt), number_offset=int(self.rng.random() < 0.03))

    def market_work(self) -> Step:
        return self._step(MarketWork(self.rng.choice((0, 0, 1, 2, 61, 65_535))))

    def account_work(self) -> Step:
        indebted = [a.id for a in self.model.state.accounts.values() if a.has_debt(self.model.state.now)]
        return self._step(AccountWork(self.rng.choice(indebted) if indebted else self._account()))

    def expire(self) -> Step:
        state, rng = self.model.state, self.rng
        due = [slot for slot, order in state.orders.items() if order.expiry_ms]
        slots = [*rng.sample(due, min(len(due), 12)), rng.choice((0, 5, 2**21, 2**32 - 1))]
        return self._step(ExpireOrders(slots))

    def _endangered(self) -> int:
        state = self.model.state
        failing = [
            a.id for a in state.accounts.values() if (m := compute_cross(a, state.markets)).equity < m.maintenance
        ]
        return self.rng.choice(failing) if failing and self.rng.random() < 0.9 else self._account()

    def check(self) -> Step:
        return self._step(LiquidationCheck(self._endangered(), 0xFFFF if self.rng.random() < 0.97 else 0))

    def liquidate(self) -> Step:
        flagged = [a.id for a in self.model.state.accounts.values() if a.in_liquidation]
        account = self.rng.choice(flagged) if flagged and self.rng.random() < 0.95 else self._account()
        return self._step(LiquidationStep(account, 0xFFFF if self.rng.random() < 0.97 else 0))

    def nonsense(self) -> Step:
        """Wrong numbers, unreleased kinds, damaged bytes."""
        rng = self.rng
        match rng.randrange(4):
            case 0:
                return replace(self.place(), seq_offset=rng.choice((-1, 1, 2**43)))
            case 1:
                kind = rng.choice(
                    [kind for kind in COMMAND_BODIES if kind not in (30, 31, 42, CommandKind.ORACLE_ROUND)]
                )
                body = COMMAND_BODIES[kind]
                empty = kind in (1, 2, 3, 35, 40)
                return self._signed(self._trader(), BatchClose() if empty else body())
            case 2:
                return replace(self.place(), flip=(rng.randrange(60), 1 << rng.randrange(8)))
            case _:
                step = rng.choice((self.oracle, self.govern, self.deposit, self.tick, self.expire, self.cancel))()
                return replace(step, flip=(rng.randrange(120), 1 << rng.randrange(8)))
