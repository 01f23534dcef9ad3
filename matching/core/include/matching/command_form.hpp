// The form of a command: lengths, padding and enumerations (code 1), before anything is read from the state.
#pragma once

#include "matching/command.hpp"

namespace matching {

[[nodiscard]] inline bool are_zero(const u8* bytes, u32 count) {
    u8 any = 0;
    for (u32 i = 0; i < count; ++i) any = static_cast<u8>(any | bytes[i]);
    return any == 0;
}

// count u32, zero u32, then `count` items of `item_bytes`.
[[nodiscard]] inline bool is_list_well_formed(const Command& command, u32 item_bytes, u32 count_min, u32 count_max) {
    if (command.header.body_len < sizeof(ListHeader)) return false;
    auto list = command.body_as<ListHeader>();
    return list.zero == 0 && list.count >= count_min && list.count <= count_max &&
           command.header.body_len == sizeof(ListHeader) + list.count * item_bytes;
}

// Padding zero, enumerations in range; which values go together is judged later (35).
[[nodiscard]] inline bool is_leg_well_formed(const Leg& leg) {
    if (leg.kind > kTakeLimit || leg.tif > kPostOnly || leg.stp > kDecrement || leg.flags > kReduceOnly) return false;
    return leg.zero == 0 && (leg.zero_tail[0] | leg.zero_tail[1] | leg.zero_tail[2]) == 0;
}

[[nodiscard]] inline bool is_place_well_formed(const Command& command) {
    if (!is_list_well_formed(command, sizeof(Leg), 1, kLegsMax)) return false;
    u32 count = command.body_as<ListHeader>().count;
    for (u32 i = 0; i < count; ++i) {
        const Leg& leg = command.body_at<Leg>(static_cast<u32>(sizeof(ListHeader) + i * sizeof(Leg)));
        if (!is_leg_well_formed(leg)) return false;
    }
    return true;
}

[[nodiscard]] inline bool is_cancel_well_formed(const Command& command) {
    if (!is_list_well_formed(command, sizeof(CancelItem), 1, kLegsMax)) return false;
    u32 count = command.body_as<ListHeader>().count;
    for (u32 i = 0; i < count; ++i) {
        const CancelItem& item =
            command.body_at<CancelItem>(static_cast<u32>(sizeof(ListHeader) + i * sizeof(CancelItem)));
        if (item.by_client > 1 || item.zero != 0) return false;
    }
    return true;
}

[[nodiscard]] inline bool is_oracle_round_well_formed(const Command& command) {
    if (!is_list_well_formed(command, sizeof(OracleReport), 0, kOracleSignersMax)) return false;
    u32 count = command.body_as<ListHeader>().count;
    for (u32 i = 0; i < count; ++i) {
        if (!are_zero(command.body() + sizeof(ListHeader) + i * sizeof(OracleReport) + 1, 7)) return false;
    }
    return true;
}

[[nodiscard]] inline bool is_expire_well_formed(const Command& command) {
    u32 length = command.header.body_len;
    if (length < 8) return false;
    u32 count = command.body_as<u32>();
    if (count < 1 || count > kExpiriesMax || length != ((4 + 4 * count + 7) & ~u32{7})) return false;
    return are_zero(command.body() + 4 + 4 * count, length - 4 - 4 * count);
}

[[nodiscard]] inline bool is_signers_well_formed(const Command& command) {
    u32 length = command.header.body_len;
    if (length < sizeof(OracleSignersBody)) return false;
    return length == sizeof(OracleSignersBody) + command.body_as<OracleSignersBody>().n * sizeof(OracleSignerEntry);
}

// Reserved bytes of the L1 queue's bodies are judged like their values (113): a request must not stop the engine.
// A body of fixed length whose bytes from..to are padding.
[[nodiscard]] inline bool is_fixed(const Command& command, u32 length, u32 from = 0, u32 to = 0) {
    return command.header.body_len == length && are_zero(command.body() + from, to - from);
}

[[nodiscard]] inline bool is_body_well_formed(const Command& command) {
    switch (command.kind()) {
        case CommandKind::PlaceOrders:
            return is_place_well_formed(command);
        case CommandKind::CancelOrders:
            return is_cancel_well_formed(command);
        case CommandKind::CancelAll:
        case CommandKind::MarketWork:
            return is_fixed(command, 8, 2, 8);
        case CommandKind::ApproveAgent: {
            if (!is_fixed(command, sizeof(ApproveAgentBody), 2, 4)) return false;
            u8 flags = command.body()[1];
            return flags == 0 || flags == 2;
        }
        case CommandKind::Withdraw:
        case CommandKind::ClockTick:
            return is_fixed(command, 8);
        case CommandKind::Deposit:
            return is_fixed(command, sizeof(DepositBody));
        case CommandKind::BatchOpen:
            return is_fixed(command, sizeof(BatchOpenBody));
        case CommandKind::OracleRound:
            return is_oracle_round_well_formed(command);
        case CommandKind::AccountWork:
            return is_fixed(command, 8, 4, 8);
        case CommandKind::ExpireOrders:
            return is_expire_well_formed(command);
        case CommandKind::LiquidationCheck:
        case CommandKind::LiquidationStep:
            return is_fixed(command, 8, 6, 8);
        case CommandKind::InsuranceOrder:
            return is_fixed(command, sizeof(Leg)) && is_leg_well_formed(command.body_at<Leg>());
        case CommandKind::BatchClose:
            return command.header.body_len == 0;
        case CommandKind::CreateMarket:
        case CommandKind::UpdateMarket:
            return is_fixed(command, sizeof(MarketConfigBody));
        case CommandKind::SetMarketStatus:
            return is_fixed(command, sizeof(MarketStatusBody));
        case CommandKind::SetOracleSigners:
            return is_signers_well_formed(command);
        case CommandKind::FundInsurance:
            return is_fixed(command, sizeof(FundInsuranceBody));
    }
    return false;  // unknown, or of a later release
}

[[nodiscard]] inline bool is_header_well_formed(const Command& command) {
    const CommandHeader& header = command.header;
    if (header.version != 1 || header.body_len != command.size - sizeof(CommandHeader)) return false;
    if ((header.zero[0] | header.zero[1] | header.zero[2]) != 0) return false;
    if (is_signed(header.kind)) return true;
    return (header.account | header.signer_slot | header.nonce | header.expires_ms | header.payload_tag) == 0;
}

[[nodiscard]] inline bool is_well_formed(const Command& command) {
    return is_header_well_formed(command) && is_body_well_formed(command);
}

}  // namespace matching
