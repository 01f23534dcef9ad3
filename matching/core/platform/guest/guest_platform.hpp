// What the batch program asks of the machine it is proven on.
#pragma once

#include "blindbook_guest.hpp"
#include "replay_state.hpp"

namespace matching::replay {

class GuestPlatform {
  public:
    // Reads a7 only and leaves every other register alone, so that a loop of hints is a load of a7 and pairs of ecall,
    // sw.
    [[nodiscard]] u32 hint() {
        register u32 number asm("a7") = static_cast<u32>(guest::Call::HintWord);
        register u32 word asm("a0");
        asm volatile("ecall" : "=r"(word) : "r"(number));
        return word;
    }
    // The next 4 * blocks words, in a loop of ecall and sw; blocks > 0.
    void read_blocks(u8* bytes, u32 blocks) {
        register u32 number asm("a7") = static_cast<u32>(guest::Call::HintWord);
        const u8* end = bytes + 16 * blocks;
        asm volatile(
            "1:\n"
            "ecall\n"
            "sw a0, 0(%[bytes])\n"
            "ecall\n"
            "sw a0, 4(%[bytes])\n"
            "ecall\n"
            "sw a0, 8(%[bytes])\n"
            "ecall\n"
            "sw a0, 12(%[bytes])\n"
            "addi %[bytes], %[bytes], 16\n"
            "bne %[bytes], %[end], 1b\n"
            : [bytes] "+&r"(bytes)
            : [end] "r"(end), "r"(number)
            : "a0", "memory");
    }
    [[noreturn]] void halt(HaltReason reason) { guest::halt(static_cast<u32>(reason)); }
    [[nodiscard]] void* allocate(size_t bytes) { return guest::allocate(bytes); }
};

}  // namespace matching::replay
