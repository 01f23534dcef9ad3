// Command header and bodies as they lie in memory (rules 4.1, 4.2).
#pragma once

#include "matching/limits.hpp"
#include "matching/market.hpp"
#include "matching/result_code.hpp"
#include "matching/types.hpp"

namespace matching {

struct CommandHeader {
    u16 kind;
    u16 version;
    u32 body_len;
    u64 seq;
    u32 account;
    u8 signer_slot;
    u8 zero[3];
    u64 nonce;
    u64 expires_ms;
    u64 payload_tag;
};
static_assert(sizeof(CommandHeader) == 48);

// A command in memory: `bytes` starts at a multiple of 8.
struct Command {
    const u8* bytes;
    u32 size;
    CommandHeader header;

    [[nodiscard]] const u8* body() const { return bytes + sizeof(CommandHeader); }
    [[nodiscard]] CommandKind kind() const { return static_cast<CommandKind>(header.kind); }
    // The body in place, without a copy; offset is a multiple of the type's alignment.
    template <class Body>
    [[nodiscard]] const Body& body_at(u32 offset = 0) const {
        return *reinterpret_cast<const Body*>(body() + offset);
    }
    template <class Body>
    [[nodiscard]] Body body_as(u32 offset = 0) const {
        return load<Body>(body() + offset);
    }
};

struct ListHeader {
    u32 count;
    u32 zero;
};

struct Leg {
    u16 market;
    u8 side;
    u8 kind;
    u8 tif;
    u8 stp;
    u8 flags;
    u8 zero;
    u32 price_ticks;
    u32 trigger_ticks;
    u64 size_lots;
    u64 expiry_ms;
    Bytes16 client_id;
    u16 fee_max_ppm;
    u16 zero_tail[3];

    [[nodiscard]] bool is_reduce_only() const { return (flags & kReduceOnly) != 0; }
};
static_assert(sizeof(Leg) == 56);

struct CancelItem {
    u16 market;
    u8 by_client;
    u8 zero;
    u32 hint;
    union {
        Bytes16 client_id;
        u64 order_id[2];  // the second word is zero
    };
};
static_assert(sizeof(CancelItem) == 24);

struct MarketBody {
    u16 market;
    u16 zero[3];
};

struct AccountBody {
    u32 account;
    u32 zero;
};

struct ScopeBody {
    u32 account;
    u16 scope;
    u16 zero;
};

struct ApproveAgentBody {
    u8 slot;
    u8 flags;
    u16 zero;
    Address address;
    u64 expiry_ms;
};
static_assert(sizeof(ApproveAgentBody) == 32);

struct DepositBody {
    u64 l1_index;
    Address owner;
    u32 account;
    u64 amount_e6;
    Bytes16 salt;
    Digest view_key;
};
static_assert(sizeof(DepositBody) == 88);

struct BatchOpenBody {
    u64 batch_no;
    u64 time_ms;
    Digest books_salt;
};
static_assert(sizeof(BatchOpenBody) == 48);

struct OracleReport {
    u8 signer;
    u8 zero[7];
    u64 time_ms;
    u32 price_fine[kMarketsMax];
};
static_assert(sizeof(OracleReport) == 264);

struct MarketConfigBody {
    u64 l1_index;
    u16 market;
    u16 zero[3];
    MarketConfig image;
};
static_assert(sizeof(MarketConfigBody) == 272);

struct MarketStatusBody {
    u64 l1_index;
    u16 market;
    u8 status;
    u8 zero;
    u32 settle_fine;
};
static_assert(sizeof(MarketStatusBody) == 16);

struct OracleSignersBody {
    u64 l1_index;
    u8 k;
    u8 n;
    u16 set_no;
    u32 zero;
};
static_assert(sizeof(OracleSignersBody) == 16);

struct OracleSignerEntry {
    Address address;
    u32 zero;
};
static_assert(sizeof(OracleSignerEntry) == 24);

struct FundInsuranceBody {
    u64 l1_index;
    u64 amount_e6;
};
static_assert(sizeof(FundInsuranceBody) == 16);

[[nodiscard]] inline bool is_signed(u16 kind) { return (kind >= 1 && kind <= 11) || kind == 40; }
[[nodiscard]] inline bool is_from_l1(u16 kind) { return (kind >= 20 && kind <= 22) || (kind >= 50 && kind <= 55); }

}  // namespace matching
