// Money in and out: deposits, withdrawals, the insurance fund's gifts (rules 4.4, 9.5).
#pragma once

#include "matching/authorization.hpp"
#include "matching/hasher.hpp"
#include "matching/margin.hpp"

namespace matching {

// Appends to the withdrawal chain; the guest also collects the leaves of the contract's tree here.
template <class Access>
void list_withdrawal(Context<Access>& context, const Address& owner, u64 amount_e6) {
    System& system = context.system;
    u32 item[8] = {owner.words[0],
                   owner.words[1],
                   owner.words[2],
                   owner.words[3],
                   owner.words[4],
                   0,
                   static_cast<u32>(amount_e6),
                   static_cast<u32>(amount_e6 >> 32)};
    system.withdraw_chain = hash_chain(HashTag::Withdrawal, system.withdraw_chain, item);
    context.state.note_withdrawal(system.withdraw_count, owner, amount_e6);
    system.withdraw_count += 1;
}

template <class Access>
void create_account(Context<Access>& context, u32 id, const Address& owner, const Bytes16& salt,
                    const Digest& view_key) {
    Account& account = context.state.template write<Account>(id);
    account.owner = owner;
    account.account_id = id;
    account.salt = salt;
    account.view_key = view_key;
    account.cancel_market = kNoWatermark;
    account.master = id;
    Signer& signer = context.state.template write<Signer>(signer_index(id, 0));
    signer.address = owner;
    signer.flags = kSignerOwner;
    signer.expiry_ms = kOwnerExpiry;
}

// 92 when the amount or the vault would leave its bounds; else books the money.
template <class Access>
[[nodiscard]] Code credit_deposit(Context<Access>& context, Account& account, u64 amount_e6, MoneyReason reason) {
    System& system = context.system;
    if (amount_e6 == 0 || amount_e6 > kDepositsTotalMax) return Code::MoneyLimit;
    if (static_cast<u64>(system.vault_total_e6) + amount_e6 > kDepositsTotalMax) return Code::MoneyLimit;
    i64 amount = static_cast<i64>(amount_e6);
    if (account.collateral_e6 + amount > kMoneyMax) return Code::MoneyLimit;
    account.collateral_e6 += amount;
    system.vault_total_e6 += amount;
    context.emit(MoneyMoved{account.account_id, reason, amount, account.collateral_e6});
    return Code::Ok;
}

// The account of a deposit: the next new one or one of this owner.
template <class Access>
[[nodiscard]] Code resolve_deposit_account(Context<Access>& context, const DepositBody& body) {
    System& system = context.system;
    if (body.account > system.account_count) return Code::AccountUnknown;
    if (body.account < system.account_count) {
        bool is_owner = context.state.template read<Account>(body.account).owner == body.owner;
        return is_owner ? Code::Ok : Code::AccountUnknown;
    }
    if (system.account_count == kMastersMax) return Code::AccountsFull;
    if (body.owner.is_zero()) return Code::AccountUnknown;
    create_account(context, body.account, body.owner, body.salt, body.view_key);
    system.account_count += 1;
    return Code::Ok;
}

template <class Access>
Code deposit(Context<Access>& context) {
    auto body = context.command.template body_as<DepositBody>();
    context.system.priority_done += 1;
    Code code = resolve_deposit_account(context, body);
    if (code == Code::Ok) {
        Account& account = context.state.template write<Account>(body.account);
        code = credit_deposit(context, account, body.amount_e6, kMoneyDeposit);
    }
    if (code != Code::Ok && body.amount_e6 != 0) list_withdrawal(context, body.owner, body.amount_e6);
    return code;
}

template <class Access>
Code fund_insurance(Context<Access>& context) {
    auto body = context.command.template body_as<FundInsuranceBody>();
    context.system.priority_done += 1;
    Account& fund = context.state.template write<Account>(kFundAccount);
    Code code = credit_deposit(context, fund, body.amount_e6, kMoneyInsurance);
    if (code != Code::Ok && body.amount_e6 != 0) list_withdrawal(context, fund.owner, body.amount_e6);
    return code;
}

// A tenth of the positions' notional stays behind, whatever their leverage.
template <class Access>
[[nodiscard]] u64 compute_notional_sum(Context<Access>& context, const Account& account) {
    u64 sum = 0;
    for (u32 i = 0; i < account.position_count; ++i) {
        const Position& position = account.positions[i];
        sum += notional_ceil(magnitude(position.size_lots),
                             context.state.template read<MarketConfig>(position.market).lot_tick_value_e6,
                             context.state.template read<MarketState>(position.market).mark_fine);
    }
    return sum;
}

template <class Access>
[[nodiscard]] bool are_prices_known(Context<Access>& context, const Account& account) {
    for (u32 i = 0; i < account.position_count; ++i) {
        u16 market = account.positions[i].market;
        const MarketState& state = context.state.template read<MarketState>(market);
        if (is_stale(state, context.state.template read<MarketConfig>(market), context.now_ms) ||
            is_catching_up(state)) {
            return false;
        }
    }
    return true;
}

template <class Access>
Code withdraw(Context<Access>& context, Account& account) {
    u64 amount_e6 = context.command.template body_as<u64>();
    if (amount_e6 == 0 || amount_e6 > kDepositsTotalMax) return Code::AmountInvalid;
    if (!are_prices_known(context, account)) return Code::IndexStale;
    settle_funding(context, account);
    Margin margin = compute_margin(context, account);
    u64 kept = max(margin.initial, short_ceil(compute_notional_sum(context, account), 10));
    if (!covers(margin.equity - i128::from_unsigned(amount_e6), kept)) return Code::WithdrawTooLarge;
    i64 amount = static_cast<i64>(amount_e6);
    account.collateral_e6 -= amount;
    context.system.withdraw_pending_e6 += amount;
    list_withdrawal(context, account.owner, amount_e6);
    context.emit(MoneyMoved{account.account_id, kMoneyWithdraw, -amount, account.collateral_e6});
    return Code::Ok;
}

}  // namespace matching
