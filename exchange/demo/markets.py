"""The two markets of the demo: one takes the recorded flow, one is quoted by the bots."""

from __future__ import annotations

from matching.codec import CreateMarket, MarginTier, MarketConfig, OracleSigner, SetOracleSigners

REPLAY_MARKET, BOT_MARKET = 0, 1
PRICE_TICKS_MAX = 2**24 - 1
BOT_PRICE_TICKS = 250_000
BOT_LOTS = 1_000
L1_INDEX_BYTES = 8


def _config(symbol: bytes, *, lots_max: int, scale: int, passive_band_ppm: int, notional_min_e6: int) -> MarketConfig:
    """`scale` multiplies the money parameters where a market's money is scaled (design decision 27)."""
    tier = MarginTier(upper_e6=0, imf_ppm=20_000, mmf_ppm=10_000)
    return MarketConfig(
        lot_tick_value_e6=1,
        price_ticks_max=PRICE_TICKS_MAX,
        position_lots_max=lots_max,
        order_lots_max=lots_max,
        oi_lots_max=2**36,
        order_notional_min_e6=notional_min_e6,
        tiers=[tier, MarginTier(), MarginTier(), MarginTier()],
        leverage_max=50,
        tier_count=1,
        band_ppm=100_000,
        passive_band_ppm=passive_band_ppm,
        basis_cap_ppm=5_000,
        basis_tau_ms=150_000,
        step_ppm_per_s=5_000,
        impact_notional_e6=10_000_000_000 * scale,
        interest_ppb=100_000,
        interest_clamp_ppb=500_000,
        funding_cap_ppb=40_000_000,
        liq_fee_ppm=5_000,
        liq_chunk_e6=10_000_000_000 * scale,
        index_age_max_ms=10_000,
        symbol=symbol.ljust(16, b"\0"),
    )


def market_bodies() -> tuple[bytes, ...]:
    """Bodies of CreateMarket after `l1_index`, in market order.

    The recorded market has lots of 1e-8 BTC and ticks of 0.01 USD, so its money is scaled by 10^4.
    """
    replay = _config(b"BTC", lots_max=2**32, scale=10_000, passive_band_ppm=1_000_000, notional_min_e6=1)
    bots = _config(b"ETH", lots_max=2**32, scale=1, passive_band_ppm=800_000, notional_min_e6=10_000_000)
    return tuple(
        CreateMarket(0, market, config.encode()).encode()[L1_INDEX_BYTES:]
        for market, config in enumerate((replay, bots))
    )


def oracle_signers_body(signer: bytes) -> bytes:
    """Body of SetOracleSigners after `l1_index`: one signer (its signature is not checked yet)."""
    return SetOracleSigners(0, k=1, set_no=1, signers=[OracleSigner(signer)]).encode()[L1_INDEX_BYTES:]
