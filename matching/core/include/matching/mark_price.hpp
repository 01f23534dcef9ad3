// Impact prices of the book, the averaged basis and the mark (rules 10).
#pragma once

#include "matching/book.hpp"
#include "matching/context.hpp"
#include "matching/fixed_point.hpp"

namespace matching {

// Impact price in fine units; absent when the book is too thin.
struct ImpactPrice {
    bool is_present = false;
    u64 fine = 0;
};

// Average price of taking `impact_notional_e6` from one side, over at most 64 levels, without reduce-only lots.
template <class Access>
[[nodiscard]] ImpactPrice compute_impact_price(Context<Access>& context, u16 market, const MarketConfig& config,
                                               const BookHead& head, u8 list) {
    u32 side_no = side_number(market, list), price = head.best[list];
    u64 money = 0, lots = 0, tick_value = config.lot_tick_value_e6;
    for (u32 level_count = 0; price != 0 && level_count < kImpactLevelsMax; ++level_count) {
        const Level& level = context.state.template read<Level>(level_index(side_no, price));
        u64 need = divide_u64_ceil(config.impact_notional_e6 - money, price * tick_value);
        u64 take = min(need, level.lots - level.reduce_only_lots);
        money += take * price * tick_value;
        lots += take;
        if (money >= config.impact_notional_e6) {
            u64 scaled = money * 256, divisor = lots * tick_value;
            return {true, list == 0 ? divide_u64(scaled, divisor) : divide_u64_ceil(scaled, divisor)};
        }
        price = next_worse_price(context.state, side_no, price, prefers_high(list));
    }
    return {};
}

// Moves the averaged basis toward the target and the mark with it; `elapsed_ms` since the last index price.
inline void update_basis(MarketState& state, const MarketConfig& config, ImpactPrice bid, ImpactPrice ask,
                         u64 elapsed_ms) {
    i64 cap = static_cast<i64>(ppm_floor(state.index_fine, config.basis_cap_ppm));
    i64 target = 0;
    if (bid.is_present && ask.is_present) {
        target = clamp(static_cast<i64>((bid.fine + ask.fine) / 2) - i64{state.index_fine}, -cap, cap);
    }
    u64 weight = 65536;
    if (elapsed_ms < config.basis_tau_ms) weight = divide_u64(elapsed_ms * 65536, config.basis_tau_ms);
    i128 step = multiply_wide(target * 65536 - state.basis_q16, static_cast<i64>(weight));
    i128 shifted = divide_floor(step, u128{65536});
    state.basis_q16 = clamp(state.basis_q16 + static_cast<i64>(shifted.lo), -cap * 65536, cap * 65536);
    i64 basis = state.basis_q16 >> 16;
    state.mark_fine = static_cast<u32>(clamp<i64>(i64{state.index_fine} + basis, 1, i64{config.price_ticks_max} * 256));
}

// Section 10 for an index price accepted just now; state.index_fine is the new one.
template <class Access>
u16 update_mark(Context<Access>& context, u16 market, MarketState& state, const MarketConfig& config, u64 elapsed_ms) {
    const BookHead& head = context.state.template read<BookHead>(market);
    ImpactPrice bid = compute_impact_price(context, market, config, head, 0);
    ImpactPrice ask = compute_impact_price(context, market, config, head, 1);
    update_basis(state, config, bid, ask, elapsed_ms);
    return static_cast<u16>((bid.is_present ? 0 : kBidAbsent) | (ask.is_present ? 0 : kAskAbsent));
}

}  // namespace matching
