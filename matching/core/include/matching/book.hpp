// The order book: levels, their FIFO lists, the trie over prices, the account's order list and the slots (rules 6).
#pragma once

#include "matching/account.hpp"
#include "matching/context.hpp"
#include "matching/market.hpp"
#include "matching/order.hpp"

namespace matching {

inline constexpr u32 kTrieOffsets[4] = {0, 1u << 18, (1u << 18) + (1u << 12), (1u << 18) + (1u << 12) + 64};
inline constexpr u32 kTrieLayers = 4;

[[nodiscard]] constexpr u32 side_number(u16 market, u8 list) { return u32{market} * 4 + list; }
[[nodiscard]] constexpr u32 level_index(u32 side_no, u32 price_ticks) { return (side_no << 24) + price_ticks; }
[[nodiscard]] constexpr u32 trie_index(u32 side_no, u32 layer, u32 price_ticks) {
    return (side_no << 19) + kTrieOffsets[layer] + (price_ticks >> (6 * (layer + 1)));
}
[[nodiscard]] constexpr u64 trie_bit(u32 layer, u32 price_ticks) {
    return u64{1} << ((price_ticks >> (6 * layer)) & 63);
}

[[nodiscard]] constexpr u32 highest_bit(u64 bits) { return 63 - static_cast<u32>(__builtin_clzll(bits)); }
[[nodiscard]] constexpr u32 lowest_bit(u64 bits) { return static_cast<u32>(__builtin_ctzll(bits)); }

// Bids and down triggers prefer the highest price, asks and up triggers the lowest.
[[nodiscard]] constexpr bool prefers_high(u8 list) { return list == 0 || list == 3; }

// Sets the bits of a price upward until a word was already non-zero.
template <class Access>
void set_trie_bits(Access& state, u32 side_no, u32 price_ticks) {
    for (u32 layer = 0; layer < kTrieLayers; ++layer) {
        TrieNode& node = state.template write<TrieNode>(trie_index(side_no, layer, price_ticks));
        u64 before = node.bits;
        node.bits = before | trie_bit(layer, price_ticks);
        if (before != 0) return;
    }
}

// Clears the bits of a price upward until a word stays non-zero.
template <class Access>
void clear_trie_bits(Access& state, u32 side_no, u32 price_ticks) {
    for (u32 layer = 0; layer < kTrieLayers; ++layer) {
        TrieNode& node = state.template write<TrieNode>(trie_index(side_no, layer, price_ticks));
        node.bits &= ~trie_bit(layer, price_ticks);
        if (node.bits != 0) return;
    }
}

// The next worse price of the side that has orders, strictly beyond `price_ticks`; 0 if none.
template <class Access>
[[nodiscard]] u32 next_worse_price(Access& state, u32 side_no, u32 price_ticks, bool downward) {
    for (u32 layer = 0; layer < kTrieLayers; ++layer) {
        u64 bits = state.template read<TrieNode>(trie_index(side_no, layer, price_ticks)).bits;
        u64 own = trie_bit(layer, price_ticks);
        u64 beyond = downward ? bits & (own - 1) : bits & ~(own | (own - 1));
        if (beyond == 0) continue;
        u32 prefix = (price_ticks >> (6 * (layer + 1))) << 6 | (downward ? highest_bit(beyond) : lowest_bit(beyond));
        while (layer > 0) {
            --layer;
            u64 below = state.template read<TrieNode>((side_no << 19) + kTrieOffsets[layer] + prefix).bits;
            if (below == 0) state.fail();  // a set bit with nothing below it
            prefix = prefix << 6 | (downward ? highest_bit(below) : lowest_bit(below));
        }
        return prefix;
    }
    return 0;
}

// (expired, under a watermark, past the dead-man time); Ok when alive (rules 8.2).
[[nodiscard]] inline Code death_of(const Order& order, const Account& owner, u64 now_ms) {
    if (order.expiry_ms != 0 && order.expiry_ms <= now_ms) return Code::Expired;
    if (owner.cancel_market != kNoWatermark && order.order_id < owner.cancel_before &&
        (owner.cancel_market == kAllMarkets || owner.cancel_market == order.market)) {
        return Code::Watermark;
    }
    if (owner.cancel_at_ms != 0 && owner.cancel_at_ms <= now_ms) return Code::DeadMan;
    return Code::Ok;
}

// Takes a free slot. The caller has tested that one is left.
template <class Access>
[[nodiscard]] u32 pop_slot(Context<Access>& context) {
    System& system = context.system;
    if (system.free_slot == 0) return system.slots_used++;
    u32 slot = system.free_slot - 1;
    Order& free_order = context.state.template write<Order>(slot);
    system.free_slot = free_order.level_next;
    free_order.level_next = 0;
    return slot;
}

template <class Access>
void push_slot(Context<Access>& context, u32 slot) {
    Order& order = context.state.template write<Order>(slot);
    order = Order{};
    order.level_next = context.system.free_slot;
    context.system.free_slot = slot + 1;
}

// Appends the order in `slot` to its level and to the head of its owner's list; counts it.
template <class Access>
void insert_order(Context<Access>& context, u32 slot, Order& order, Account& owner, Position& position,
                  BookHead& head) {
    Access& state = context.state;
    u32 side_no = side_number(order.market, order.list);
    Level& level = state.template write<Level>(level_index(side_no, order.price_ticks));
    if (level.count == 0) {
        set_trie_bits(state, side_no, order.price_ticks);
        u32 best = head.best[order.list];
        bool is_better = best == 0 || (prefers_high(order.list) ? order.price_ticks > best : order.price_ticks < best);
        if (is_better) head.best[order.list] = order.price_ticks;
        level.head = slot + 1;
    } else {
        state.template write<Order>(level.tail - 1).level_next = slot + 1;
        order.level_prev = level.tail;
    }
    level.tail = slot + 1;
    level.count += 1;
    level.lots += order.remaining_lots;
    head.orders[order.list] += 1;

    order.account_next = owner.orders_head;
    if (owner.orders_head != 0) state.template write<Order>(owner.orders_head - 1).account_prev = slot + 1;
    owner.orders_head = slot + 1;
    owner.orders_count = static_cast<u16>(owner.orders_count + 1);
    position.open_count += 1;
    if (order.is_reduce_only()) {
        level.reduce_only_lots += order.remaining_lots;
        owner.free_orders = static_cast<u8>(owner.free_orders + 1);
    } else {
        position.open_lots[order.side] += order.remaining_lots;
    }
}

template <class Access>
void unlink_from_level(Context<Access>& context, const Order& order, BookHead& head) {
    Access& state = context.state;
    u32 side_no = side_number(order.market, order.list);
    Level& level = state.template write<Level>(level_index(side_no, order.price_ticks));
    level.lots -= order.remaining_lots;
    if (order.is_reduce_only()) level.reduce_only_lots -= order.remaining_lots;
    level.count -= 1;
    head.orders[order.list] -= 1;
    if (order.level_prev != 0) {
        state.template write<Order>(order.level_prev - 1).level_next = order.level_next;
    } else {
        level.head = order.level_next;
    }
    if (order.level_next != 0) {
        state.template write<Order>(order.level_next - 1).level_prev = order.level_prev;
    } else {
        level.tail = order.level_prev;
    }
    if (level.count != 0) return;
    if (head.best[order.list] == order.price_ticks) {
        head.best[order.list] = next_worse_price(state, side_no, order.price_ticks, prefers_high(order.list));
    }
    clear_trie_bits(state, side_no, order.price_ticks);
}

template <class Access>
void unlink_from_owner(Context<Access>& context, const Order& order, Account& owner) {
    Access& state = context.state;
    if (order.account_prev != 0) {
        state.template write<Order>(order.account_prev - 1).account_next = order.account_next;
    } else {
        owner.orders_head = order.account_next;
    }
    if (order.account_next != 0) state.template write<Order>(order.account_next - 1).account_prev = order.account_prev;
    owner.orders_count = static_cast<u16>(owner.orders_count - 1);
    Position* position = find_position(owner, order.market);
    if (!position) state.fail();
    position->open_count -= 1;
    if (order.is_reduce_only()) {
        owner.free_orders = static_cast<u8>(owner.free_orders - 1);
    } else {
        position->open_lots[order.side] -= order.remaining_lots;
    }
    // The record of the order being placed stays until the order is done.
    bool is_pinned = context.pinned_account == order.account && context.pinned_market == order.market;
    if (!is_pinned) {
        prune_position(owner, *position, state.template read<MarketConfig>(order.market).leverage_max);
    }
}

// Takes a resting order off the book, frees its slot and says why.
template <class Access>
void remove_order(Context<Access>& context, u32 slot, Account& owner, BookHead& head, Code reason) {
    const Order& order = context.state.template read<Order>(slot);
    context.emit(OrderRemoved{order.order_id, order.account, static_cast<u16>(reason), 0, order.remaining_lots,
                              order.original_lots - order.remaining_lots});
    unlink_from_level(context, order, head);
    unlink_from_owner(context, order, owner);
    push_slot(context, slot);
}

// Removes dead orders of an account from the head of its list; true when the walk reached the end (rules 14).
template <class Access>
bool work_on_account(Context<Access>& context, Account& owner) {
    u32 removed = 0, link = owner.orders_head;
    for (u32 visits = 0; link != 0 && visits < kAccountVisitsMax && removed < kAccountWorkMax; ++visits) {
        const Order& order = context.state.template read<Order>(link - 1);
        u32 next = order.account_next;
        Code reason = death_of(order, owner, context.now_ms);
        if (reason != Code::Ok) {
            remove_order(context, link - 1, owner, context.state.template write<BookHead>(order.market), reason);
            removed += 1;
        }
        link = next;
    }
    if (link == 0) {
        owner.cancel_market = kNoWatermark;
        if (owner.cancel_at_ms != 0 && owner.cancel_at_ms <= context.now_ms) owner.cancel_at_ms = 0;
    }
    context.emit(WorkDone{kWorkAccount, removed, link != 0 ? 1u : 0u, 0});
    return link == 0;
}

[[nodiscard]] inline bool has_account_debt(const Account& account, u64 now_ms) {
    return account.cancel_market != kNoWatermark || (account.cancel_at_ms != 0 && account.cancel_at_ms <= now_ms);
}

}  // namespace matching
