"""Records of the state (rules 3.3). Each class repeats the text's `offset field width` list."""

# ruff: noqa: RUF009  (array and nested return dataclass fields)
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from matching.codec.layout import Structure, array, i32, i64, nested, raw, u8, u16, u32, u64


@dataclass(slots=True)
class AccountHeader(Structure):
    """Head of an account record; positions follow it (rules 3.3)."""

    SIZE: ClassVar[int] = 128
    owner: bytes = raw(0, 20)
    account_id: int = u32(20)
    salt: bytes = raw(24, 16)
    view_key: bytes = raw(40, 32)
    collateral_e6: int = i64(72)
    liq_since_ms: int = u64(80)
    cancel_before: int = u64(88)
    cancel_at_ms: int = u64(96)
    volume_today_e6: int = u64(104)
    volume_day: int = u16(112)
    cancel_market: int = u8(114)
    free_orders: int = u8(115)
    master: int = u32(116)
    orders_head: int = u32(120)
    orders_count: int = u16(124)
    fee_tier: int = u8(126)
    position_count: int = u8(127)


@dataclass(slots=True)
class Position(Structure):
    """One position or set of open orders of an account in a market (rules 3.3)."""

    SIZE: ClassVar[int] = 64
    market: int = u16(0)
    leverage: int = u8(2)
    flags: int = u8(3)
    liq_since_s: int = u32(4)
    size_lots: int = i64(8)
    cost_e6: int = i64(16)
    funding_index: int = i64(24)
    iso_margin_e6: int = i64(32)
    open_buy_lots: int = u64(40)
    open_sell_lots: int = u64(48)
    open_count: int = u32(56)


@dataclass(slots=True)
class VolumeRing(Structure):
    """Volume of a master account over 31 days, whole units (rules 3.3, 11)."""

    SIZE: ClassVar[int] = 128
    day: int = u32(0)
    usdc: list[int] = array(4, "I", 31)


@dataclass(slots=True)
class Signer(Structure):
    """A key that may sign for a master account, with its remembered nonces (rules 3.3)."""

    SIZE: ClassVar[int] = 512
    address: bytes = raw(0, 20)
    flags: int = u32(20)
    expiry_ms: int = u64(24)
    nonce_min: int = u64(32)
    count: int = u32(40)
    sub_accounts: int = u32(44)
    nonces: list[int] = array(64, "Q", 56)


@dataclass(slots=True)
class Order(Structure):
    """An open order; links are slot + 1, 0 none (rules 3.3)."""

    SIZE: ClassVar[int] = 96
    order_id: int = u64(0)
    account: int = u32(8)
    market: int = u16(12)
    list: int = u8(14)
    side: int = u8(15)
    price_ticks: int = u32(16)
    trigger_ticks: int = u32(20)
    remaining_lots: int = u64(24)
    original_lots: int = u64(32)
    expiry_ms: int = u64(40)
    client_id: bytes = raw(48, 16)
    level_prev: int = u32(64)
    level_next: int = u32(68)
    account_prev: int = u32(72)
    account_next: int = u32(76)
    fee_max_ppm: int = u16(80)
    kind: int = u8(82)
    tif: int = u8(83)
    stp: int = u8(84)
    flags: int = u8(85)


@dataclass(slots=True)
class Level(Structure):
    """A price level of one book side: sums and the ends of its FIFO list (rules 3.3)."""

    SIZE: ClassVar[int] = 32
    lots: int = u64(0)
    reduce_only_lots: int = u64(8)
    head: int = u32(16)
    tail: int = u32(20)
    count: int = u32(24)


@dataclass(slots=True)
class TrieNode(Structure):
    """64 children of a node of the price trie, one bit each (rules 3.3)."""

    SIZE: ClassVar[int] = 8
    bits: int = u64(0)


@dataclass(slots=True)
class BookHead(Structure):
    """Best prices and order counts of the four lists of a market (rules 3.3)."""

    SIZE: ClassVar[int] = 64
    best: list[int] = array(0, "I", 4)
    orders: list[int] = array(16, "I", 4)
    last_trade_ticks: int = u32(32)


@dataclass(slots=True)
class AdlEntry(Structure):
    """One ranked counterparty of a deleveraging plan (rules 3.3)."""

    SIZE: ClassVar[int] = 16
    key: int = u64(0)
    account: int = u32(8)


