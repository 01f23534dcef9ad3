// Funding: the hourly rate, the payment of the minute, and what a position owes (rules 13).
#pragma once

#include "matching/account.hpp"
#include "matching/context.hpp"
#include "matching/market.hpp"

namespace matching {

// ceil(size * (market index - cached index) / 2^24): money owed by the position.
[[nodiscard]] inline i64 compute_funding_owed(const Position& position, i64 market_funding_index) {
    i64 difference = market_funding_index - position.funding_index;
    if (difference == 0 || position.size_lots == 0) return 0;
    i128 product = multiply_wide(position.size_lots, difference);
    i128 raised = product + i128{(i64{1} << 24) - 1};
    // Arithmetic shift right by 24 = floor.
    u64 low = (raised.lo >> 24) | (raised.hi << 40);
    return static_cast<i64>(low);
}

// Writes the pending funding of all positions into the collateral (all positions are cross today).
template <class Access>
void settle_funding(Context<Access>& context, Account& account) {
    for (u32 i = 0; i < account.position_count; ++i) {
        Position& position = account.positions[i];
        const MarketState& market = context.state.template read<MarketState>(position.market);
        if (market.funding_index == position.funding_index) continue;
        i64 owed = compute_funding_owed(position, market.funding_index);
        position.funding_index = market.funding_index;
        if (position.size_lots == 0) continue;
        account.collateral_e6 -= owed;
        if (owed != 0) context.state.template write<MarketState>(position.market).funding_pot_e6 += owed;
        context.emit(FundingSettled{account.account_id, position.market, 0, owed, market.funding_index});
    }
}

// Rate of the coming hour from the sum of the minute premiums.
[[nodiscard]] inline i32 compute_hour_rate(const MarketConfig& config, i64 premium_sum_ppb) {
    i64 average = static_cast<i64>(divide_trunc(i128{premium_sum_ppb}, u128{60}).lo);
    i64 limit = config.interest_clamp_ppb;
    i64 rate_of_8h = average + clamp<i64>(config.interest_ppb - average, -limit, limit);
    i64 rate = rate_of_8h < 0 ? -(-rate_of_8h >> 3) : rate_of_8h >> 3;
    i64 cap = config.funding_cap_ppb;
    return static_cast<i32>(clamp<i64>(rate, -cap, cap));
}

// Money per lot * 2^24 that one minute moves: trunc(K * index_fine * rate * 65536 / 6e10).
[[nodiscard]] inline i64 compute_minute_step(u32 lot_tick_value, u32 index_fine, i32 rate_ppb) {
    i128 product = multiply_wide(static_cast<i64>(u64{lot_tick_value} * index_fine), i64{rate_ppb} * 65536);
    return static_cast<i64>(divide_trunc(product, u128{60'000'000'000}).lo);
}

[[nodiscard]] inline i64 compute_premium_ppb(u32 mark_fine, u32 index_fine) {
    i128 scaled = multiply_wide(i64{mark_fine} - i64{index_fine}, i64{1'000'000'000});
    return static_cast<i64>(divide_trunc(scaled, u128{index_fine}).lo);
}

// Step 2 of MarketWork: the premium sample and the funding of the minute.
template <class Access>
void work_minute(Context<Access>& context, u16 market, MarketState& state, const MarketConfig& config) {
    Code code = Code::Ok;
    if (state.index_fine != 0) {
        i64 premium = compute_premium_ppb(state.mark_fine, state.index_fine);
        state.premium_sum_ppb += clamp(premium, -kPremiumMaxPpb, kPremiumMaxPpb);
        if (!is_stale(state, config, context.now_ms)) {
            i64 step = compute_minute_step(config.lot_tick_value_e6, state.index_fine, state.last_rate_ppb);
            i64 after = state.funding_index + step;
            if (after > kFundingIndexMax || after < -kFundingIndexMax) {
                code = Code::MoneyLimit;
            } else {
                state.funding_index = after;
            }
        }
    }
    state.sampled_minute = static_cast<u32>(divide_u64(context.now_ms, kMsPerMinute));
    context.emit(FundingRate{market, {}, state.last_rate_ppb, state.funding_index}, code);
}

}  // namespace matching
