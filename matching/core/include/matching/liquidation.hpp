// Liquidation of the cross scope: the check, the market step, the backstop by the insurance fund (rules 15).
// Deleveraging comes later: where the fund is short the scope stays flagged (103).
#pragma once

#include "matching/match.hpp"

namespace matching {

// A long's or short's price at which E/MM would not fall, and the whole tick on the safe side of it.
struct ZeroPrice {
    u64 fine;
    u32 ticks;
};

[[nodiscard]] inline ZeroPrice compute_zero_price(const MarketConfig& config, u32 mark_fine, i64 size_lots,
                                                  u64 position_mm, u64 equity, u64 maintenance) {
    u128 numerator = shift_left(multiply_wide(position_mm, equity), 8);
    u128 denominator = multiply(multiply_wide(magnitude(size_lots), config.lot_tick_value_e6), maintenance);
    u64 distance = divide(numerator, denominator).lo;
    u64 fine = size_lots > 0 ? mark_fine - distance : mark_fine + distance;
    u64 ticks = size_lots > 0 ? (fine + 255) >> 8 : fine >> 8;
    return {fine, static_cast<u32>(clamp<u64>(ticks, 1, config.price_ticks_max))};
}

// A fifth of the position, or the chunk's worth of it if that is more.
[[nodiscard]] inline u64 compute_chunk_lots(const MarketConfig& config, u32 mark_fine, u64 size_lots) {
    u64 chunk = divide_u64_ceil(config.liq_chunk_e6 * 256, u64{config.lot_tick_value_e6} * mark_fine);
    return min(size_lots, max(short_ceil(size_lots, 5), chunk));
}

// Notional of the scope's positions, and its part in markets whose index is stale.
struct ScopeNotional {
    u64 total = 0;
    u64 stale = 0;

