// The field F of p = 2^31 - 2^24 + 1 elements (KoalaBear) in Montgomery form with R = 2^32, one element at a time.
//
// `Fp` is also the one-lane form of the vector types in lanes.cuh: kernels are templates over a value type V with the
// members below (width, load, store, broadcast, Split, Wide, ...), and one CUDA thread runs the code of one lane.
//
// Delayed reduction. `Wide` is a 64-bit accumulator. With 2^64 = 4.06 p^2 the rules are: a product is below p^2;
// `shrink` takes any value and leaves less than 2.05 p^2, so two more products fit; `reduce` takes less than 4 p^2 and
// returns the canonical lane.
#pragma once

#include "isa.cuh"

namespace blindbook::BLINDBOOK_ISA {

inline constexpr u32 P = 0x7f000001U;
inline constexpr u32 MU = 0x81000001U;           // p^-1 mod 2^32
inline constexpr u32 R1 = 0x01fffffeU;           // 2^32 mod p
inline constexpr u32 R2 = 0x17f7efe4U;           // 2^64 mod p
inline constexpr u32 TWO_ADIC = 24;              // p - 1 = 127 * 2^24
inline constexpr u32 GENERATOR24 = 0x6ac49f88U;  // canonical, of order 2^24
static_assert(P * MU == 1U);
static_assert((u64{1} << 32) % P == R1 && u64{R1} * R1 % P == R2);

struct Fp {
    u32 v;  // Montgomery form, in [0, p)

    using Split = u32;
    using Wide = u64;
    static constexpr int width = 1;

    static BLINDBOOK_INLINE constexpr Fp zero() { return Fp{0}; }
    static BLINDBOOK_INLINE constexpr Fp one() { return Fp{R1}; }
    static BLINDBOOK_INLINE constexpr Fp broadcast(Fp a) { return a; }
    static BLINDBOOK_INLINE constexpr Fp load(const u32* from) { return Fp{*from}; }
    BLINDBOOK_INLINE constexpr void store(u32* to) const { *to = v; }

    static BLINDBOOK_INLINE constexpr Split split(Fp a) { return a.v; }
    static BLINDBOOK_INLINE constexpr Split split_constant(Fp a) { return a.v; }
    static BLINDBOOK_INLINE constexpr Wide multiply(Split a, Split b) { return u64{a} * b; }
    static BLINDBOOK_INLINE constexpr Wide add(Wide a, Wide b) { return a + b; }
    static BLINDBOOK_INLINE constexpr Wide shrink(Wide a) {
        constexpr u64 bound = u64{P} << 32;
        return a >= bound ? a - bound : a;
    }
    static BLINDBOOK_INLINE constexpr Fp reduce(Wide a) {
        const u32 high = static_cast<u32>(a >> 32);
        const u32 folded = high >= P ? high - P : high;
        return subtract(folded, quotient_high(a));
    }

    // Between canonical words and Montgomery form, with the words in the same type.
    static BLINDBOOK_INLINE constexpr Fp encode(Fp words) { return words * Fp{R2}; }
    static BLINDBOOK_INLINE constexpr Fp decode(Fp a) { return Fp{a.canonical()}; }
    static BLINDBOOK_INLINE constexpr Fp from_canonical(u32 a) { return Fp{a} * Fp{R2}; }
    BLINDBOOK_INLINE constexpr u32 canonical() const { return subtract(0, quotient_high(v)).v; }

    friend BLINDBOOK_INLINE constexpr Fp operator+(Fp a, Fp b) {
        const u32 sum = a.v + b.v;
        return Fp{sum >= P ? sum - P : sum};
    }
    friend BLINDBOOK_INLINE constexpr Fp operator-(Fp a, Fp b) { return subtract(a.v, b.v); }
    friend BLINDBOOK_INLINE constexpr Fp operator*(Fp a, Fp b) {
        const u64 product = u64{a.v} * b.v;
        return subtract(static_cast<u32>(product >> 32), quotient_high(product));
    }
    friend BLINDBOOK_INLINE constexpr bool operator==(Fp a, Fp b) { return a.v == b.v; }

    // x / 2^K, from p - 1 = 127 * 2^24: 1 / 2^K = -127 * 2^(24-K).
    template <int K>
    static BLINDBOOK_INLINE constexpr Fp divide_by_power(Fp a) {
        return subtract(a.v >> K, ((a.v & ((1U << K) - 1U)) * 127U) << (24 - K));
    }
    template <int K>
    static BLINDBOOK_INLINE constexpr Fp divide_by_minus_power(Fp a) {
        return subtract(((a.v & ((1U << K) - 1U)) * 127U) << (24 - K), a.v >> K);
    }

  private:
    static BLINDBOOK_INLINE constexpr Fp subtract(u32 a, u32 b) { return Fp{a >= b ? a - b : a - b + P}; }
    static BLINDBOOK_INLINE constexpr u32 quotient_high(u64 a) {
        const u32 quotient = static_cast<u32>(a) * MU;
        return static_cast<u32>((u64{quotient} * P) >> 32);
    }
};

BLINDBOOK_INLINE constexpr Fp power(Fp base, u64 exponent) {
    Fp result = Fp::one();
    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1U) != 0) result = result * base;
        base = base * base;
    }
    return result;
}

BLINDBOOK_INLINE constexpr Fp inverse(Fp a) { return power(a, P - 2U); }

// g_k of section 1: the generator of the subgroup of order 2^log_order.
BLINDBOOK_INLINE constexpr Fp root_of_unity(int log_order) {
    Fp g = Fp::from_canonical(GENERATOR24);
    for (int i = log_order; i < static_cast<int>(TWO_ADIC); ++i) g = g * g;
    return g;
}

}  // namespace blindbook::BLINDBOOK_ISA
