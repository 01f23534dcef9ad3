// Equity, initial and maintenance margin of an account, and the tests on them (rules 9). All positions are cross today.
#pragma once

#include "matching/funding.hpp"

namespace matching {

// Sums over a scope. `initial` and `maintenance` stay below 2^62.
struct Margin {
    i128 equity;
    u64 initial = 0;
    u64 maintenance = 0;

    [[nodiscard]] Margin operator+(const Margin& other) const {
        return {equity + other.equity, initial + other.initial, maintenance + other.maintenance};
    }
};

[[nodiscard]] inline const Tier& tier_of(const MarketConfig& config, u64 notional_e6) {
    u32 i = 0;
    while (i + 1u < config.tier_count && notional_e6 > config.tiers[i].upper_e6) ++i;
    return config.tiers[i];
}

// im(n) = max(ceil(n / leverage), tier_im(n)).
[[nodiscard]] inline u64 compute_initial_margin(const MarketConfig& config, u64 notional_e6, u8 leverage) {
    if (notional_e6 == 0) return 0;
    const Tier& tier = tier_of(config, notional_e6);
    u64 by_tier = ppm_ceil(notional_e6, tier.imf_ppm) - tier.im_deduction_e6;
    return max(short_ceil(notional_e6, leverage), by_tier);
}

[[nodiscard]] inline u64 compute_maintenance_margin(const MarketConfig& config, u64 notional_e6) {
    if (notional_e6 == 0) return 0;
    const Tier& tier = tier_of(config, notional_e6);
    return ppm_ceil(notional_e6, tier.mmf_ppm) - tier.mm_deduction_e6;
}

// Largest size that the open orders can lead to (rules 9.2).
[[nodiscard]] inline u64 compute_worst_lots(i64 size_lots, u64 open_buy_lots, u64 open_sell_lots) {
    return max(magnitude(size_lots + static_cast<i64>(open_buy_lots)),
               magnitude(size_lots - static_cast<i64>(open_sell_lots)));
}

[[nodiscard]] inline u64 compute_worst_lots(const Position& position) {
    return compute_worst_lots(position.size_lots, position.open_lots[kBuy], position.open_lots[kSell]);
}

// Adds what one position contributes: value - cost - pending funding, im of the worst case, mm of the size.
inline void add_position(Margin& sum, const Position& position, const MarketConfig& config, const MarketState& state) {
    u32 tick_value = config.lot_tick_value_e6;
    if (position.size_lots != 0) {
        i64 value = position_value_floor(position.size_lots, tick_value, state.mark_fine);
        sum.equity = sum.equity + i128{value} - i128{position.cost_e6};
        i64 owed = compute_funding_owed(position, state.funding_index);
        if (owed != 0) sum.equity = sum.equity - i128{owed};
        u64 notional = notional_ceil(magnitude(position.size_lots), tick_value, state.mark_fine);
        sum.maintenance += compute_maintenance_margin(config, notional);
    }
    u64 worst = compute_worst_lots(position);
    sum.initial += compute_initial_margin(config, notional_ceil(worst, tick_value, state.mark_fine), position.leverage);
}

inline constexpr u16 kNoMarket = 0xFFFF;

// Adds the positions, except the one in market `without`.
template <class Access>
void add_positions(Context<Access>& context, Margin& sum, const Account& account, u16 without = kNoMarket) {
    for (u32 i = 0; i < account.position_count; ++i) {
        const Position& position = account.positions[i];
        if (position.market == without) continue;
        add_position(sum, position, context.state.template read<MarketConfig>(position.market),
                     context.state.template read<MarketState>(position.market));
    }
}

// Collateral and the hold of orders that take no margin.
[[nodiscard]] inline Margin wallet_margin(i64 collateral_e6, u32 free_orders) {
    return {i128{collateral_e6}, free_orders * kFreeOrderHold_e6, 0};
}

// E_cross, IM_cross and MM_cross of the account, pending funding included.
template <class Access>
[[nodiscard]] Margin compute_margin(Context<Access>& context, const Account& account) {
    Margin margin = wallet_margin(account.collateral_e6, account.free_orders);
    add_positions(context, margin, account);
    return margin;
}

[[nodiscard]] inline bool covers(const i128& equity, u64 requirement) {
    return equity >= i128::from_unsigned(requirement);
}

// Health E/MM not worse: E' >= 0 and E' * MM >= E * MM' (products below 2^127).
[[nodiscard]] inline bool is_health_kept(const Margin& before, const Margin& after) {
    if (after.equity.is_negative()) return false;
    if (before.equity.is_negative()) return true;
    return multiply(after.equity, before.maintenance) >= multiply(before.equity, after.maintenance);
}

}  // namespace matching
