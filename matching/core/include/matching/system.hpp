// The system record: counters, chains, fee tiers and the batch (rules 3.3).
#pragma once

#include "matching/arena.hpp"
#include "matching/types.hpp"

namespace matching {

struct FeeTier {
    u64 volume_usdc;
    u32 taker_ppm;
    i32 maker_ppm;
};
static_assert(sizeof(FeeTier) == 16);

struct System {
    static constexpr Arena kArena = Arena::System;

    u64 seq;
    u64 time_ms;
    u64 batch_no;
    u8 batch_open;
    u8 zero_batch[7];
    u64 order_no;
    u32 free_slot;  // slot + 1
    u32 slots_used;
    u32 account_count;  // masters
    u32 market_count;
    i64 vault_total_e6;
    i64 withdraw_pending_e6;
    u64 priority_done;
    u32 liq_count;
    u32 positions_count;
    u8 oracle_k;
    u8 oracle_n;
    u16 oracle_set_no;
    u8 tier_count;
    u8 zero_oracle[3];
    Digest signer_set;
    Digest books_salt;
    Digest command_chain;
    Digest withdraw_chain;
    FeeTier fee_tiers[8];
    u32 insurance_share_ppm;
    u32 zero_share;
    u64 batch_open_ms;
    u64 batch_first_seq;
    u32 sub_count;
    u32 zero_sub;
    u64 withdraw_count;  // withdrawals listed so far, refused deposits included
    u64 zero_tail[15];
};
static_assert(sizeof(System) == 512 && offsetof(System, signer_set) == 96 && offsetof(System, fee_tiers) == 224 &&
              offsetof(System, batch_first_seq) == 368 && offsetof(System, withdraw_count) == 384);

}  // namespace matching
