// Round constants of Poseidon2-16 over KoalaBear, made at compile time by the Grain LFSR of section 3.
#pragma once

#include <initializer_list>

#include "koalabear.cuh"

namespace blindbook::BLINDBOOK_ISA {

inline constexpr int P2_WIDTH = 16;
inline constexpr int P2_HALF_FULL_ROUNDS = 4;
inline constexpr int P2_PARTIAL_ROUNDS = 20;

struct Poseidon2Constants {
    Fp initial[P2_HALF_FULL_ROUNDS][P2_WIDTH];
    Fp partial[P2_PARTIAL_ROUNDS];
    Fp terminal[P2_HALF_FULL_ROUNDS][P2_WIDTH];
};

class GrainGenerator {
  public:
    constexpr GrainGenerator() {
        seed(1, 2);
        seed(0, 4);
        seed(31, 12);
        seed(P2_WIDTH, 12);
        seed(2 * P2_HALF_FULL_ROUNDS, 10);
        seed(P2_PARTIAL_ROUNDS, 10);
        seed((1U << 30) - 1U, 30);
        for (int i = 0; i < 160; ++i) step();
    }

    // Next 31 self-shrunk bits, most significant first, that make a number below p.
    constexpr Fp next() {
        for (;;) {
            u32 value = 0;
            for (int i = 0; i < 31; ++i) value = value << 1 | shrunk_bit();
            if (value < P) return Fp::from_canonical(value);
        }
    }

  private:
    bool state_[80] = {};
    int filled_ = 0;
    int first_ = 0;  // position of the oldest bit of the ring

    constexpr void seed(u32 value, int bits) {
        for (int i = bits - 1; i >= 0; --i) state_[filled_++] = ((value >> i) & 1U) != 0;
    }
    constexpr bool step() {
        bool bit = false;
        for (const int tap : {62, 51, 38, 23, 13, 0}) bit ^= state_[(first_ + tap) % 80];
        state_[first_] = bit;
        first_ = (first_ + 1) % 80;
        return bit;
    }
    constexpr u32 shrunk_bit() {
        for (;;) {
            const bool keep = step();
            const bool bit = step();
            if (keep) return bit ? 1U : 0U;
        }
    }
};

constexpr Poseidon2Constants make_poseidon2_constants() {
    GrainGenerator grain;
    Poseidon2Constants constants{};
    for (auto& round : constants.initial)
        for (auto& constant : round) constant = grain.next();
    for (auto& constant : constants.partial) constant = grain.next();
    for (auto& round : constants.terminal)
        for (auto& constant : round) constant = grain.next();
    return constants;
}

inline constexpr Poseidon2Constants POSEIDON2 = make_poseidon2_constants();

}  // namespace blindbook::BLINDBOOK_ISA
