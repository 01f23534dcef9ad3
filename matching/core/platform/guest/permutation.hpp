// The permutation of the guest: the Poseidon2 coprocessor (proof system 20, call 3). Included before the hasher.
#pragma once

#include "blindbook_guest.hpp"
#include "matching/types.hpp"

namespace matching {

// The call changes no register, so the compiler may keep the operands of a loop of calls where they are.
inline void call_poseidon2(u32* state, u32 node_flag) {
    register u32 number asm("a7") = static_cast<u32>(guest::Call::P2);
    register u32* address asm("a0") = state;
    register u32 flag asm("a1") = node_flag;
    register u32 zero asm("a2") = 0;
    asm volatile("ecall" : : "r"(number), "r"(address), "r"(flag), "r"(zero) : "memory");
}

inline void permute(u32* state) { call_poseidon2(state, 0); }
inline void permute_node(u32* state) { call_poseidon2(state, 1); }

// Most of a batch's cycles: 23 instructions for 16 bytes, with the call's registers set once.
inline void absorb_blocks(u32* state, const u8* bytes, u32 blocks) {
    register u32 number asm("a7") = static_cast<u32>(guest::Call::P2);
    register u32* address asm("a0") = state;
    register u32 flag asm("a1") = 0;
    register u32 zero asm("a2") = 0;
    const u8* end = bytes + 16 * blocks;
    u32 w0, w1, w2, w3, low;
    asm volatile(
        "1:\n"
        "lw %[w0], 0(%[bytes])\n"
        "lw %[w1], 4(%[bytes])\n"
        "lw %[w2], 8(%[bytes])\n"
        "lw %[w3], 12(%[bytes])\n"
        "and %[low], %[w0], %[mask]\n"
        "sw %[low], 0(a0)\n"
        "srli %[w0], %[w0], 16\n"
        "sw %[w0], 4(a0)\n"
        "and %[low], %[w1], %[mask]\n"
        "sw %[low], 8(a0)\n"
        "srli %[w1], %[w1], 16\n"
        "sw %[w1], 12(a0)\n"
        "and %[low], %[w2], %[mask]\n"
        "sw %[low], 16(a0)\n"
        "srli %[w2], %[w2], 16\n"
        "sw %[w2], 20(a0)\n"
        "and %[low], %[w3], %[mask]\n"
        "sw %[low], 24(a0)\n"
        "srli %[w3], %[w3], 16\n"
        "sw %[w3], 28(a0)\n"
        "ecall\n"
        "addi %[bytes], %[bytes], 16\n"
        "bne %[bytes], %[end], 1b\n"
        : [bytes] "+&r"(bytes), [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3), [low] "=&r"(low)
        : [end] "r"(end), [mask] "r"(0xFFFFu), "r"(number), "r"(address), "r"(flag), "r"(zero)
        : "memory");
}

}  // namespace matching