@dataclass(slots=True)
class AdlPlanRecord(Structure):
    """Deleveraging plan of one market side and batch (rules 3.3)."""

    SIZE: ClassVar[int] = 1056
    batch_no: int = u64(0)
    cursor: int = u32(8)
    count: int = u32(12)
    entries: list[AdlEntry] = nested(32, AdlEntry, 64)


@dataclass(slots=True)
class MarginTier(Structure):
    """Margin rates up to a notional, with the deductions that make the function continuous (rules 9.1)."""

    SIZE: ClassVar[int] = 32
    upper_e6: int = u64(0)
    imf_ppm: int = u32(8)
    mmf_ppm: int = u32(12)
    im_deduction_e6: int = u64(16)
    mm_deduction_e6: int = u64(24)


@dataclass(slots=True)
class MarketConfig(Structure):
    """Parameters of a market (rules 3.3)."""

    SIZE: ClassVar[int] = 256
    lot_tick_value_e6: int = u32(0)
    price_ticks_max: int = u32(4)
    position_lots_max: int = u64(8)
    order_lots_max: int = u64(16)
    oi_lots_max: int = u64(24)
    order_notional_min_e6: int = u64(32)
    tiers: list[MarginTier] = nested(40, MarginTier, 4)
    leverage_max: int = u8(168)
    tier_count: int = u8(169)
    band_ppm: int = u32(172)
    passive_band_ppm: int = u32(176)
    basis_cap_ppm: int = u32(180)
    basis_tau_ms: int = u32(184)
    step_ppm_per_s: int = u32(188)
    impact_notional_e6: int = u64(192)
    interest_ppb: int = i32(200)
    interest_clamp_ppb: int = u32(204)
    funding_cap_ppb: int = u32(208)
    liq_fee_ppm: int = u32(212)
    liq_chunk_e6: int = u64(216)
    index_age_max_ms: int = u32(224)
    symbol: bytes = raw(228, 16)


@dataclass(slots=True)
class MarketState(Structure):
    """What changes in a market: prices, open interest, funding, fees (rules 3.3)."""

    SIZE: ClassVar[int] = 128
    index_fine: int = u32(0)
    mark_fine: int = u32(4)
    index_time_ms: int = u64(8)
    basis_q16: int = i64(16)
    oi_lots: int = u64(24)
    funding_index: int = i64(32)
    premium_sum_ppb: int = i64(40)
    sampled_minute: int = u32(48)
    funded_hour: int = u32(52)
    fees_e6: int = i64(56)
    funding_pot_e6: int = i64(64)
    last_rate_ppb: int = i32(72)
    status: int = u8(76)
    settle_fine: int = u32(80)
    raw_fine: int = u32(84)


@dataclass(slots=True)
class FeeTier(Structure):
    """Fee rates from a 30-day volume on (rules 11)."""

    SIZE: ClassVar[int] = 16
    volume_usdc: int = u64(0)
    taker_ppm: int = u32(8)
    maker_ppm: int = i32(12)


@dataclass(slots=True)
class SystemRecord(Structure):
    """Counters, chains, fee tiers and batch state of the whole machine (rules 3.3)."""

    SIZE: ClassVar[int] = 512
    seq: int = u64(0)
    time_ms: int = u64(8)
    batch_no: int = u64(16)
    batch_open: int = u8(24)
    order_no: int = u64(32)
    free_slot: int = u32(40)
    slots_used: int = u32(44)
    account_count: int = u32(48)
    market_count: int = u32(52)
    vault_total_e6: int = i64(56)
    withdraw_pending_e6: int = i64(64)
    priority_done: int = u64(72)
    liq_count: int = u32(80)
    positions_count: int = u32(84)
    oracle_k: int = u8(88)
    oracle_n: int = u8(89)
    oracle_set_no: int = u16(90)
    tier_count: int = u8(92)
    signer_set: bytes = raw(96, 32)
    books_salt: bytes = raw(128, 32)
    command_chain: bytes = raw(160, 32)
    withdraw_chain: bytes = raw(192, 32)
    fee_tiers: list[FeeTier] = nested(224, FeeTier, 8)
    insurance_share_ppm: int = u32(352)
    batch_open_ms: int = u64(360)
    batch_first_seq: int = u64(368)
    sub_count: int = u32(376)
    withdraw_count: int = u64(384)
