// Markets by governance: creation, parameters, status, oracle signers (rules 4.1, 9.1; all from the L1 queue).
#pragma once

#include "matching/context.hpp"
#include "matching/hasher.hpp"
#include "matching/market.hpp"

namespace matching {

// One tier's deduction continues the requirement of the tier below without a jump.
[[nodiscard]] inline bool is_deduction_exact(u64 below_e6, u64 upper_below_e6, u32 rate_below, u32 rate,
                                             u64 stored_e6) {
    return stored_e6 == below_e6 + ppm_floor(upper_below_e6, rate - rate_below);
}

[[nodiscard]] inline bool is_tier_zero(const Tier& tier) {
    return (tier.upper_e6 | tier.imf_ppm | tier.mmf_ppm | tier.im_deduction_e6 | tier.mm_deduction_e6) == 0;
}

[[nodiscard]] inline bool are_tiers_valid(const MarketConfig& config) {
    if (config.tier_count < 1 || config.tier_count > kTiersMax) return false;
    const Tier* tiers = config.tiers;
    if (tiers[0].imf_ppm != short_ceil(kPpm, config.leverage_max)) return false;
    if (tiers[0].im_deduction_e6 != 0 || tiers[0].mm_deduction_e6 != 0) return false;
    for (u32 i = 0; i < kTiersMax; ++i) {
        if (i >= config.tier_count) {
            if (!is_tier_zero(tiers[i])) return false;
            continue;
        }
        if (tiers[i].imf_ppm > kPpm || tiers[i].mmf_ppm >= tiers[i].imf_ppm) return false;
        bool is_last = i + 1 == config.tier_count;
        if (!is_last && tiers[i].upper_e6 > kNotionalMax) return false;
        if (i == 0) continue;
        const Tier& below = tiers[i - 1];
        if (!is_last && tiers[i].upper_e6 <= below.upper_e6) return false;
        if (tiers[i].imf_ppm < below.imf_ppm || tiers[i].mmf_ppm < below.mmf_ppm) return false;
        if (!is_deduction_exact(below.im_deduction_e6, below.upper_e6, below.imf_ppm, tiers[i].imf_ppm,
                                tiers[i].im_deduction_e6) ||
            !is_deduction_exact(below.mm_deduction_e6, below.upper_e6, below.mmf_ppm, tiers[i].mmf_ppm,
                                tiers[i].mm_deduction_e6)) {
            return false;
        }
    }
    return true;
}

// Section 2: the bounds that keep every product in range.
[[nodiscard]] inline bool are_sizes_valid(const MarketConfig& config) {
    u64 tick_value = config.lot_tick_value_e6;
    if (tick_value < 1 || tick_value > 4096) return false;
    if (config.price_ticks_max < 1 || config.price_ticks_max >= kPriceTicksLimit) return false;
    if (tick_value * config.price_ticks_max >= (u64{1} << 28)) return false;
    if (config.order_lots_max < 1 || config.order_lots_max > config.position_lots_max) return false;
    if (config.position_lots_max > kSizeValueMax || tick_value * config.position_lots_max > kSizeValueMax) return false;
    return config.oi_lots_max >= 1 && config.oi_lots_max <= kOpenInterestMax &&
           tick_value * config.oi_lots_max <= kOpenInterestMax;
}

[[nodiscard]] inline bool are_rates_valid(const MarketConfig& config) {
    constexpr i32 rate_max = static_cast<i32>(kFundingRateMaxPpb);
    return config.band_ppm <= kPpm && config.passive_band_ppm <= kPpm && config.basis_cap_ppm <= kPpm &&
           config.step_ppm_per_s <= kPpm && config.liq_fee_ppm <= kPpm && config.basis_tau_ms >= 1 &&
           config.impact_notional_e6 >= 1 && config.impact_notional_e6 <= kImpactNotionalMax &&
           config.interest_ppb >= -rate_max && config.interest_ppb <= rate_max &&
           config.interest_clamp_ppb <= kFundingRateMaxPpb && config.funding_cap_ppb <= kFundingRateMaxPpb &&
           config.liq_chunk_e6 <= kImpactNotionalMax && config.index_age_max_ms >= 1;
}

[[nodiscard]] inline bool is_config_valid(const MarketConfig& config) {
    if (config.zero != 0 || (config.zero_tail[0] | config.zero_tail[1] | config.zero_tail[2]) != 0) return false;
    if (config.leverage_max < 1 || !are_sizes_valid(config) || !are_rates_valid(config) || !are_tiers_valid(config)) {
        return false;
    }
    return 2 * config.basis_cap_ppm <= config.tiers[0].mmf_ppm;  // the book alone never moves the mark further
}

[[nodiscard]] inline bool is_padding_zero(const MarketConfigBody& body) {
    return (body.zero[0] | body.zero[1] | body.zero[2]) == 0;
}

template <class Access>
Code create_market(Context<Access>& context) {
    auto body = context.command.template body_as<MarketConfigBody>();
    System& system = context.system;
    system.priority_done += 1;
    bool is_next = is_padding_zero(body) && body.market == system.market_count && system.market_count < kMarketsMax;
    if (!is_next || !is_config_valid(body.image)) {
        return Code::FeeOrMarketConfig;
    }
    context.state.template write<MarketConfig>(body.market) = body.image;
    MarketState& state = context.state.template write<MarketState>(body.market);
    state.status = kActive;
    state.sampled_minute = static_cast<u32>(divide_u64(context.now_ms, kMsPerMinute));
    state.funded_hour = static_cast<u32>(divide_u64(context.now_ms, kMsPerHour));
    system.market_count += 1;
    return Code::Ok;
}

template <class Access>
Code update_market(Context<Access>& context) {
    auto body = context.command.template body_as<MarketConfigBody>();
    context.system.priority_done += 1;
    if (body.market >= context.system.market_count) return Code::MarketUnknown;
    MarketConfig& config = context.state.template write<MarketConfig>(body.market);
    bool keeps_units = body.image.lot_tick_value_e6 == config.lot_tick_value_e6 &&
                       body.image.price_ticks_max == config.price_ticks_max && body.image.symbol == config.symbol;
    if (!keeps_units || !is_padding_zero(body) || !is_config_valid(body.image)) return Code::FeeOrMarketConfig;
    config = body.image;
    return Code::Ok;
}

template <class Access>
Code set_market_status(Context<Access>& context) {
    auto body = context.command.template body_as<MarketStatusBody>();
    context.system.priority_done += 1;
    if (body.market >= context.system.market_count) return Code::MarketUnknown;
    bool is_status_known = body.status >= kActive && body.status <= kHalted;
    if (!is_status_known || body.zero != 0 || body.settle_fine != 0) return Code::FeeOrMarketConfig;
    context.state.template write<MarketState>(body.market).status = body.status;
    return Code::Ok;
}

template <class Access>
Code set_oracle_signers(Context<Access>& context) {
    auto body = context.command.template body_as<OracleSignersBody>();
    System& system = context.system;
    system.priority_done += 1;
    if (body.k < 1 || body.k > body.n || body.n > kOracleSignersMax || body.zero != 0) return Code::FeeOrMarketConfig;
    for (u32 i = 0; i < body.n; ++i) {
        u32 at = static_cast<u32>(sizeof(OracleSignersBody) + i * sizeof(OracleSignerEntry));
        if (context.command.template body_as<OracleSignerEntry>(at).zero != 0) return Code::FeeOrMarketConfig;
    }
    system.oracle_k = body.k;
    system.oracle_n = body.n;
    system.oracle_set_no = body.set_no;
    system.signer_set = absorb(HashTag::SignerSet, context.command.body() + 8, context.command.header.body_len - 8);
    return Code::Ok;
}

}  // namespace matching
