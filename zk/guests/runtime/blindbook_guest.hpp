// What a guest can ask of the machine (proof system, section 20).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// A freestanding compiler does not know main: this gives it the name that start.S calls.
extern "C" int main();

namespace guest {

enum class Call : std::uint32_t { Halt = 0, HintWord = 1, Commit = 2, P2 = 3, P2Path = 4, ExtDot = 5 };

constexpr std::uint32_t output_count = 16;
constexpr std::uint32_t field_order = 0x7f000001;

// One ECALL. The machine changes no register except a0 of HINT_WORD; coprocessors change memory.
inline std::uint32_t call(Call number, std::uint32_t first = 0, std::uint32_t second = 0, std::uint32_t third = 0) {
    register std::uint32_t a7 asm("a7") = static_cast<std::uint32_t>(number);
    register std::uint32_t a0 asm("a0") = first;
    register std::uint32_t a1 asm("a1") = second;
    register std::uint32_t a2 asm("a2") = third;
    asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}

inline std::uint32_t address_of(const void* pointer) { return reinterpret_cast<std::uint32_t>(pointer); }

// Ends the program. Output words that were not committed are committed as 0: the proof needs each exactly once.
[[noreturn]] void halt(std::uint32_t exit_code);

// The next private word. It may be any 32-bit value: check whatever the program relies on.
inline std::uint32_t hint() { return call(Call::HintWord); }

inline void read_hints(std::span<std::uint32_t> words) {
    for (std::uint32_t& word : words) word = hint();
}

// Public output word, index < 16, at most once each.
void commit(std::uint32_t index, std::uint32_t word);

// Poseidon2 permutation of 16 canonical field elements, in place. A word >= p has no proof.
inline void p2_permute(std::span<std::uint32_t, 16> state) { call(Call::P2, address_of(state.data()), 0); }

// Compression of two digests: words 0..7 := first half of perm(x) + x; words 8..15 stay.
inline void p2_node(std::span<std::uint32_t, 16> children) { call(Call::P2, address_of(children.data()), 1); }

// words[0..8): leaf digest; words[8..16) := root over `depth` <= 30 levels at `index` < 2^depth. The siblings are
// private advice: the host supplies 8 hint words per level, lowest level first.
inline void p2_path(std::span<std::uint32_t, 16> words, std::uint32_t depth, std::uint32_t index) {
    call(Call::P2Path, address_of(words.data()), depth, index);
}

// Extension field elements are five canonical words, lowest degree first, modulo X^5 + X^2 - 1.
//
// b[5 length ..] := start + sum of a_i b_i over `length` < 2^16 elements, where `start` is the old content of that slot
// if `accumulate`, else 0. `a` has one word per element if `base`, else five. Operands must not overlap.
inline void ext_dot(const std::uint32_t* a, std::uint32_t* b, std::uint32_t length, bool base, bool accumulate) {
    const std::uint32_t shape = length << 2 | (accumulate ? 2U : 0U) | (base ? 1U : 0U);
    call(Call::ExtDot, address_of(a), address_of(b), shape);
}

// Memory that is never freed, aligned to 16 bytes, zero. The heap grows from the end of the data towards the stack.
void* allocate(std::size_t bytes);

}  // namespace guest
