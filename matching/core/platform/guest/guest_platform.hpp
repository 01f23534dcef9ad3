// What the batch program asks of the machine it is proven on.
#pragma once

#include "blindbook_guest.hpp"
#include "replay_state.hpp"

namespace matching::replay {

class GuestPlatform {
  public:
    [[nodiscard]] u32 hint() { return guest::hint(); }
    [[noreturn]] void halt(HaltReason reason) { guest::halt(static_cast<u32>(reason)); }
    [[nodiscard]] void* allocate(size_t bytes) { return guest::allocate(bytes); }
};

}  // namespace matching::replay
