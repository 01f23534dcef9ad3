// The batch program: opens the state, applies one batch, closes the state, and hashes the public inputs
// (settlement 5.3, decisions 19..22). What it proves is S1, S2, S5, S6, S9 and S12 of rules 16.
//
// Hints, as words: chain id (2), exchange address (5), priority prefix before (8), opening root (8); per arena its
// pages and siblings; the number of commands; per command its length in bytes and its words, filled to 16 bytes, and
// for an L1 command the sender (5) and timestamp (2) of the queue's entry.
#pragma once

#include "matching/engine.hpp"
#include "matching/keccak.hpp"
#include "replay_state.hpp"

namespace matching::replay {

inline constexpr u32 kPublicInputBytes = 492;
inline constexpr u32 kPublicInputMagic = 0x42420001;

// What binds the batch to its place on chain.
struct ChainBinding {
    u64 chain_id;
    Address exchange;
    KeccakDigest priority_prefix;
    Digest opening_root;
};

template <class Platform>
[[nodiscard]] u64 read_u64(Platform& platform) {
    u64 low = platform.hint();
    return low | (static_cast<u64>(platform.hint()) << 32);
}

template <class Platform>
[[nodiscard]] Address read_address(Platform& platform) {
    Address address;
    for (u32& word : address.words) word = platform.hint();
    return address;
}

template <class Platform>
[[nodiscard]] ChainBinding read_binding(Platform& platform) {
    ChainBinding binding;
    binding.chain_id = read_u64(platform);
    binding.exchange = read_address(platform);
    for (u32 i = 0; i < 32; i += 4) store<u32>(binding.priority_prefix.bytes + i, platform.hint());
    for (u32& word : binding.opening_root.words) word = platform.hint();
    return binding;
}

inline const u8* bytes_of(const Address& address) { return reinterpret_cast<const u8*>(&address); }

// prefix' = keccak(prefix || kind || sender || timestamp || body) (decision 21).
inline void extend_prefix(KeccakDigest& prefix, const Command& command, const Address& sender, u64 timestamp) {
    PackedKeccak hash;
    hash.digest(prefix).number(command.header.kind, 1).bytes(bytes_of(sender), 20).number(timestamp, 8);
    if (command.kind() == CommandKind::Deposit) {
        auto body = command.body_as<DepositBody>();
        hash.bytes(bytes_of(body.owner), 20).number(body.account, 4).number(0, 2).number(body.amount_e6, 16);
    } else if (command.kind() == CommandKind::FundInsurance) {
        hash.number(command.body_as<FundInsuranceBody>().amount_e6, 16);
    } else {
        hash.bytes(command.body() + 8, command.header.body_len - 8);
    }
    prefix = hash.finish();
}

[[nodiscard]] inline KeccakDigest hash_withdrawal(u64 batch_no, const ListedWithdrawal& withdrawal) {
    KeccakDigest salt;
    return PackedKeccak()
        .number(0, 1)
        .number(batch_no, 8)
        .number(withdrawal.index, 8)
        .bytes(bytes_of(withdrawal.owner), 20)
        .number(withdrawal.amount_e6, 16)
        .digest(salt)
        .finish();
}

// Root over the withdrawals in order, filled with zero digests to a power of two; zero for none (decision 22).
template <class Platform>
[[nodiscard]] KeccakDigest hash_withdrawals(Platform& platform, u64 batch_no, const ListedWithdrawal* list, u32 count) {
    if (count == 0) return {};
    u32 width = 1;
    while (width < count) width *= 2;
    auto* nodes = static_cast<KeccakDigest*>(platform.allocate(width * static_cast<u32>(sizeof(KeccakDigest))));
    for (u32 i = 0; i < count; ++i) nodes[i] = hash_withdrawal(batch_no, list[i]);
    for (; width > 1; width /= 2) {
        for (u32 i = 0; i < width / 2; ++i) {
            nodes[i] = PackedKeccak().number(1, 1).digest(nodes[2 * i]).digest(nodes[2 * i + 1]).finish();
        }
    }
    return nodes[0];
}

// The 492 bytes of settlement 5.3, in the order of the table.
class PublicInputs {
  public:
    void number(u64 value, u32 width) {
        for (u32 i = width; i > 0; --i) {
            u32 shift = 8 * (i - 1);
            bytes_[length_++] = shift >= 64 ? u8{0} : static_cast<u8>(value >> shift);
        }
    }
    void append(const u8* bytes, u32 count) {
        for (u32 i = 0; i < count; ++i) bytes_[length_++] = bytes[i];
    }
    void digest(const Digest& value) { append(reinterpret_cast<const u8*>(value.words), 32); }
    void digest(const KeccakDigest& value) { append(value.bytes, 32); }
    void zeros(u32 count) {
        for (u32 i = 0; i < count; ++i) bytes_[length_++] = 0;
    }
    [[nodiscard]] const u8* bytes() const { return bytes_; }
    [[nodiscard]] u32 length() const { return length_; }