    // One lot in a market without prices must not shield an account: less than a tenth does not count.
    [[nodiscard]] bool is_fresh_enough() const { return stale == 0 || multiply_wide(stale, 10) < u128{total}; }
};

template <class Access>
[[nodiscard]] ScopeNotional compute_scope_notional(Context<Access>& context, const Account& account) {
    ScopeNotional sum;
    for (u32 i = 0; i < account.position_count; ++i) {
        const Position& position = account.positions[i];
        const MarketConfig& config = context.state.template read<MarketConfig>(position.market);
        const MarketState& state = context.state.template read<MarketState>(position.market);
        u64 notional = notional_ceil(magnitude(position.size_lots), config.lot_tick_value_e6, state.mark_fine);
        sum.total += notional;
        if (is_stale(state, config, context.now_ms)) sum.stale += notional;
    }
    return sum;
}

// The fresh position with the largest notional, the lowest market on ties; null if none.
template <class Access>
[[nodiscard]] Position* find_largest_fresh(Context<Access>& context, Account& account) {
    Position* largest = nullptr;
    u64 largest_notional = 0;
    for (u32 i = 0; i < account.position_count; ++i) {
        Position& position = account.positions[i];
        const MarketConfig& config = context.state.template read<MarketConfig>(position.market);
        const MarketState& state = context.state.template read<MarketState>(position.market);
        if (position.size_lots == 0 || is_stale(state, config, context.now_ms)) continue;
        u64 notional = notional_ceil(magnitude(position.size_lots), config.lot_tick_value_e6, state.mark_fine);
        if (notional > largest_notional) {
            largest = &position;
            largest_notional = notional;
        }
    }
    return largest;
}

template <class Access>
void emit_liquidation(Context<Access>& context, const Account& account, u16 step, const Margin& margin) {
    context.emit(LiquidationState{account.account_id, kCrossScope, step, saturate(margin.equity),
                                  static_cast<i64>(margin.maintenance)});
}

template <class Access>
void clear_flag(Context<Access>& context, Account& account) {
    if (account.liq_since_ms == 0) return;
    account.liq_since_ms = 0;
    context.system.liq_count -= 1;
}

// Sells (or buys back) a piece of the position down to the zero price, as a reduce-only IOC without taker fee.
template <class Access>
void trade_liquidation_chunk(Context<Access>& context, Account& account, Position& position, const Margin& margin) {
    u16 market_id = position.market;
    MarketView market{market_id, context.state.template read<MarketConfig>(market_id),
                      context.state.template write<MarketState>(market_id),
                      context.state.template write<BookHead>(market_id)};
    u32 mark = market.state.mark_fine;
    u64 size = magnitude(position.size_lots);
    u64 notional = notional_ceil(size, market.config.lot_tick_value_e6, mark);
    ZeroPrice zero =
        compute_zero_price(market.config, mark, position.size_lots, compute_maintenance_margin(market.config, notional),
                           margin.equity.lo, margin.maintenance);
    LiquidationTerms terms{zero.fine, market.config.liq_fee_ppm};
    u8 side = position.size_lots > 0 ? kSell : kBuy;
    u64 lots = compute_chunk_lots(market.config, mark, size);
    Taker taker{account, position, side, kCancelMaker, true, zero.ticks, 0, 0, lots, 0, &terms};
    roll_volume(context, account);
    context.pinned_account = account.account_id;
    context.pinned_market = market_id;
    u32 steps = 0;
    static_cast<void>(match(context, market, taker, steps, kLiquidationStepsMax));
    context.pinned_account = UINT32_MAX;
    prune_position(account, position, market.config.leverage_max);
}

// Moves one position at its value: `value` is what the giver's side is worth.
template <class Access>
void move_position(Context<Access>& context, Account& account, u16 market, i64 lots, i64 value_e6) {
    const MarketConfig& config = context.state.template read<MarketConfig>(market);
    MarketState& state = context.state.template write<MarketState>(market);
    Position* position = find_position(account, market);
    if (!position) {
        if (account.position_count == kPositionsMax) context.state.fail();
        position = &insert_position(account, market, config.leverage_max, state.funding_index);
    }
    Holding after = apply_quantity(holding_of(account, *position), lots, value_e6);
    i64 change = long_part(after.size_lots) - long_part(position->size_lots);
    state.oi_lots += static_cast<u64>(change);
    write_holding(context, account, *position, after, state.funding_index);
    prune_position(account, *position, config.leverage_max);
}

// What the fund would hold after taking over every position of `account` and its equity.
template <class Access>
[[nodiscard]] bool can_fund_take_over(Context<Access>& context, const Account& account, const Account& fund,
                                      const Margin& margin) {
    Margin after = wallet_margin(fund.collateral_e6, fund.free_orders);
    after.equity = after.equity + margin.equity;
    u64 notional = 0;
    u32 mine = 0, theirs = 0;
    // Both lists rise by market: walk their union.
    while (mine < fund.position_count || theirs < account.position_count) {
        u16 fund_market = mine < fund.position_count ? fund.positions[mine].market : kNoMarket;
        u16 account_market = theirs < account.position_count ? account.positions[theirs].market : kNoMarket;
        u16 market = min(fund_market, account_market);
        const MarketConfig& config = context.state.template read<MarketConfig>(market);
        const MarketState& state = context.state.template read<MarketState>(market);
        Position merged{};
        merged.leverage = config.leverage_max;
        merged.funding_index = state.funding_index;
        if (fund_market == market) merged = fund.positions[mine++];
        if (account_market == market) {
            i64 size = account.positions[theirs++].size_lots;
            if (size != 0) {
                i64 value = position_value_floor(size, config.lot_tick_value_e6, state.mark_fine);
                Holding holding = apply_quantity({merged.size_lots, merged.cost_e6, 0}, size, value);
                merged = position_after(merged, holding);
                after.equity = after.equity + i128{holding.wallet_e6};
                if (magnitude(merged.size_lots) > config.position_lots_max ||
                    magnitude(merged.cost_e6) > static_cast<u64>(kMoneyMax)) {
                    return false;
                }
            }
        }
        add_position(after, merged, config, state);
        notional += notional_ceil(magnitude(merged.size_lots), config.lot_tick_value_e6, state.mark_fine);
    }
    return covers(after.equity, max(after.initial, short_ceil(notional, 10)));
}

// Step 3: the fund takes every position at its value and exactly the scope's equity.
template <class Access>
[[nodiscard]] Code take_over(Context<Access>& context, Account& account, const Margin& margin) {
    if (account.account_id == kFundAccount) return Code::BackstopShort;
    Account& fund = context.state.template write<Account>(kFundAccount);
    settle_funding(context, fund);
    if (!can_fund_take_over(context, account, fund, margin)) return Code::BackstopShort;
    u16 markets[kPositionsMax];
    u32 count = 0;
    for (u32 i = 0; i < account.position_count; ++i) {
        if (account.positions[i].size_lots != 0) markets[count++] = account.positions[i].market;
    }
    for (u32 i = 0; i < count; ++i) {
        i64 size = find_position(account, markets[i])->size_lots;
        i64 value = position_value_floor(size, context.state.template read<MarketConfig>(markets[i]).lot_tick_value_e6,
                                         context.state.template read<MarketState>(markets[i]).mark_fine);
        move_position(context, account, markets[i], -size, -value);
        move_position(context, fund, markets[i], size, value);
    }
    i64 equity = saturate(margin.equity);
    account.collateral_e6 -= equity;
    fund.collateral_e6 += equity;
    clear_flag(context, account);
    emit_liquidation(context, account, kBackstop, margin);
    return Code::Ok;
}

// The account of a liquidation command whose scope is the cross one; null if it does not exist.
template <class Access>
[[nodiscard]] Account* find_scope_account(Context<Access>& context, u32 id) {
    if (id >= kAccountsMax || context.state.template read<Account>(id).owner.is_zero()) return nullptr;
    return &context.state.template write<Account>(id);
}

template <class Access>
Code liquidation_check(Context<Access>& context) {
    auto body = context.command.template body_as<ScopeBody>();
    Account* account = find_scope_account(context, body.account);
    if (!account) return Code::AccountUnknown;
    if (body.scope != kCrossScope) return Code::NotLiquidatable;
    if (account->cancel_market != kNoWatermark && account->cancel_market != kAllMarkets)
        return Code::AccountWorkPending;
    settle_funding(context, *account);
    Margin margin = compute_margin(context, *account);
    if (covers(margin.equity, margin.maintenance)) return Code::NotLiquidatable;
    if (account->liq_since_ms != 0) return Code::AlreadyInLiquidation;
    account->liq_since_ms = context.now_ms;
    context.system.liq_count += 1;
    account->cancel_before = order_id_of(context.system.order_no + 1, 0);
    account->cancel_market = kAllMarkets;
    work_on_account(context, *account);
    emit_liquidation(context, *account, kEntered, margin);
    return Code::Ok;
}

// E >= 0, 3E >= 2MM and not yet a minute in liquidation: the market may still close it.
[[nodiscard]] inline bool is_market_step_due(const Margin& margin, u64 age_ms) {
    return !margin.equity.is_negative() &&
           margin.equity + margin.equity + margin.equity >= i128::from_unsigned(2 * margin.maintenance) &&
           age_ms < kLiquidationMarketMs;
}

template <class Access>
Code liquidation_step(Context<Access>& context) {
    auto body = context.command.template body_as<ScopeBody>();
    Account* account = find_scope_account(context, body.account);
    if (!account) return Code::AccountUnknown;
    if (body.scope != kCrossScope || account->liq_since_ms == 0) return Code::NotInLiquidation;
    settle_funding(context, *account);
    Margin margin = compute_margin(context, *account);
    bool is_fresh_enough = compute_scope_notional(context, *account).is_fresh_enough();
    if (covers(margin.equity, margin.maintenance)) {
        if (!is_fresh_enough) return Code::IndexStale;
        clear_flag(context, *account);
        emit_liquidation(context, *account, kCleared, margin);
        return Code::Cleared;
    }
    if (is_market_step_due(margin, context.now_ms - account->liq_since_ms)) {
        Position* position = find_largest_fresh(context, *account);
        if (!position) return Code::IndexStale;
        if (context.state.template read<MarketState>(position->market).status != kHalted) {
            trade_liquidation_chunk(context, *account, *position, margin);
            emit_liquidation(context, *account, kMarketStep, margin);
            return Code::Ok;
        }
    }
    if (!is_fresh_enough) return Code::IndexStale;
    return take_over(context, *account, margin);
}

}  // namespace matching
