// Placing one order: the checks of rules 4.4 in their order, then rules 8.1.
#pragma once

#include "matching/band.hpp"
#include "matching/match.hpp"

namespace matching {

// The outcome of a leg before it takes an order number.
struct LegRefusal {
    Code code = Code::Ok;
    u32 band_price_ticks = 0;
};

[[nodiscard]] inline bool is_immediate(const Leg& leg) { return leg.tif == kIoc || leg.tif == kFok; }

// Kinds, times in force and flags that go together; triggers and FOK come later.
[[nodiscard]] inline bool is_leg_consistent(const Leg& leg) {
    if (leg.side > kSell || leg.kind > kMarket || leg.tif == kFok) return false;
    if (leg.trigger_ticks != 0) return false;
    if (leg.kind == kMarket && leg.tif != kIoc) return false;
    return !(leg.expiry_ms != 0 && leg.tif == kIoc);
}

// New risk only with a fresh index and, while catching up, at raw or better: an IOC is cut to raw (33).
[[nodiscard]] inline bool is_price_known(Leg& leg, const MarketConfig& config, const MarketState& state, u64 now_ms) {
    if (is_stale(state, config, now_ms)) return false;
    if (!is_catching_up(state) || leg.kind > kMarket || leg.side > kSell) return true;
    u64 price = u64{leg.price_ticks} * 256, raw = state.raw_fine;
    bool is_worse = leg.side == kBuy ? price > raw : price < raw;
    if (!is_worse) return true;
    if (!is_immediate(leg)) return false;
    leg.price_ticks = leg.side == kBuy ? ticks_floor(raw) : ticks_ceil(raw);
    return true;
}

// 36, 37: an IOC is cut to the band, others are refused.
[[nodiscard]] inline LegRefusal check_price(Leg& leg, const MarketConfig& config, const MarketState& state) {
    PriceRange range = compute_price_range(config, state.mark_fine, leg.side);
    u32 nearest = nearest_in_range(config, range, leg.price_ticks);
    if (leg.price_ticks == 0 || leg.price_ticks > config.price_ticks_max) return {Code::PriceInvalid, nearest};
    bool is_buy = leg.side == kBuy;
    bool is_aggressive = is_buy ? leg.price_ticks > range.high_ticks : leg.price_ticks < range.low_ticks;
    bool is_passive = is_buy ? leg.price_ticks < range.low_ticks : leg.price_ticks > range.high_ticks;
    if (is_aggressive) {
        if (!is_immediate(leg)) return {Code::PriceOutOfBand, nearest};
        leg.price_ticks = is_buy ? range.high_ticks : range.low_ticks;
    }
    if (is_passive && leg.kind == kLimit) return {Code::PriceOutOfBand, nearest};
    return {};
}

// 40: an expiry lies ahead, at most 90 days.
[[nodiscard]] inline bool is_expiry_valid(u64 expiry_ms, u64 now_ms) {
    return expiry_ms == 0 || (expiry_ms > now_ms && expiry_ms <= now_ms + kOrderLifeMaxMs);
}

[[nodiscard]] inline bool does_increase(const Position* position, const Leg& leg) {
    if (leg.is_reduce_only()) return false;
    Position empty{};
    const Position& before = position ? *position : empty;
    Position with = before;
    with.open_lots[leg.side] += leg.size_lots;
    return compute_worst_lots(with) > compute_worst_lots(before);
}

template <class Access>
[[nodiscard]] Code check_account_limits(Context<Access>& context, const Leg& leg, const Account& account,
                                        const Position* position, const MarketConfig& config,
                                        const MarketState& state) {
    const System& system = context.system;
    i64 size = position ? position->size_lots : 0;
    if (leg.is_reduce_only() && reducible_lots(size, leg.side) == 0) return Code::ReduceOnlyIncreases;
    u64 open = position ? position->open_lots[leg.side] : 0;
    if (!leg.is_reduce_only() && magnitude(size) + open + leg.size_lots > config.position_lots_max)
        return Code::PositionLimit;
    if (account.orders_count >= kOrdersPerAccountMax) return Code::AccountOrdersFull;
    if (leg.is_reduce_only() && !is_immediate(leg)) {
        if (account.free_orders >= kFreeOrdersMax) return Code::AccountOrdersFull;
        Margin margin = compute_margin(context, account);
        u64 hold = (u64{account.free_orders} + 1) * kFreeOrderHold_e6;
        if (!covers(margin.equity, margin.maintenance + hold)) return Code::InsufficientMargin;
    }
    bool is_arena_full = system.free_slot == 0 && system.slots_used == kOrdersMax;
    if (is_arena_full || system.order_no + 1 >= kSequenceMax) return Code::OrdersFull;
    if (state.oi_lots >= config.oi_lots_max && does_increase(position, leg)) return Code::OiCap;
    if (!position && account.position_count == kPositionsMax) return Code::PositionsFull;
    return Code::Ok;
}

// The checks of a leg in their order; may cut the price of an IOC.
template <class Access>
[[nodiscard]] LegRefusal check_leg(Context<Access>& context, Leg& leg, const Account& account) {
    if (leg.market >= context.system.market_count) return {Code::MarketUnknown};
    const MarketConfig& config = context.state.template read<MarketConfig>(leg.market);
    const MarketState& state = context.state.template read<MarketState>(leg.market);
    if (state.status == kAbsent) return {Code::MarketUnknown};
    if (state.status == kHalted || state.status == kSettled) return {Code::MarketHalted};
    if (state.status == kReduceOnlyMarket && !leg.is_reduce_only()) return {Code::MarketReduceOnly};
    if (!leg.is_reduce_only() && !is_price_known(leg, config, state, context.now_ms)) return {Code::IndexStale};
    if (has_debt(state, context.now_ms)) return {Code::MarketWorkPending};
    if (!is_leg_consistent(leg)) return {Code::SideOrKindInvalid};
    LegRefusal price = check_price(leg, config, state);
    if (price.code != Code::Ok) return price;
    if (leg.size_lots == 0 || leg.size_lots > config.order_lots_max) return {Code::SizeInvalid};
    u64 notional = leg.size_lots * leg.price_ticks * config.lot_tick_value_e6;
    if (notional < config.order_notional_min_e6 && !(leg.is_reduce_only() && is_immediate(leg))) {
        return {Code::NotionalTooSmall};
    }
    if (!is_expiry_valid(leg.expiry_ms, context.now_ms)) return {Code::ExpiryInvalid};
    const FeeTier& tier = context.system.fee_tiers[account.fee_tier];
    i64 fee_needed = leg.tif == kPostOnly ? max<i64>(0, tier.maker_ppm) : i64{tier.taker_ppm};
    if (leg.fee_max_ppm < fee_needed) return {Code::FeeAboveMax};
    return {check_account_limits(context, leg, account, find_position(account, leg.market), config, state)};
}

// Test (a): the order's fee paid, the initial margin with it still holds.
template <class Access>
[[nodiscard]] bool is_order_affordable(Context<Access>& context, const MarketView& market, const Leg& leg,
                                       const Account& account, const Position& position) {
    Position with = position;
    with.open_lots[leg.side] += leg.size_lots;
    Margin margin = wallet_margin(account.collateral_e6, account.free_orders);
    add_positions(context, margin, account, market.id);
    add_position(margin, with, market.config, market.state);
    u64 notional = notional_ceil(leg.size_lots, market.config.lot_tick_value_e6, market.state.mark_fine);
    u64 fee = ppm_ceil(notional, context.system.fee_tiers[account.fee_tier].taker_ppm);
    return margin.equity - i128::from_unsigned(fee) >= i128::from_unsigned(margin.initial);
}

// What a resting order loses at the mark if it fills at its price, rounded up.
[[nodiscard]] inline u64 compute_rest_loss(const MarketConfig& config, u32 mark_fine, const Leg& leg, u64 lots) {
    u64 price = u64{leg.price_ticks} * 256, mark = mark_fine;
    u64 distance = leg.side == kBuy ? (price > mark ? price - mark : 0) : (mark > price ? mark - price : 0);
    u128 loss = multiply_wide(lots * config.lot_tick_value_e6, distance) + u128{255};
    return shift_right(loss, 8).lo;
}

// Test (c).
template <class Access>
[[nodiscard]] bool is_rest_affordable(Context<Access>& context, const MarketView& market, const Leg& leg,
                                      const Taker& taker) {
    Position with = taker.position;
    with.open_lots[leg.side] += taker.remaining_lots;
    Margin margin = wallet_margin(taker.account.collateral_e6, taker.account.free_orders);
    if (taker.is_sum_known) {
        margin = margin + taker.other_positions;
    } else {
        add_positions(context, margin, taker.account, market.id);
    }
    add_position(margin, with, market.config, market.state);
    u64 loss = compute_rest_loss(market.config, market.state.mark_fine, leg, taker.remaining_lots);
    return margin.equity - i128::from_unsigned(loss) >= i128::from_unsigned(margin.initial);
}

// Post-only: dead orders at the top go; Ok when the best then does not cross.
template <class Access>
[[nodiscard]] Code clear_dead_tops(Context<Access>& context, MarketView& market, const Leg& leg, u32& steps) {
    u8 opposite = leg.side == kBuy ? 1 : 0;
    u32 side_no = side_number(market.id, opposite);
    while (does_cross(leg.side, leg.price_ticks, market.head.best[opposite])) {
        u32 slot = context.state.template read<Level>(level_index(side_no, market.head.best[opposite])).head - 1;
        const Order& order = context.state.template read<Order>(slot);
        Code death = death_of(order, context.state.template read<Account>(order.account), context.now_ms);
        if (death == Code::Ok) return Code::PostOnlyWouldCross;
        if (steps == kMatchStepsMax) return Code::StoppedFillLimit;
        steps += 1;
        remove_order(context, slot, context.state.template write<Account>(order.account), market.head, death);
    }
    return Code::Ok;
}

// Puts the remainder on the book, or says why not.
template <class Access>
[[nodiscard]] Code rest_order(Context<Access>& context, MarketView& market, const Leg& leg, Taker& taker,
                              bool increases, u32 slot) {
    if (increases && !is_rest_affordable(context, market, leg, taker)) {
        return taker.filled_lots == 0 ? Code::InsufficientMargin : Code::StoppedMargin;
    }
    u64 lots = taker.remaining_lots;
    if (leg.is_reduce_only()) {
        lots = min(lots, reducible_lots(taker.position.size_lots, leg.side));
        u64 notional = lots * leg.price_ticks * market.config.lot_tick_value_e6;
        if (lots == 0 || notional < market.config.order_notional_min_e6) return Code::NotionalTooSmall;
        taker.remaining_lots = lots;
    }
    Order& order = context.state.template write<Order>(slot);  // a popped slot is zero
    order.order_id = taker.order_id;
    order.account = taker.account.account_id;
    order.market = market.id;
    order.list = leg.side;
    order.side = leg.side;
    order.price_ticks = leg.price_ticks;
    order.remaining_lots = lots;
    order.original_lots = leg.size_lots;
    order.expiry_ms = leg.expiry_ms;
    order.client_id = leg.client_id;
    order.fee_max_ppm = leg.fee_max_ppm;
    order.kind = leg.kind;
    order.tif = leg.tif;
    order.stp = leg.stp;
    order.flags = leg.flags;
    insert_order(context, slot, order, taker.account, taker.position, market.head);
    return Code::Ok;
}

// Steps 4 (second half) to 7: the order number, the loop, the rest. Emits the leg's closing events.
template <class Access>
Code run_order(Context<Access>& context, MarketView& market, const Leg& leg, u32 leg_index, Account& account,
               Position& position, bool increases) {
    context.system.order_no += 1;
    u32 slot = pop_slot(context);
    u64 order_id = order_id_of(context.system.order_no, slot);
    Taker taker{account,         position,        leg.side, leg.stp,      leg.is_reduce_only(),
                leg.price_ticks, leg.fee_max_ppm, order_id, leg.size_lots};
    Code code = match(context, market, taker, context.steps, kMatchStepsMax);
    Code drop_reason = code;
    u64 resting = 0, dropped = 0;
    if (code == Code::Ok && taker.remaining_lots != 0) {
        if (is_immediate(leg)) {
            code = taker.filled_lots != 0 ? Code::Ok : Code::NoLiquidity;
            drop_reason = Code::IocRest;
        } else {
            code = rest_order(context, market, leg, taker, increases, slot);
            drop_reason = code;
            if (code == Code::Ok) resting = taker.remaining_lots;
        }
    }
    if (resting == 0) {
        dropped = taker.remaining_lots;
        push_slot(context, slot);
    }
    context.emit(OrderAccepted{leg_index, account.account_id, order_id, leg.client_id, resting, taker.filled_lots},
                 code);
    if (dropped != 0) {
        context.emit(
            OrderRemoved{order_id, account.account_id, static_cast<u16>(drop_reason), 0, dropped, taker.filled_lots});
    }
    return code;
}

// Steps 1 to 4 of rules 8.1 for a checked leg.
template <class Access>
LegRefusal place_checked(Context<Access>& context, const Leg& leg, u32 leg_index, Account& account, Code& code) {
    Access& state = context.state;
    MarketView market{leg.market, state.template read<MarketConfig>(leg.market),
                      state.template write<MarketState>(leg.market), state.template write<BookHead>(leg.market)};
    roll_volume(context, account);
    settle_funding(context, account);
    Position* position = find_position(account, leg.market);
    if (!position) {
        if (account.position_count == kPositionsMax) state.fail();
        position = &insert_position(account, leg.market, market.config.leverage_max, market.state.funding_index);
    }
    context.pinned_account = account.account_id;
    context.pinned_market = leg.market;
    bool increases = does_increase(position, leg);
    LegRefusal refusal;
    if (increases && !is_order_affordable(context, market, leg, account, *position))
        refusal.code = Code::InsufficientMargin;
    if (refusal.code == Code::Ok && leg.tif == kPostOnly)
        refusal.code = clear_dead_tops(context, market, leg, context.steps);
    if (refusal.code == Code::Ok) code = run_order(context, market, leg, leg_index, account, *position, increases);
    context.pinned_account = UINT32_MAX;
    prune_position(account, *position, market.config.leverage_max);
    return refusal;
}

// One leg: refused with an event, or run.
template <class Access>
Code place_leg(Context<Access>& context, Leg leg, u32 leg_index, Account& account) {
    Code code = Code::Ok;
    LegRefusal refusal = check_leg(context, leg, account);
    if (refusal.code == Code::Ok) refusal = place_checked(context, leg, leg_index, account, code);
    if (refusal.code != Code::Ok) {
        context.emit(OrderRefused{leg_index, account.account_id, leg.client_id, refusal.band_price_ticks, 0},
                     refusal.code);
        return refusal.code;
    }
    if (code == Code::Ok) context.legs_ok += 1;
    return code;
}

template <class Access>
Code place_orders(Context<Access>& context, Account& account) {
    u32 count = context.command.template body_as<ListHeader>().count;
    for (u32 i = 0; i < count; ++i) {
        place_leg(context,
                  context.command.template body_as<Leg>(static_cast<u32>(sizeof(ListHeader) + i * sizeof(Leg))), i,
                  account);
    }
    return Code::Ok;
}

}  // namespace matching