  private:
    alignas(8) u8 bytes_[kPublicInputBytes] = {};
    u32 length_ = 0;
};

struct BatchOutcome {
    PublicInputs inputs;
    KeccakDigest hash;
};

// The bytes between the command's end and the end of its last block of 16.
[[nodiscard]] inline bool is_filling_zero(const u8* buffer, u32 size) {
    u32 any = 0, at = size;
    for (; at % 4 != 0; ++at) any |= buffer[at];
    for (; at % 16 != 0; at += 4) any |= load<u32>(buffer + at);
    return any == 0;
}

// Reads, checks and applies the commands; leaves the priority prefix after them in the binding.
template <class Platform>
void apply_batch(Platform& platform, ReplayState<Platform>& state, ChainBinding& binding) {
    u8* buffer = static_cast<u8*>(platform.allocate(kCommandBytesMax));
    u32 count = platform.hint();
    if (count < 2 || count > kBatchCommandsMax) platform.halt(HaltReason::BatchForm);
    for (u32 i = 0; i < count; ++i) {
        u32 size = platform.hint();
        if (size > kCommandBytesMax) platform.halt(HaltReason::Command);
        if (size != 0) platform.read_blocks(buffer, (size + 15) / 16);
        if (!is_filling_zero(buffer, size)) platform.halt(HaltReason::Command);
        Command command{};
        if (!parse_command(buffer, size, command)) platform.halt(HaltReason::Command);
        bool is_first = i == 0, is_last = i + 1 == count;
        if (is_first != (command.kind() == CommandKind::BatchOpen) ||
            is_last != (command.kind() == CommandKind::BatchClose)) {
            platform.halt(HaltReason::BatchForm);
        }
        Result result = apply(state, command);
        if (result.is_halt) platform.halt(HaltReason::Command);
        if (!is_from_l1(command.header.kind)) continue;
        Address sender = read_address(platform);
        u64 timestamp = read_u64(platform);
        if (result.code != Code::PriorityOrder) extend_prefix(binding.priority_prefix, command, sender, timestamp);
    }
}

template <class Platform>
[[nodiscard]] PublicInputs collect_inputs(Platform& platform, ReplayState<Platform>& state,
                                          const ChainBinding& binding) {
    const System& system = state.template read<System>(0);
    const ListedWithdrawal* withdrawals = state.withdrawals();
    u64 withdrawn = 0;
    for (u32 i = 0; i < state.withdrawal_count(); ++i) withdrawn += withdrawals[i].amount_e6;
    PublicInputs inputs;
    inputs.number(kPublicInputMagic, 4);
    inputs.number(binding.chain_id, 8);
    inputs.append(bytes_of(binding.exchange), 20);
    inputs.number(system.batch_no, 8);
    inputs.number(system.time_ms, 8);
    inputs.digest(binding.opening_root);
    inputs.digest(state.closing_root());
    inputs.number(system.batch_first_seq, 8);
    inputs.number(system.seq, 8);
    inputs.digest(system.command_chain);  // receiptHead
    inputs.zeros(32);                     // receiptsRoot
    inputs.number(system.priority_done, 8);
    inputs.digest(binding.priority_prefix);
    inputs.digest(hash_withdrawals(platform, system.batch_no, withdrawals, state.withdrawal_count()));
    inputs.number(system.withdraw_count, 8);
    inputs.number(withdrawn, 16);
    inputs.number(static_cast<u64>(system.vault_total_e6 - system.withdraw_pending_e6), 16);  // liabilities
    inputs.zeros(kPublicInputBytes - inputs.length());
    return inputs;
}

template <class Platform>
[[nodiscard]] BatchOutcome run_batch(Platform& platform) {
    ChainBinding binding = read_binding(platform);
    auto* memory = platform.allocate(sizeof(ReplayState<Platform>));
    auto& state = *new (memory) ReplayState<Platform>(platform);
    if (!(state.opening_root() == binding.opening_root)) platform.halt(HaltReason::OpeningRoot);
    apply_batch(platform, state, binding);
    BatchOutcome outcome{collect_inputs(platform, state, binding), {}};
    Keccak256 hasher;
    hasher.update(outcome.inputs.bytes(), kPublicInputBytes);
    hasher.finish(outcome.hash.bytes);
    return outcome;
}

}  // namespace matching::replay
