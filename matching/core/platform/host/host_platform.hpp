// Runs the batch program on the host: hints from memory, halting by exception. For tests and for the batcher.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "batch_program.hpp"

namespace matching::host {

struct ReplayHalted {
    u32 reason;
};

class HostPlatform {
  public:
    explicit HostPlatform(const std::vector<u32>& hints) : hints_(hints) {}

    [[nodiscard]] u32 hint() {
        if (next_ == hints_.size()) throw ReplayHalted{kHintsExhausted};
        return hints_[next_++];
    }
    void read_blocks(u8* bytes, u32 blocks) {
        for (u32 at = 0; at < 16 * blocks; at += 4) store<u32>(bytes + at, hint());
    }
    [[noreturn]] void halt(replay::HaltReason reason) { throw ReplayHalted{static_cast<u32>(reason)}; }
    [[nodiscard]] void* allocate(size_t bytes) {
        blocks_.emplace_back(std::calloc(bytes == 0 ? 1 : bytes, 1), &std::free);
        return blocks_.back().get();
    }
    [[nodiscard]] bool are_hints_used() const { return next_ == hints_.size(); }

    static constexpr u32 kHintsExhausted = 100;  // in the guest there is no proof then

  private:
    const std::vector<u32>& hints_;
    size_t next_ = 0;
    std::vector<std::unique_ptr<void, void (*)(void*)>> blocks_;
};

}  // namespace matching::host
