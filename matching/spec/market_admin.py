"""What governance sends through the L1 queue: markets, their status, oracle signers (rules 4.1, 9.1)."""

from __future__ import annotations

from matching.codec import (
    CodecError,
    CreateMarket,
    MarginTier,
    MarketConfig,
    MarketState,
    MarketStatus,
    ResultCode,
    SetMarketStatus,
    SetOracleSigners,
    UpdateMarket,
)
from matching.spec.fixed_point import MILLION, ceil_div
from matching.spec.limits import (
    AMOUNT_MAX,
    FUNDING_RATE_PPB_MAX,
    HOUR_MS,
    IMPACT_MONEY_MAX,
    LOT_TICK_VALUE_MAX,
    MARKETS_MAX,
    MINUTE_MS,
    OI_MONEY_MAX,
    ORACLE_SIGNERS_MAX,
    POSITION_MONEY_MAX,
    PRICE_TICKS_BOUND,
    TICK_MONEY_BOUND,
)
from matching.spec.margin import deductions
from matching.spec.poseidon2 import TAG_SIGNER_SET, absorb
from matching.spec.refusal import Refused, check
from matching.spec.state import State

CONFIG = ResultCode.FEE_OR_MARKET_CONFIG


def process_create_market(state: State, body: CreateMarket) -> None:
    """Opens the next market; it is stale until its first index price."""
    check(body.market == state.system.market_count < MARKETS_MAX, CONFIG)
    config = read_config(body.image)
    fresh = MarketState(
        status=MarketStatus.ACTIVE,
        sampled_minute=state.now // MINUTE_MS,
        funded_hour=state.now // HOUR_MS,
    )
    state.add_market(config, fresh)


def process_update_market(state: State, body: UpdateMarket) -> None:
    """New parameters; K, the highest price and the symbol stay."""
    check(body.market < state.system.market_count, ResultCode.MARKET_UNKNOWN)
    config = read_config(body.image)
    market = state.market(body.market)
    fixed = ("lot_tick_value_e6", "price_ticks_max", "symbol")
    check(all(getattr(config, name) == getattr(market.config, name) for name in fixed), CONFIG)
    state.touch_config(body.market)
    market.config = config


def process_market_status(state: State, body: SetMarketStatus) -> None:
    """Moves a market between active, reduce-only and halted (settlement comes later)."""
    check(body.market < state.system.market_count, ResultCode.MARKET_UNKNOWN)
    allowed = (MarketStatus.ACTIVE, MarketStatus.REDUCE_ONLY, MarketStatus.HALTED)
    check(body.status in allowed and body.settle_fine == 0, CONFIG)
    state.market(body.market).state.status = body.status


def process_oracle_signers(state: State, body: SetOracleSigners) -> None:
    """Replaces the k-of-n set."""
    check(1 <= body.k <= body.n <= ORACLE_SIGNERS_MAX, CONFIG)
    system = state.system
    system.oracle_k, system.oracle_n, system.oracle_set_no = body.k, body.n, body.set_no
    system.signer_set = absorb(TAG_SIGNER_SET, body.encode()[8:])


def read_config(image: bytes) -> MarketConfig:
    """The market parameters of an image. Raises Refused(113) unless every demand of rules 2 and 9.1 holds."""
    try:
        config = MarketConfig.decode(image)
    except CodecError as error:
        raise Refused(CONFIG) from error
    check(_sizes_fit(config) and _rates_fit(config) and _tiers_fit(config), CONFIG)
    return config


def _sizes_fit(c: MarketConfig) -> bool:
    k = c.lot_tick_value_e6
    return (
        1 <= k <= LOT_TICK_VALUE_MAX
        and 1 <= c.price_ticks_max < PRICE_TICKS_BOUND
        and k * c.price_ticks_max < TICK_MONEY_BOUND
        and 1 <= c.order_lots_max <= c.position_lots_max
        and k * c.position_lots_max <= POSITION_MONEY_MAX
        and c.oi_lots_max >= 1
        and k * c.oi_lots_max <= OI_MONEY_MAX
    )


def _rates_fit(c: MarketConfig) -> bool:
    ppm = (c.band_ppm, c.passive_band_ppm, c.basis_cap_ppm, c.step_ppm_per_s, c.liq_fee_ppm)
    ppb = (abs(c.interest_ppb), c.interest_clamp_ppb, c.funding_cap_ppb)
    return (
        max(ppm) <= MILLION
        and max(ppb) <= FUNDING_RATE_PPB_MAX
        and c.basis_tau_ms >= 1
        and 1 <= c.impact_notional_e6 <= IMPACT_MONEY_MAX
        and c.liq_chunk_e6 <= IMPACT_MONEY_MAX
        and c.index_age_max_ms >= 1
    )


def _tiers_fit(c: MarketConfig) -> bool:
    if not (1 <= c.tier_count <= len(c.tiers) and c.leverage_max >= 1):
        return False
    used, unused = c.tiers[: c.tier_count], c.tiers[c.tier_count :]
    uppers = [tier.upper_e6 for tier in used[:-1]]
    imf, mmf = [tier.imf_ppm for tier in used], [tier.mmf_ppm for tier in used]
    return (
        all(tier == MarginTier() for tier in unused)
        and uppers == sorted(set(uppers))
        and max(uppers, default=0) <= AMOUNT_MAX
        and imf == sorted(imf)
        and mmf == sorted(mmf)
        and max(imf) <= MILLION
        and all(m < i for i, m in zip(imf, mmf, strict=True))
        and imf[0] == ceil_div(MILLION, c.leverage_max)
        and 2 * c.basis_cap_ppm <= mmf[0]
        and [tier.im_deduction_e6 for tier in used] == deductions(uppers, imf)
        and [tier.mm_deduction_e6 for tier in used] == deductions(uppers, mmf)
    )
