// Opening and closing a batch, and the clock (rules 14, 16).
#pragma once

#include "matching/context.hpp"
#include "matching/market.hpp"

namespace matching {

// TimeInvalid or BatchState when the command must halt the engine; changes nothing.
[[nodiscard]] inline Code check_batch_open(const System& system, const BatchOpenBody& body) {
    if (body.batch_no != system.batch_no + 1) return Code::BatchState;
    if (body.time_ms < system.time_ms || body.time_ms >= kTimeMax) return Code::TimeInvalid;
    return Code::Ok;
}

[[nodiscard]] inline Code check_clock_tick(const System& system, u64 time_ms) {
    bool is_in_batch = time_ms > system.time_ms && time_ms <= system.batch_open_ms + kBatchTimeMaxMs;
    return is_in_batch && time_ms < kTimeMax ? Code::Ok : Code::TimeInvalid;
}

// A batch closes with no hour or minute work left over.
template <class Access>
[[nodiscard]] Code check_batch_close(Access& state, const System& system, u64 seq) {
    for (u32 market = 0; market < system.market_count; ++market) {
        if (has_debt(state.template read<MarketState>(market), system.time_ms)) return Code::BatchState;
    }
    return seq - system.batch_first_seq < kBatchCommandsMax ? Code::Ok : Code::BatchState;
}

template <class Access>
Code open_batch(Context<Access>& context) {
    auto body = context.command.template body_as<BatchOpenBody>();
    System& system = context.system;
    system.batch_no = body.batch_no;
    system.time_ms = body.time_ms;
    system.batch_open_ms = body.time_ms;
    system.batch_first_seq = context.command.header.seq;
    system.batch_open = 1;
    system.books_salt = body.books_salt;
    system.vault_total_e6 -= system.withdraw_pending_e6;  // the list has left with the batch before
    system.withdraw_pending_e6 = 0;
    context.now_ms = body.time_ms;
    return Code::Ok;
}

template <class Access>
Code tick_clock(Context<Access>& context) {
    context.system.time_ms = context.command.template body_as<u64>();
    context.now_ms = context.system.time_ms;
    return Code::Ok;
}

template <class Access>
Code close_batch(Context<Access>& context) {
    context.system.batch_open = 0;
    return Code::Ok;
}

}  // namespace matching
