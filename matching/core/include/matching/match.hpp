// The matching loop: a taker against the opposite side of one market (rules 8.3, 8.4, 9.4).
#pragma once

#include "matching/book.hpp"
#include "matching/fees.hpp"
#include "matching/margin.hpp"
#include "matching/position.hpp"

namespace matching {

// The records of one market that every order of it needs.
struct MarketView {
    u16 id;
    const MarketConfig& config;
    MarketState& state;
    BookHead& head;
};

// A liquidation sells at least at the zero price: what the fill gains over it bounds the fee.
struct LiquidationTerms {
    u64 zero_price_fine;
    u32 fee_ppm;
};

struct Taker {
    Account& account;
    Position& position;
    u8 side;
    u8 stp;
    bool is_reduce_only;
    u32 limit_ticks;
    u32 fee_max_ppm;
    u64 order_id;
    u64 remaining_lots;
    u64 filled_lots = 0;
    const LiquidationTerms* liquidation = nullptr;  // fee 0, neither self-trade rule nor margin test
    bool is_sum_known = false;
    Margin other_positions = {};  // margin of the positions in other markets, once known
};

// What one fill does to both sides; computed first, tested, then written.
struct Fill {
    u64 lots;
    u32 price_ticks;
    u64 notional_e6;
    i64 taker_fee_e6;
    i64 maker_fee_e6;
    Holding taker;
    Holding maker;
    u64 oi_lots;
};

[[nodiscard]] inline Holding holding_of(const Account& account, const Position& position) {
    return {position.size_lots, position.cost_e6, account.collateral_e6};
}

template <class Access>
[[nodiscard]] Fill compute_fill(Context<Access>& context, const MarketView& market, const Taker& taker,
                                const Order& maker_order, const Account& maker, const Position& maker_position,
                                u64 lots) {
    Fill fill;
    fill.lots = lots;
    fill.price_ticks = maker_order.price_ticks;
    fill.notional_e6 = lots * maker_order.price_ticks * market.config.lot_tick_value_e6;
    const FeeTier& taker_tier = context.system.fee_tiers[taker.account.fee_tier];
    const FeeTier& maker_tier = context.system.fee_tiers[maker.fee_tier];
    fill.taker_fee_e6 =
        taker.liquidation ? 0 : compute_taker_fee(fill.notional_e6, taker_tier.taker_ppm, taker.fee_max_ppm);
    fill.maker_fee_e6 =
        compute_maker_fee(fill.notional_e6, maker_tier.maker_ppm, maker_order.fee_max_ppm, fill.taker_fee_e6);
    i64 quantity = static_cast<i64>(lots), quote = static_cast<i64>(fill.notional_e6);
    if (taker.side == kSell) {
        quantity = -quantity;
        quote = -quote;
    }
    fill.taker = apply_quantity(holding_of(taker.account, taker.position), quantity, quote);
    fill.taker.wallet_e6 -= fill.taker_fee_e6;
    fill.maker = apply_quantity(holding_of(maker, maker_position), -quantity, -quote);
    fill.maker.wallet_e6 -= fill.maker_fee_e6;
    i64 change = long_part(fill.taker.size_lots) - long_part(taker.position.size_lots) +
                 long_part(fill.maker.size_lots) - long_part(maker_position.size_lots);
    fill.oi_lots = market.state.oi_lots + static_cast<u64>(change);
    return fill;
}

[[nodiscard]] inline bool is_within_limits(const Holding& holding, const MarketConfig& config) {
    return magnitude(holding.cost_e6) <= static_cast<u64>(kMoneyMax) &&
           magnitude(holding.wallet_e6) <= static_cast<u64>(kMoneyMax) &&
           magnitude(holding.size_lots) <= config.position_lots_max;
}

[[nodiscard]] inline Position position_after(const Position& before, const Holding& holding) {
    Position after = before;
    after.size_lots = holding.size_lots;
    after.cost_e6 = holding.cost_e6;
    return after;
}

// The scope with `position` in its market, the wallet and the positions elsewhere.
[[nodiscard]] inline Margin compute_scope_margin(const Margin& others, i64 wallet_e6, u32 free_orders,
                                                 const Position& position, const MarketView& market) {
    Margin margin = others + wallet_margin(wallet_e6, free_orders);
    add_position(margin, position, market.config, market.state);
    return margin;
}

// Test (b): a taker that grows keeps its initial margin; one that shrinks does not worsen its health.
template <class Access>
[[nodiscard]] bool is_taker_margin_kept(Context<Access>& context, const MarketView& market, Taker& taker,
                                        const Fill& fill) {
    if (!taker.is_sum_known) {
        add_positions(context, taker.other_positions, taker.account, market.id);
        taker.is_sum_known = true;
    }
    const Position& position = taker.position;
    Position after_position = position_after(position, fill.taker);
    after_position.funding_index = market.state.funding_index;
    u32 free_orders = taker.account.free_orders;
    Margin after =
        compute_scope_margin(taker.other_positions, fill.taker.wallet_e6, free_orders, after_position, market);
    if (covers(after.equity, after.initial)) return true;
    if (does_grow(position.size_lots, after_position.size_lots)) return false;
    Margin before =
        compute_scope_margin(taker.other_positions, taker.account.collateral_e6, free_orders, position, market);
    return is_health_kept(before, after);
}

[[nodiscard]] inline bool has_other_size(const Account& account, u16 market) {
    for (u32 i = 0; i < account.position_count; ++i) {
        if (account.positions[i].market != market && account.positions[i].size_lots != 0) return true;
    }
    return false;
}

// While catching up, growth at a price worse than raw must also be covered at raw.
[[nodiscard]] inline u64 compute_catching_up_extra(const MarketView& market, u8 side, const Fill& fill) {
    u64 raw = market.state.raw_fine, price = u64{fill.price_ticks} * 256;
    if (raw == 0) return 0;
    bool is_worse = side == kBuy ? price > raw : price < raw;
    if (!is_worse) return 0;
    u64 mark = market.state.mark_fine, distance = raw > mark ? raw - mark : mark - raw;
    return notional_ceil(fill.lots, market.config.lot_tick_value_e6, static_cast<u32>(distance));
}

// Test (d): see rules 9.4. The maker's funding is settled.
template <class Access>
[[nodiscard]] bool is_maker_margin_kept(Context<Access>& context, const MarketView& market, const Order& order,
                                        const Account& maker, const Position& position, const Fill& fill) {
    Position after_position = position_after(position, fill.maker);
    after_position.funding_index = market.state.funding_index;
    u32 free_orders = maker.free_orders;
    if (order.is_reduce_only()) {
        bool leaves_book = order.remaining_lots == fill.lots || fill.maker.size_lots == 0;
        free_orders -= leaves_book ? 1 : 0;
    } else {
        after_position.open_lots[order.side] -= fill.lots;
    }
    bool grows = does_grow(position.size_lots, fill.maker.size_lots);
    u32 tick_value = market.config.lot_tick_value_e6;
    if (!grows) {
        i64 quote = static_cast<i64>(fill.notional_e6);
        if (order.side == kSell) quote = -quote;
        i64 gain = position_value_floor(fill.maker.size_lots, tick_value, market.state.mark_fine) -
                   position_value_floor(position.size_lots, tick_value, market.state.mark_fine) - quote -
                   fill.maker_fee_e6;
        bool keeps_position = fill.maker.size_lots != 0 || has_other_size(maker, market.id);
        if (gain >= 0 && keeps_position) return true;
        Margin others;
        add_positions(context, others, maker, market.id);
        Margin after = compute_scope_margin(others, fill.maker.wallet_e6, free_orders, after_position, market);
        if (gain >= 0 && !after.equity.is_negative()) return true;
        if (covers(after.equity, after.initial)) return true;
        Margin before = compute_scope_margin(others, maker.collateral_e6, maker.free_orders, position, market);
        return is_health_kept(before, after);
    }
    Margin after = wallet_margin(fill.maker.wallet_e6, free_orders);
    add_positions(context, after, maker, market.id);
    add_position(after, after_position, market.config, market.state);
    return covers(after.equity, after.maintenance + compute_catching_up_extra(market, order.side, fill));
}

template <class Access>
void write_holding(Context<Access>& context, Account& account, Position& position, const Holding& holding,
                   i64 funding_index) {
    if ((position.size_lots == 0) != (holding.size_lots == 0)) {
        context.system.positions_count += holding.size_lots != 0 ? 1u : UINT32_MAX;
    }
    position.size_lots = holding.size_lots;
    position.cost_e6 = holding.cost_e6;
    position.funding_index = funding_index;
    account.collateral_e6 = holding.wallet_e6;
}

// The liquidation fee goes from the scope to account 0, at most what the fill gained over the zero price.
template <class Access>
void charge_liquidation_fee(Context<Access>& context, const MarketView& market, Taker& taker, const Fill& fill) {
    u64 zero_value = fill.lots * market.config.lot_tick_value_e6;
    u128 at_zero = multiply_wide(zero_value, taker.liquidation->zero_price_fine);
    u64 floor_value = shift_right(at_zero, 8).lo;
    u64 ceil_value = floor_value + ((at_zero.lo & 255) != 0 ? 1 : 0);
    i64 gain = taker.side == kSell ? static_cast<i64>(fill.notional_e6) - static_cast<i64>(ceil_value)
                                   : static_cast<i64>(floor_value) - static_cast<i64>(fill.notional_e6);
    i64 fee = min(static_cast<i64>(ppm_ceil(fill.notional_e6, taker.liquidation->fee_ppm)), max<i64>(0, gain));
    if (fee == 0) return;
    taker.account.collateral_e6 -= fee;
    Account& fund = context.state.template write<Account>(kFundAccount);
    fund.collateral_e6 += fee;
    context.emit(MoneyMoved{kFundAccount, kMoneyInsurance, fee, fund.collateral_e6});
}

// Step h. `slot` is the maker's.
template <class Access>
void execute_fill(Context<Access>& context, MarketView& market, Taker& taker, u32 slot, Account& maker,
                  Position& maker_position, const Fill& fill) {
    MarketState& state = market.state;
    write_holding(context, taker.account, taker.position, fill.taker, state.funding_index);
    write_holding(context, maker, maker_position, fill.maker, state.funding_index);
    state.fees_e6 += fill.taker_fee_e6 + fill.maker_fee_e6;
    add_volume(taker.account, fill.notional_e6);
    add_volume(maker, fill.notional_e6);
    Order& order = context.state.template write<Order>(slot);
    Level& level =
        context.state.template write<Level>(level_index(side_number(market.id, order.list), order.price_ticks));
    order.remaining_lots -= fill.lots;
    level.lots -= fill.lots;
    if (order.is_reduce_only()) {
        level.reduce_only_lots -= fill.lots;
    } else {
        maker_position.open_lots[order.side] -= fill.lots;
    }
    state.oi_lots = fill.oi_lots;
    market.head.last_trade_ticks = fill.price_ticks;
    taker.remaining_lots -= fill.lots;
    taker.filled_lots += fill.lots;
    context.emit(Trade{market.id,
                       taker.side,
                       {},
                       order.order_id,
                       taker.order_id,
                       order.account,
                       taker.account.account_id,
                       fill.price_ticks,
                       0,
                       fill.lots,
                       fill.maker_fee_e6,
                       fill.taker_fee_e6,
                       fill.maker.size_lots,
                       fill.taker.size_lots});
    if (order.remaining_lots == 0) {
        remove_order(context, slot, maker, market.head, Code::Filled);
    } else if (order.is_reduce_only() && fill.maker.size_lots == 0) {
        remove_order(context, slot, maker, market.head, Code::MakerReduceOnly);
    }
    if (taker.liquidation) charge_liquidation_fee(context, market, taker, fill);
}

// Self-trade prevention (step b). Ok: go on with the next head.
template <class Access>
[[nodiscard]] Code prevent_self_trade(Context<Access>& context, MarketView& market, Taker& taker, u32 slot,
                                      Account& maker) {
    if (taker.stp == kCancelTaker) return Code::StoppedSelfTrade;
    if (taker.stp != kDecrement) {
        remove_order(context, slot, maker, market.head, Code::SelfTrade);
        return taker.stp == kCancelBoth ? Code::StoppedSelfTrade : Code::Ok;
    }
    Order& order = context.state.template write<Order>(slot);
    Level& level =
        context.state.template write<Level>(level_index(side_number(market.id, order.list), order.price_ticks));
    Position* position = find_position(maker, market.id);
    if (!position) context.state.fail();
    u64 lots = min(taker.remaining_lots, order.remaining_lots);
    taker.remaining_lots -= lots;
    order.remaining_lots -= lots;
    level.lots -= lots;
    if (order.is_reduce_only()) {
        level.reduce_only_lots -= lots;
    } else {
        position->open_lots[order.side] -= lots;
    }
    if (order.remaining_lots == 0) {
        remove_order(context, slot, maker, market.head, Code::SelfTrade);
    } else {
        context.emit(OrderReduced{order.order_id, order.remaining_lots});
    }
    return Code::Ok;
}

// Steps c..h for a live head of another owner. Ok: go on; any other code stops the loop.
template <class Access>
[[nodiscard]] Code match_head(Context<Access>& context, MarketView& market, Taker& taker, u32 slot, Account& maker) {
    const Order& order = context.state.template read<Order>(slot);
    Position* found = find_position(maker, market.id);
    if (!found) context.state.fail();
    Position& maker_position = *found;
    u64 lots = min(taker.remaining_lots, order.remaining_lots);
    if (order.is_reduce_only()) {
        lots = min(lots, reducible_lots(maker_position.size_lots, order.side));
        if (lots == 0) {
            remove_order(context, slot, maker, market.head, Code::MakerReduceOnly);
            return Code::Ok;
        }
    }
    if (taker.is_reduce_only) {
        lots = min(lots, reducible_lots(taker.position.size_lots, taker.side));
        if (lots == 0) return Code::StoppedReduceOnly;
    }
    Fill fill = compute_fill(context, market, taker, order, maker, maker_position, lots);
    if (fill.oi_lots > market.config.oi_lots_max && fill.oi_lots > market.state.oi_lots) return Code::StoppedOiCap;
    if (!is_within_limits(fill.taker, market.config)) return Code::StoppedPositionLimit;
    if (!is_within_limits(fill.maker, market.config)) {
        remove_order(context, slot, maker, market.head, Code::MakerLimit);
        return Code::Ok;
    }
    i64 collateral_before = maker.collateral_e6;
    settle_funding(context, maker);
    roll_volume(context, maker);
    fill.maker.wallet_e6 += maker.collateral_e6 - collateral_before;
    if (!is_maker_margin_kept(context, market, order, maker, maker_position, fill)) {
        remove_order(context, slot, maker, market.head, Code::MakerMargin);
        return Code::Ok;
    }
    if (!taker.liquidation && !is_taker_margin_kept(context, market, taker, fill)) return Code::StoppedMargin;
    execute_fill(context, market, taker, slot, maker, maker_position, fill);
    return Code::Ok;
}

[[nodiscard]] inline bool does_cross(u8 taker_side, u32 limit_ticks, u32 best_ticks) {
    return best_ticks != 0 && (taker_side == kBuy ? best_ticks <= limit_ticks : best_ticks >= limit_ticks);
}

// Runs the loop. Ok: nothing left, or nothing crosses; else the code that stopped it (75..80).
template <class Access>
[[nodiscard]] Code match(Context<Access>& context, MarketView& market, Taker& taker, u32& steps, u32 steps_max) {
    u8 opposite = taker.side == kBuy ? 1 : 0;
    u32 side_no = side_number(market.id, opposite);
    while (taker.remaining_lots != 0) {
        u32 best = market.head.best[opposite];
        if (!does_cross(taker.side, taker.limit_ticks, best)) return Code::Ok;
        if (steps == steps_max) return Code::StoppedFillLimit;
        steps += 1;
        u32 slot = context.state.template read<Level>(level_index(side_no, best)).head - 1;
        const Order& order = context.state.template read<Order>(slot);
        Account& maker = context.state.template write<Account>(order.account);
        Code death = death_of(order, maker, context.now_ms);
        if (death != Code::Ok) {
            remove_order(context, slot, maker, market.head, death);
            continue;
        }
        bool is_self = maker.master == taker.account.master;
        Code code = is_self && !taker.liquidation ? prevent_self_trade(context, market, taker, slot, maker)
                                                  : match_head(context, market, taker, slot, maker);
        if (code != Code::Ok) return code;
    }
    return Code::Ok;
}

}  // namespace matching
