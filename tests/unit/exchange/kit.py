"""Builders shared by the tests of the exchange: an engine with one market, funded traders, signed requests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from coincurve import PrivateKey, PublicKey

from exchange.auth.envelope import SignedRequest
from exchange.auth.signature import address_of, sign
from exchange.engines import create_engine
from exchange.errors import SettingsInvalid
from exchange.sequencer.batch import BatchPolicy, QueueOrigin
from exchange.sequencer.engine import Engine
from exchange.sequencer.machine import Auth, Sequencer, SequencerPolicy
from exchange.sequencer.projector import Projection
from exchange.venue import VenueId
from matching.codec import (
    CancelItem,
    CancelOrders,
    Command,
    CommandBody,
    CreateMarket,
    Deposit,
    Leg,
    MarginTier,
    MarketConfig,
    OracleSigner,
    PlaceOrders,
    SetOracleSigners,
    payload_tag,
    signing_digest,
)

VENUE = VenueId(31337, b"\x11" * 20)
FUND, FEES = b"\xf0" * 20, b"\xfe" * 20
T0 = 1_800_000_000_000
PRICE_TICKS = 1_000_000
PRICE_FINE = PRICE_TICKS * 256
DEPOSIT_E6 = 100_000_000_000
ORIGIN = QueueOrigin(b"\x22" * 20, T0 // 1000)
SALT = b"s" * 31
BUY, SELL = 0, 1
GTC, IOC, POST_ONLY = 0, 1, 3


def make_engine() -> Engine:
    """The native core where it is built, else the model: the same bytes."""
    try:
        return create_engine("core", FUND, FEES)
    except SettingsInvalid:
        return create_engine("model", FUND, FEES)


def market_config() -> MarketConfig:
    """Market B of rules 20: K 1, tick 0.1, leverage 50."""
    tiers = [
        MarginTier(5_000_000_000_000, 20_000, 10_000, 0, 0),
        MarginTier(20_000_000_000_000, 40_000, 20_000, 100_000_000_000, 50_000_000_000),
        MarginTier(0, 100_000, 50_000, 1_300_000_000_000, 650_000_000_000),
        MarginTier(),
    ]
    return MarketConfig(
        lot_tick_value_e6=1,
        price_ticks_max=2**24 - 1,
        position_lots_max=2**31,
        order_lots_max=2**31,
        oi_lots_max=2**36,
        order_notional_min_e6=10_000_000,
        tiers=tiers,
        leverage_max=50,
        tier_count=3,
        band_ppm=100_000,
        passive_band_ppm=800_000,
        basis_cap_ppm=5_000,
        basis_tau_ms=150_000,
        step_ppm_per_s=5_000,
        impact_notional_e6=10_000_000_000,
        interest_ppb=100_000,
        interest_clamp_ppb=500_000,
        funding_cap_ppb=40_000_000,
        liq_fee_ppm=5_000,
        liq_chunk_e6=100_000_000_000,
        index_age_max_ms=10_000,
        symbol=b"BTC".ljust(16, b"\0"),
    )


@dataclass(slots=True)
class Trader:
    """A key with an account number; nonces count up from T0."""

    account: int
    key: PrivateKey = field(default_factory=PrivateKey)
    slot: int = 0
    venue: VenueId = VENUE
    _nonces: itertools.count[int] = field(default_factory=lambda: itertools.count(T0))

    @property
    def address(self) -> bytes:
        return address_of(PublicKey.from_secret(self.key.secret))

    def command(self, body: CommandBody, *, nonce: int | None = None, expires_ms: int = 0) -> Command:
        """An unsequenced command of this trader."""
        number = next(self._nonces) if nonce is None else nonce
        return Command(0, body, self.account, self.slot, number, expires_ms)

    def sign(self, command: Command) -> SignedRequest:
        """Form (a) signature over the command."""
        digest = signing_digest(
            self.venue.chain_id,
            self.venue.exchange,
            command.body,
            nonce=command.nonce,
            account=command.account,
            expires_ms=command.expires_ms,
        )
        return SignedRequest(command.encode(), SALT, sign(self.key, digest))

    def request(self, body: CommandBody, *, nonce: int | None = None, expires_ms: int = 0) -> SignedRequest:
        """A signed request."""
        return self.sign(self.command(body, nonce=nonce, expires_ms=expires_ms))


def make_traders(count: int) -> list[Trader]:
    """Traders of accounts 2, 3, … with fixed keys."""
    return [Trader(2 + i, PrivateKey((1000 + i).to_bytes(32, "big"))) for i in range(count)]


def order(
    side: int, price_ticks: int, lots: int, tif: int = GTC, *, expiry_ms: int = 0, client_id: bytes = bytes(16)
) -> PlaceOrders:
    """A single-leg request in market 0."""
    return PlaceOrders([leg(side, price_ticks, lots, tif, expiry_ms=expiry_ms, client_id=client_id)])


def leg(
    side: int, price_ticks: int, lots: int, tif: int = GTC, *, expiry_ms: int = 0, client_id: bytes = bytes(16)
) -> Leg:
    """One limit leg in market 0."""
    return Leg(
        market=0,
        side=side,
        tif=tif,
        price_ticks=price_ticks,
        size_lots=lots,
        expiry_ms=expiry_ms,
        client_id=client_id,
        fee_max_ppm=1_000,
    )


def cancel(order_id: int) -> CancelOrders:
    """Cancel one order by id."""
    return CancelOrders([CancelItem.by_order_id(0, order_id)])


def genesis_requests(traders: list[Trader]) -> list[tuple[CommandBody, QueueOrigin]]:
    """Oracle set, market 0, and a deposit for each trader."""
    bodies: list[CommandBody] = [
        SetOracleSigners(0, 1, 1, [OracleSigner(b"\x33" * 20)]),
        CreateMarket(1, 0, market_config().encode()),
    ]
    bodies += [Deposit(2 + i, t.address, t.account, DEPOSIT_E6) for i, t in enumerate(traders)]
    return [(body, ORIGIN) for body in bodies]


def make_policy(**batch: int) -> SequencerPolicy:
    """Defaults with changed batch bounds."""
    return SequencerPolicy(BatchPolicy(**batch))


def make_sequencer(policy: SequencerPolicy | None = None, *, record_from_batch: int = 0) -> Sequencer:
    """A sequencer at genesis with a counting salt."""
    salts = itertools.count(1)
    return Sequencer(
        make_engine(),
        policy or make_policy(),
        make_salt=lambda: next(salts).to_bytes(32, "little"),
        record_from_batch=record_from_batch,
    )


def open_market(sequencer: Sequencer, traders: list[Trader], now_ms: int = T0) -> None:
    """Bring market, deposits and a first price in."""
    sequencer.submit_l1(genesis_requests(traders), now_ms)
    sequencer.set_price(0, PRICE_FINE, now_ms + 1_000)


def submit(sequencer: Sequencer, trader: Trader, body: CommandBody, now_ms: int) -> Projection:
    """Sequence a body as the writer does after admission."""
    command = trader.command(body)
    digest = signing_digest(VENUE.chain_id, VENUE.exchange, body, nonce=command.nonce, account=command.account)
    command.payload_tag = payload_tag(digest)
    return sequencer.submit(command, Auth(SALT, bytes(65)), now_ms)
