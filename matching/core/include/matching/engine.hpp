// The state machine: genesis, the command chain, and apply (rules 1, 3.4, 4.4, 16).
#pragma once

#include "matching/authorization.hpp"
#include "matching/batch.hpp"
#include "matching/cancel.hpp"
#include "matching/command_form.hpp"
#include "matching/liquidation.hpp"
#include "matching/market_config.hpp"
#include "matching/market_work.hpp"
#include "matching/money.hpp"
#include "matching/oracle.hpp"
#include "matching/place.hpp"

namespace matching {

struct Result {
    Code code = Code::Ok;
    bool is_halt = false;  // a faulty sequencer: nothing was changed
};

struct GenesisTerms {
    Address fund_owner;
    Address fee_owner;
    u32 taker_ppm;
    i32 maker_ppm;
    u32 insurance_share_ppm;
};

template <class Access>
void create_genesis(Access& state, const GenesisTerms& terms) {
    System& system = state.template write<System>(0);
    Command none{};
    Context<Access> context{state, system, none, 0};
    create_account(context, kFundAccount, terms.fund_owner, Bytes16{}, Digest{});
    create_account(context, kFeeAccount, terms.fee_owner, Bytes16{}, Digest{});
    system.account_count = 2;
    system.tier_count = 1;
    system.fee_tiers[0] = {0, terms.taker_ppm, terms.maker_ppm};
    system.insurance_share_ppm = terms.insurance_share_ppm;
}

// Parses the header; false if the bytes are shorter than one or longer than any command. `bytes` is 8-aligned.
[[nodiscard]] inline bool parse_command(const u8* bytes, u32 size, Command& command) {
    if (size < sizeof(CommandHeader) || size > kCommandBytesMax) return false;
    command = {bytes, size, load<CommandHeader>(bytes)};
    return true;
}

// Codes 2..6 that stop the engine; changes nothing.
template <class Access>
[[nodiscard]] Code check_sequence(Access& state, const System& system, const Command& command) {
    const CommandHeader& header = command.header;
    bool is_open = command.kind() == CommandKind::BatchOpen;
    if (header.seq != system.seq + 1) return Code::SequenceGap;
    if (header.seq >= kSequenceMax) return Code::SequenceExhausted;
    if (!is_open && system.batch_open == 0) return Code::BatchNotOpen;
    bool is_close = command.kind() == CommandKind::BatchClose;
    if (!is_open && !is_close && header.seq - system.batch_first_seq >= kBatchCommandsMax - 1) return Code::BatchState;
    if (is_open) {
        if (system.batch_open != 0) return Code::BatchState;
        return command.header.body_len == sizeof(BatchOpenBody)
                   ? check_batch_open(system, command.body_as<BatchOpenBody>())
                   : Code::Malformed;
    }
    if (is_close) return check_batch_close(state, system, header.seq);
    if (command.kind() == CommandKind::ClockTick) return check_clock_tick(system, command.body_as<u64>());
    return Code::Ok;
}

// Malformed and out-of-sequence commands that must never become history.
template <class Access>
[[nodiscard]] Result check_admission(Access& state, const System& system, const Command& command) {
    bool is_formed = is_well_formed(command);
    if (!is_formed && !is_signed(command.header.kind)) return {Code::Malformed, true};
    Code halting = check_sequence(state, system, command);
    if (halting != Code::Ok) return {halting, true};
    return {is_formed ? Code::Ok : Code::Malformed, false};
}

// command_chain = absorb(2, chain || absorb(2, command)).
inline void advance_chain(System& system, const Command& command) {
    Digest digest = absorb(HashTag::Command, command.bytes, command.size);
    system.command_chain = hash_chain(HashTag::Command, system.command_chain, digest.words);
}

template <class Access>
[[nodiscard]] Code run_signed(Context<Access>& context) {
    Code code = authorize(context);
    if (code != Code::Ok) return code;
    Account& account = context.state.template write<Account>(context.command.header.account);
    code = check_account_state(context, account);
    if (code != Code::Ok) return code;
    switch (context.command.kind()) {
        case CommandKind::PlaceOrders:
            return place_orders(context, account);
        case CommandKind::CancelOrders:
            return cancel_orders(context, account);
        case CommandKind::CancelAll:
            return cancel_all(context, account);
        case CommandKind::ApproveAgent:
            return approve_agent(context, account);
        case CommandKind::Withdraw:
            return withdraw(context, account);
        case CommandKind::InsuranceOrder: {
            auto leg = context.command.template body_as<Leg>();
            if (leg.flags <= 1) leg.flags = kReduceOnly;
            place_leg(context, leg, 0, account);
            return Code::Ok;
        }
        default:
            return Code::Malformed;
    }
}

template <class Access>
[[nodiscard]] Code run_from_l1(Context<Access>& context) {
    if (context.command.template body_as<u64>() != context.system.priority_done) return Code::PriorityOrder;
    switch (context.command.kind()) {
        case CommandKind::Deposit:
            return deposit(context);
        case CommandKind::CreateMarket:
            return create_market(context);
        case CommandKind::UpdateMarket:
            return update_market(context);
        case CommandKind::SetMarketStatus:
            return set_market_status(context);
        case CommandKind::SetOracleSigners:
            return set_oracle_signers(context);
        case CommandKind::FundInsurance:
            return fund_insurance(context);
        default:
            return Code::Malformed;
    }
}

template <class Access>
[[nodiscard]] Code run_sequencer(Context<Access>& context) {
    switch (context.command.kind()) {
        case CommandKind::BatchOpen:
            return open_batch(context);
        case CommandKind::ClockTick:
            return tick_clock(context);
        case CommandKind::OracleRound:
            return oracle_round(context);
        case CommandKind::MarketWork:
            return market_work(context);
        case CommandKind::AccountWork:
            return account_work(context);
        case CommandKind::ExpireOrders:
            return expire_orders(context);
        case CommandKind::LiquidationCheck:
            return liquidation_check(context);
        case CommandKind::LiquidationStep:
            return liquidation_step(context);
        case CommandKind::BatchClose:
            return close_batch(context);
        default:
            return Code::Malformed;
    }
}

// Applies a command without the command chain; `apply` is this with the chain.
template <bool kWithChain, class Access>
Result apply_command(Access& state, const Command& command) {
    System& system = state.template write<System>(0);
    Result admission = check_admission(state, system, command);
    if (admission.is_halt) return admission;
    if constexpr (kWithChain) advance_chain(system, command);
    system.seq = command.header.seq;
    Context<Access> context{state, system, command, system.time_ms};
    Code code = admission.code;
    if (code == Code::Ok) {
        u16 kind = command.header.kind;
        code = is_signed(kind) ? run_signed(context) : is_from_l1(kind) ? run_from_l1(context) : run_sequencer(context);
    }
    context.emit(CommandDone{command.header.account, context.legs_ok}, code);
    return {code, false};
}

template <class Access>
Result apply(Access& state, const Command& command) {
    return apply_command<true>(state, command);
}

}  // namespace matching
