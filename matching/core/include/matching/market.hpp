// Market parameters and market state (rules 3.3, 12).
#pragma once

#include "matching/arena.hpp"
#include "matching/fixed_point.hpp"
#include "matching/limits.hpp"
#include "matching/result_code.hpp"

namespace matching {

struct Tier {
    u64 upper_e6;
    u32 imf_ppm;
    u32 mmf_ppm;
    u64 im_deduction_e6;
    u64 mm_deduction_e6;
};
static_assert(sizeof(Tier) == 32);

struct MarketConfig {
    static constexpr Arena kArena = Arena::MarketConfig;

    u32 lot_tick_value_e6;
    u32 price_ticks_max;
    u64 position_lots_max;
    u64 order_lots_max;
    u64 oi_lots_max;
    u64 order_notional_min_e6;
    Tier tiers[kTiersMax];
    u8 leverage_max;
    u8 tier_count;
    u16 zero;
    u32 band_ppm;
    u32 passive_band_ppm;
    u32 basis_cap_ppm;
    u32 basis_tau_ms;
    u32 step_ppm_per_s;
    u64 impact_notional_e6;
    i32 interest_ppb;
    u32 interest_clamp_ppb;
    u32 funding_cap_ppb;
    u32 liq_fee_ppm;
    u64 liq_chunk_e6;
    u32 index_age_max_ms;
    Bytes16 symbol;
    u32 zero_tail[3];
};
static_assert(sizeof(MarketConfig) == 256 && offsetof(MarketConfig, leverage_max) == 168 &&
              offsetof(MarketConfig, impact_notional_e6) == 192 && offsetof(MarketConfig, symbol) == 228);

struct MarketState {
    static constexpr Arena kArena = Arena::MarketState;

    u32 index_fine;
    u32 mark_fine;
    u64 index_time_ms;
    i64 basis_q16;
    u64 oi_lots;
    i64 funding_index;
    i64 premium_sum_ppb;
    u32 sampled_minute;
    u32 funded_hour;
    i64 fees_e6;
    i64 funding_pot_e6;
    i32 last_rate_ppb;
    u8 status;
    u8 zero[3];
    u32 settle_fine;
    u32 raw_fine;
    u32 zero_tail[10];
};
static_assert(sizeof(MarketState) == 128 && offsetof(MarketState, status) == 76);

// No new risk, no liquidation, no withdrawal by holders.
[[nodiscard]] inline bool is_stale(const MarketState& state, const MarketConfig& config, u64 now_ms) {
    if (state.status == kSettled) return false;
    return now_ms > state.index_time_ms && now_ms - state.index_time_ms > config.index_age_max_ms;
}

// The step clamp holds the index back: the coming marks are known.
[[nodiscard]] inline bool is_catching_up(const MarketState& state) { return state.raw_fine != 0; }

[[nodiscard]] inline bool is_hour_due(const MarketState& state, u64 now_ms) {
    return now_ms >= (u64{state.funded_hour} + 1) * kMsPerHour;
}
[[nodiscard]] inline bool is_minute_due(const MarketState& state, u64 now_ms) {
    return now_ms >= (u64{state.sampled_minute} + 1) * kMsPerMinute;
}

// Deferred work that must precede new orders (rules 14); a settled market has none.
[[nodiscard]] inline bool has_debt(const MarketState& state, u64 now_ms) {
    return state.status != kSettled && state.status != kAbsent &&
           (is_minute_due(state, now_ms) || is_hour_due(state, now_ms));
}

}  // namespace matching
