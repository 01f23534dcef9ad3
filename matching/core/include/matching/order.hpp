// Order, price level, trie node and book head (rules 3.3).
#pragma once

#include "matching/arena.hpp"
#include "matching/limits.hpp"
#include "matching/result_code.hpp"
#include "matching/types.hpp"

namespace matching {

struct Order {
    static constexpr Arena kArena = Arena::Order;

    u64 order_id;
    u32 account;
    u16 market;
    u8 list;
    u8 side;
    u32 price_ticks;
    u32 trigger_ticks;
    u64 remaining_lots;
    u64 original_lots;
    u64 expiry_ms;
    Bytes16 client_id;
    u32 level_prev;
    u32 level_next;  // of a free slot: the next free one
    u32 account_prev;
    u32 account_next;
    u16 fee_max_ppm;
    u8 kind;
    u8 tif;
    u8 stp;
    u8 flags;
    u8 zero[10];

    [[nodiscard]] bool is_reduce_only() const { return (flags & kReduceOnly) != 0; }
};
static_assert(sizeof(Order) == 96 && offsetof(Order, client_id) == 48 && offsetof(Order, fee_max_ppm) == 80);

[[nodiscard]] constexpr u64 order_id_of(u64 order_no, u32 slot) { return (order_no << kSlotBits) + slot; }
[[nodiscard]] constexpr u32 slot_of(u64 order_id) { return static_cast<u32>(order_id) & (kOrdersMax - 1); }

struct Level {
    static constexpr Arena kArena = Arena::Level;

    u64 lots;
    u64 reduce_only_lots;
    u32 head;
    u32 tail;
    u32 count;
    u32 zero;
};
static_assert(sizeof(Level) == 32);

struct TrieNode {
    static constexpr Arena kArena = Arena::Trie;

    u64 bits;
};
static_assert(sizeof(TrieNode) == 8);

struct BookHead {
    static constexpr Arena kArena = Arena::BookHead;

    u32 best[4];
    u32 orders[4];
    u32 last_trade_ticks;
    u32 zero[7];
};
static_assert(sizeof(BookHead) == 64);

}  // namespace matching
