// Fees of a fill and the day's volume (rules 11). Only tier 0 exists today, and the volume ring stays empty.
#pragma once

#include "matching/context.hpp"
#include "matching/fixed_point.hpp"

namespace matching {

template <class Access>
void roll_volume(Context<Access>& context, Account& account) {
    u64 day_start = u64{account.volume_day} * kMsPerDay;
    if (context.now_ms >= day_start && context.now_ms - day_start < kMsPerDay) return;
    account.volume_today_e6 = 0;
    account.volume_day = static_cast<u16>(divide_u64(context.now_ms, kMsPerDay));
}

inline void add_volume(Account& account, u64 notional_e6) {
    constexpr u64 most = static_cast<u64>(INT64_MAX);
    u64 sum = account.volume_today_e6 + notional_e6;
    account.volume_today_e6 = sum > most ? most : sum;
}

[[nodiscard]] inline i64 compute_taker_fee(u64 notional_e6, u32 tier_ppm, u32 fee_max_ppm) {
    u32 rate = min(tier_ppm, fee_max_ppm);
    return rate == 0 ? 0 : static_cast<i64>(ppm_ceil(notional_e6, rate));
}

// A rebate is never more than the taker's fee of the same fill: fees never fall.
[[nodiscard]] inline i64 compute_maker_fee(u64 notional_e6, i32 tier_ppm, u32 fee_max_ppm, i64 taker_fee_e6) {
    i64 rate = min<i64>(tier_ppm, fee_max_ppm);
    if (rate == 0) return 0;
    if (rate > 0) return static_cast<i64>(ppm_ceil(notional_e6, static_cast<u32>(rate)));
    return -min(static_cast<i64>(ppm_floor(notional_e6, static_cast<u32>(-rate))), taker_fee_e6);
}

}  // namespace matching
