// Oracle rounds: the lower median of the signers' prices, the step clamp, the new index (rules 12).
#pragma once

#include "matching/mark_price.hpp"

namespace matching {

// Lower median of 1..16 values; sorts them.
template <class T>
[[nodiscard]] T compute_lower_median(T* values, u32 count) {
    for (u32 i = 1; i < count; ++i) {
        T value = values[i];
        u32 at = i;
        for (; at > 0 && values[at - 1] > value; --at) values[at] = values[at - 1];
        values[at] = value;
    }
    return values[(count - 1) / 2];
}

struct ClampedPrice {
    u32 price_fine;
    bool is_clamped;
};

// The index moves at most in proportion to the time since the last price.
[[nodiscard]] inline ClampedPrice clamp_step(u32 index_fine, u32 price_fine, u32 step_ppm_per_s, u64 elapsed_ms) {
    u64 rate = min<u64>(1'000'000'000, step_ppm_per_s * min<u64>(elapsed_ms, 1'000'000));
    i64 bound = static_cast<i64>(divide(multiply_wide(index_fine, rate), u128{1'000'000'000}).lo);
    i64 clamped = clamp<i64>(price_fine, index_fine - bound, index_fine + bound);
    return {static_cast<u32>(clamped), clamped != price_fine};
}

template <class Access>
[[nodiscard]] const OracleReport& report_at(const Context<Access>& context, u32 i) {
    return context.command.template body_at<OracleReport>(
        static_cast<u32>(sizeof(ListHeader) + i * sizeof(OracleReport)));
}

// Price 0 is no quote.
template <class Access>
void update_market_index(Context<Access>& context, u16 market, u32 report_count) {
    u32 prices[kOracleSignersMax];
    u64 times[kOracleSignersMax];
    u32 quotes = 0;
    for (u32 i = 0; i < report_count; ++i) {
        u32 base = static_cast<u32>(sizeof(ListHeader) + i * sizeof(OracleReport));
        u32 price = context.command.template body_as<u32>(base + 16 + 4 * market);
        if (price == 0) continue;
        prices[quotes] = price;
        times[quotes] = context.command.template body_as<u64>(base + 8);
        quotes += 1;
    }
    if (quotes == 0 || quotes < context.system.oracle_k) return;
    u64 time_ms = compute_lower_median(times, quotes);
    const MarketConfig& config = context.state.template read<MarketConfig>(market);
    MarketState& state = context.state.template write<MarketState>(market);
    if (time_ms <= state.index_time_ms) return;
    u32 median = clamp<u32>(compute_lower_median(prices, quotes), 1, config.price_ticks_max * 256);
    ClampedPrice price{median, false};
    u64 elapsed_ms = 0;
    if (state.index_time_ms != 0) {
        elapsed_ms = time_ms - state.index_time_ms;
        price = clamp_step(state.index_fine, median, config.step_ppm_per_s, elapsed_ms);
    }
    state.index_fine = price.price_fine;
    state.raw_fine = price.is_clamped ? median : 0;
    u16 flags = update_mark(context, market, state, config, elapsed_ms);
    state.index_time_ms = time_ms;
    if (price.is_clamped) flags = static_cast<u16>(flags | kStepClamped);
    context.emit(MarkChanged{market, flags, state.index_fine, state.mark_fine, 0});
}

[[nodiscard]] inline bool is_report_in_time(u64 time_ms, u64 now_ms) {
    return time_ms > now_ms ? time_ms - now_ms <= kOracleReportAgeMs : now_ms - time_ms <= kOracleReportAgeMs;
}

template <class Access>
Code oracle_round(Context<Access>& context) {
    u32 count = context.command.template body_as<ListHeader>().count;
    if (context.system.oracle_k == 0 || count < context.system.oracle_k) return Code::OracleQuorum;
    i32 last_signer = -1;
    for (u32 i = 0; i < count; ++i) {
        i32 signer = report_at(context, i).signer;
        if (signer <= last_signer || signer >= context.system.oracle_n) return Code::OracleSignerOrder;
        last_signer = signer;
    }
    for (u32 i = 0; i < count; ++i) {
        if (!is_report_in_time(report_at(context, i).time_ms, context.now_ms)) return Code::OracleReportAge;
    }
    for (u32 market = 0; market < context.system.market_count; ++market) {
        u8 status = context.state.template read<MarketState>(market).status;
        if (status >= kActive && status <= kHalted) update_market_index(context, static_cast<u16>(market), count);
    }
    return Code::Ok;
}

}  // namespace matching
