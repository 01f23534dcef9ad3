// Who may send a command: accounts, signers, nonces and expiry (rules 4.4), and the keys of agents.
#pragma once

#include "matching/account.hpp"
#include "matching/book.hpp"
#include "matching/context.hpp"

namespace matching {

[[nodiscard]] inline u32 signer_index(u32 master, u8 slot) { return master * kSignersPerMaster + slot; }

// What one walk over the remembered nonces tells. The walk is the hottest loop of the batch guest.
struct NonceScan {
    bool is_used;
    u32 lowest;  // position of the lowest one; 0 when there is none
};

[[nodiscard]] inline NonceScan scan_nonces(const Signer& signer, u64 nonce) {
    u32 wanted_low = static_cast<u32>(nonce), wanted_high = static_cast<u32>(nonce >> 32);
    u32 lowest = 0, lowest_low = UINT32_MAX, lowest_high = UINT32_MAX;
    for (u32 i = 0; i < signer.count; ++i) {
        u32 low = static_cast<u32>(signer.nonces[i]), high = static_cast<u32>(signer.nonces[i] >> 32);
        if (low == wanted_low && high == wanted_high) return {true, 0};
        if (high > lowest_high || (high == lowest_high && low >= lowest_low)) continue;
        lowest = i;
        lowest_low = low;
        lowest_high = high;
    }
    return {false, lowest};
}

// 14, 15, 16, then the nonce is remembered.
[[nodiscard]] inline Code use_nonce(Signer& signer, u64 nonce, u64 now_ms) {
    bool is_too_late = nonce >= now_ms + kNonceFutureMs;
    bool is_too_early = now_ms >= kNoncePastMs && nonce <= now_ms - kNoncePastMs;
    if (is_too_late || is_too_early) return Code::NonceOutOfWindow;
    NonceScan scan = scan_nonces(signer, nonce);
    if (scan.is_used) return Code::NonceUsed;
    if (nonce <= signer.nonce_min) return Code::NonceTooOld;
    if (signer.count < kNoncesMax) {
        signer.nonces[signer.count] = nonce;
        signer.count += 1;
        return Code::Ok;
    }
    if (nonce <= signer.nonces[scan.lowest]) return Code::NonceTooOld;
    signer.nonces[scan.lowest] = nonce;
    return Code::Ok;
}

[[nodiscard]] inline bool needs_owner(u16 kind) { return kind >= 8 && kind <= 11; }

// Codes 10..19 of a signed command. The nonce is used from code 17 on.
template <class Access>
[[nodiscard]] Code authorize(Context<Access>& context) {
    const CommandHeader& header = context.command.header;
    if (header.account >= kAccountsMax) return Code::AccountUnknown;
    const Account& account = context.state.template read<Account>(header.account);
    if (account.owner.is_zero()) return Code::AccountUnknown;
    if (header.signer_slot >= kSignersPerMaster) return Code::SignerUnknown;
    Signer& signer = context.state.template write<Signer>(signer_index(account.master, header.signer_slot));
    if (signer.address.is_zero()) return Code::SignerUnknown;
    if (signer.expiry_ms <= context.now_ms) return Code::SignerExpired;
    if (needs_owner(header.kind) && header.signer_slot != 0) return Code::SignerNotAllowed;
    bool is_for_fund = context.command.kind() == CommandKind::InsuranceOrder;
    if (is_for_fund && header.account != kFundAccount) return Code::SignerNotAllowed;
    Code nonce = use_nonce(signer, header.nonce, context.now_ms);
    if (nonce != Code::Ok) return nonce;
    if (header.expires_ms != 0 && header.expires_ms <= context.now_ms) return Code::RequestExpired;
    return Code::Ok;
}

// 17 and 18 for the kinds that they concern.
template <class Access>
[[nodiscard]] Code check_account_state(Context<Access>& context, const Account& account) {
    switch (context.command.kind()) {
        case CommandKind::PlaceOrders:
        case CommandKind::Withdraw:
            if (has_account_debt(account, context.now_ms)) return Code::AccountWorkPending;
            return account.liq_since_ms != 0 ? Code::AccountInLiquidation : Code::Ok;
        case CommandKind::CancelAll: {
            u16 market = context.command.template body_as<MarketBody>().market;
            u16 open = account.cancel_market == kAllMarkets ? 0xFFFF : account.cancel_market;
            return account.cancel_market != kNoWatermark && open != market ? Code::AccountWorkPending : Code::Ok;
        }
        default:
            return Code::Ok;
    }
}

[[nodiscard]] inline bool is_live(const Signer& signer, u64 now_ms) {
    return !signer.address.is_zero() && signer.expiry_ms > now_ms;
}

// Overwrites an agent slot. An address approved anew cannot have its older actions replayed.
template <class Access>
Code approve_agent(Context<Access>& context, const Account& account) {
    auto body = context.command.template body_as<ApproveAgentBody>();
    if (body.slot < 1 || body.slot >= kSignersPerMaster || body.address.is_zero() || body.address == account.owner) {
        return Code::AgentInvalid;
    }
    for (u8 slot = 1; slot < kSignersPerMaster; ++slot) {
        if (slot == body.slot) continue;
        const Signer& other = context.state.template read<Signer>(signer_index(account.master, slot));
        if (is_live(other, context.now_ms) && other.address == body.address) return Code::AgentInvalid;
    }
    if (body.expiry_ms > context.now_ms + kAgentLifeMaxMs) return Code::AgentInvalid;
    Signer& signer = context.state.template write<Signer>(signer_index(account.master, body.slot));
    signer = Signer{};
    signer.address = body.address;
    signer.flags = body.flags;
    signer.expiry_ms = body.expiry_ms;
    signer.nonce_min = context.command.header.nonce;
    return Code::Ok;
}

}  // namespace matching
