// Events as they lie in memory (rules 5): a header of 24 bytes and a body padded to a multiple of 8.
#pragma once

#include "matching/result_code.hpp"
#include "matching/types.hpp"

namespace matching {

struct EventHeader {
    u16 kind;
    u16 code;
    u32 body_len;
    u64 seq;
    u64 time_ms;
};
static_assert(sizeof(EventHeader) == 24);

struct CommandDone {
    static constexpr EventKind kKind = EventKind::CommandDone;
    u32 account;
    u32 legs_ok;
};

struct OrderAccepted {
    static constexpr EventKind kKind = EventKind::OrderAccepted;
    u32 leg_index;
    u32 account;
    u64 order_id;
    Bytes16 client_id;
    u64 resting_lots;
    u64 filled_lots;
};
static_assert(sizeof(OrderAccepted) == 48);

struct OrderRefused {
    static constexpr EventKind kKind = EventKind::OrderRefused;
    u32 leg_index;
    u32 account;
    Bytes16 client_id;
    u32 band_price_ticks;
    u32 zero;
};
static_assert(sizeof(OrderRefused) == 32);

struct Trade {
    static constexpr EventKind kKind = EventKind::Trade;
    u16 market;
    u8 taker_side;
    u8 zero[5];
    u64 maker_id;
    u64 taker_id;
    u32 maker;
    u32 taker;
    u32 price_ticks;
    u32 zero_price;
    u64 lots;
    i64 maker_fee_e6;
    i64 taker_fee_e6;
    i64 maker_size_after;
    i64 taker_size_after;
};
static_assert(sizeof(Trade) == 80);

struct OrderRemoved {
    static constexpr EventKind kKind = EventKind::OrderRemoved;
    u64 order_id;
    u32 account;
    u16 reason;
    u16 zero;
    u64 remaining_lots;
    u64 filled_lots;
};
static_assert(sizeof(OrderRemoved) == 32);

struct OrderReduced {
    static constexpr EventKind kKind = EventKind::OrderReduced;
    u64 order_id;
    u64 remaining_lots;
};

struct FundingSettled {
    static constexpr EventKind kKind = EventKind::FundingSettled;
    u32 account;
    u16 market;
    u16 zero;
    i64 owed_e6;
    i64 index;
};
static_assert(sizeof(FundingSettled) == 24);

struct FundingRate {
    static constexpr EventKind kKind = EventKind::FundingRate;
    u16 market;
    u16 zero[3];
    i64 rate_ppb;
    i64 index_after;
};
static_assert(sizeof(FundingRate) == 24);

struct MarkChanged {
    static constexpr EventKind kKind = EventKind::MarkChanged;
    u16 market;
    u16 flags;
    u32 index_fine;
    u32 mark_fine;
    u32 zero;
};
static_assert(sizeof(MarkChanged) == 16);
enum MarkFlag : u16 { kStepClamped = 1, kBidAbsent = 2, kAskAbsent = 4 };

struct MoneyMoved {
    static constexpr EventKind kKind = EventKind::MoneyMoved;
    u32 account;
    u32 reason;
    i64 amount_e6;
    i64 collateral_after_e6;
};
static_assert(sizeof(MoneyMoved) == 24);

struct LiquidationState {
    static constexpr EventKind kKind = EventKind::LiquidationState;
    u32 account;
    u16 scope;
    u16 step;
    i64 equity_e6;
    i64 maintenance_e6;
};
static_assert(sizeof(LiquidationState) == 24);

struct WorkDone {
    static constexpr EventKind kKind = EventKind::WorkDone;
    u32 what;
    u32 done;
    u32 remaining;
    u32 zero;
};
static_assert(sizeof(WorkDone) == 16);

}  // namespace matching
