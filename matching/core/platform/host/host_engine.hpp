// The machine on the host: live state, trees, recording, snapshots.
#pragma once

#include <string>
#include <vector>

#include "matching/engine.hpp"
#include "recorder.hpp"

namespace matching::host {

// What a recording hands to the batch guest.
struct Witness {
    Digest opening_root;
    Digest closing_root;
    std::vector<u32> words;
};

struct PriceLevel {
    u32 price_ticks;
    u64 lots;
};

class HostEngine {
  public:
    explicit HostEngine(const GenesisTerms& terms);
    explicit HostEngine(const std::string& snapshot);  // throws std::invalid_argument

    // One command; its bytes may lie anywhere. Events are appended to the state's buffer.
    Result apply(const u8* bytes, size_t size);
    // As apply without the command chain, for measuring; `bytes` is 8-aligned.
    Result apply_unchained(const u8* bytes, u32 size);

    [[nodiscard]] Digest state_root() { return trees_.update(live_); }
    [[nodiscard]] LiveState& live() { return live_; }
    [[nodiscard]] std::vector<PriceLevel> levels(u16 market, u8 list, u32 depth);
    [[nodiscard]] std::vector<Order> open_orders(u32 account);

    void start_recording();
    [[nodiscard]] Witness take_witness();  // throws std::logic_error when not recording
    [[nodiscard]] bool is_recording() const { return is_recording_; }

    [[nodiscard]] std::string snapshot();

  private:
    template <bool kWithChain>
    Result run(const Command& command);

    LiveState live_;
    StateTree trees_;
    Recorder recorder_;
    Digest opening_root_ = {};
    bool is_recording_ = false;
    std::vector<u64> aligned_;
};

}  // namespace matching::host
