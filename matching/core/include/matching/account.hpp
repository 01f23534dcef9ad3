// Account header, position, and the signers of a master account (rules 3.3).
#pragma once

#include "matching/arena.hpp"
#include "matching/limits.hpp"
#include "matching/types.hpp"

namespace matching {

struct Position {
    u16 market;
    u8 leverage;
    u8 flags;
    u32 liq_since_s;
    i64 size_lots;
    i64 cost_e6;
    i64 funding_index;
    i64 iso_margin_e6;
    u64 open_lots[2];  // resting, not reduce-only: buys, sells
    u32 open_count;
    u32 zero;
};
static_assert(sizeof(Position) == 64);

struct Account {
    static constexpr Arena kArena = Arena::Account;

    Address owner;
    u32 account_id;
    Bytes16 salt;
    Digest view_key;
    i64 collateral_e6;
    u64 liq_since_ms;
    u64 cancel_before;
    u64 cancel_at_ms;
    u64 volume_today_e6;
    u16 volume_day;
    u8 cancel_market;
    u8 free_orders;
    u32 master;
    u32 orders_head;
    u16 orders_count;
    u8 fee_tier;
    u8 position_count;
    Position positions[kPositionsMax];

    [[nodiscard]] u32 page_bytes() const { return 128 + 64 * u32{position_count}; }
};
static_assert(sizeof(Account) == 4096 && offsetof(Account, collateral_e6) == 72 && offsetof(Account, positions) == 128);

struct Signer {
    static constexpr Arena kArena = Arena::Signer;

    Address address;
    u32 flags;
    u64 expiry_ms;
    u64 nonce_min;
    u32 count;
    u32 sub_accounts;
    u32 zero[4];
    u64 nonces[kNoncesMax];
};
static_assert(sizeof(Signer) == 512 && offsetof(Signer, nonces) == 64);

[[nodiscard]] inline Position* find_position(Account& account, u16 market) {
    for (u32 i = 0; i < account.position_count; ++i) {
        if (account.positions[i].market == market) return &account.positions[i];
    }
    return nullptr;
}

[[nodiscard]] inline const Position* find_position(const Account& account, u16 market) {
    return find_position(const_cast<Account&>(account), market);
}

// Inserts an empty record at its place in rising market order. The account holds fewer than kPositionsMax positions.
[[nodiscard]] inline Position& insert_position(Account& account, u16 market, u8 leverage, i64 funding_index) {
    u32 at = account.position_count;
    while (at > 0 && account.positions[at - 1].market > market) {
        account.positions[at] = account.positions[at - 1];
        --at;
    }
    account.position_count = static_cast<u8>(account.position_count + 1);
    Position& position = account.positions[at];
    position = Position{};
    position.market = market;
    position.leverage = leverage;
    position.funding_index = funding_index;
    return position;
}

// Removes the record unless it still says something (rules 3.3).
inline void prune_position(Account& account, Position& position, u8 leverage_default) {
    if (position.size_lots != 0 || position.open_count != 0 || position.iso_margin_e6 != 0 ||
        position.leverage != leverage_default || position.flags != 0) {
        return;
    }
    Position* last = &account.positions[account.position_count - 1];
    for (Position* p = &position; p != last; ++p) *p = *(p + 1);
    *last = Position{};
    account.position_count = static_cast<u8>(account.position_count - 1);
}

}  // namespace matching
