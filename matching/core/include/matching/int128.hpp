// 128-bit integers for host and guest: clang has no __int128 on riscv32, and both must compute the same (rules
// 2, 19.6).
#pragma once

#include "matching/types.hpp"

namespace matching {

struct u128 {
    u64 lo = 0;
    u64 hi = 0;

    constexpr u128() = default;
    constexpr u128(u64 low) : lo(low) {}  // NOLINT: a u64 is a u128
    constexpr u128(u64 low, u64 high) : lo(low), hi(high) {}
};

[[nodiscard]] constexpr u128 operator+(u128 a, u128 b) {
    u64 lo = a.lo + b.lo;
    return {lo, a.hi + b.hi + (lo < a.lo ? 1u : 0u)};
}
[[nodiscard]] constexpr u128 operator-(u128 a, u128 b) { return {a.lo - b.lo, a.hi - b.hi - (a.lo < b.lo ? 1u : 0u)}; }
[[nodiscard]] constexpr bool operator==(u128 a, u128 b) { return a.lo == b.lo && a.hi == b.hi; }
[[nodiscard]] constexpr bool operator<(u128 a, u128 b) { return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo; }
[[nodiscard]] constexpr bool operator>=(u128 a, u128 b) { return !(a < b); }
[[nodiscard]] constexpr bool operator>(u128 a, u128 b) { return b < a; }
[[nodiscard]] constexpr bool operator<=(u128 a, u128 b) { return !(b < a); }

[[nodiscard]] constexpr u128 shift_left(u128 a, u32 bits) {  // bits < 64
    return bits == 0 ? a : u128{a.lo << bits, (a.hi << bits) | (a.lo >> (64 - bits))};
}
[[nodiscard]] constexpr u128 shift_right(u128 a, u32 bits) {  // bits < 64
    return bits == 0 ? a : u128{(a.lo >> bits) | (a.hi << (64 - bits)), a.hi >> bits};
}

// Product of two 64-bit numbers from four 32-bit products.
[[nodiscard]] constexpr u128 multiply_wide_portable(u64 a, u64 b) {
    u64 a0 = static_cast<u32>(a), a1 = a >> 32, b0 = static_cast<u32>(b), b1 = b >> 32;
    u64 low = a0 * b0;
    u64 middle = a1 * b0 + (low >> 32);  // below 2^64: (2^32-1)^2 + 2^32 - 1
    u64 other = a0 * b1 + static_cast<u32>(middle);
    return {(other << 32) | static_cast<u32>(low), a1 * b1 + (middle >> 32) + (other >> 32)};
}

[[nodiscard]] constexpr u128 multiply_wide(u64 a, u64 b) {
#if defined(__SIZEOF_INT128__)
    __extension__ using native = unsigned __int128;
    native product = static_cast<native>(a) * b;
    return {static_cast<u64>(product), static_cast<u64>(product >> 64)};
#else
    return multiply_wide_portable(a, b);
#endif
}

// a * b modulo 2^128.
[[nodiscard]] constexpr u128 multiply(u128 a, u64 b) {
    u128 product = multiply_wide(a.lo, b);
    product.hi += a.hi * b;
    return product;
}

struct Quotient {
    u128 quotient;
    u128 remainder;
};

// Short division in 16-bit digits; divisor < 2^16. The 32-bit divider does all the work (rules 19.6).
[[nodiscard]] constexpr u128 divide_short_portable(u128 a, u32 divisor) {
    u32 words[4] = {static_cast<u32>(a.lo), static_cast<u32>(a.lo >> 32), static_cast<u32>(a.hi),
                    static_cast<u32>(a.hi >> 32)};
    u32 remainder = 0;
    for (int i = 3; i >= 0; --i) {
        if ((words[i] | remainder) == 0) continue;
        u32 upper = (remainder << 16) | (words[i] >> 16);
        u32 upper_quotient = upper / divisor;
        u32 lower = ((upper - upper_quotient * divisor) << 16) | (words[i] & 0xFFFF);
        u32 lower_quotient = lower / divisor;
        remainder = lower - lower_quotient * divisor;
        words[i] = (upper_quotient << 16) | lower_quotient;
    }
    return {words[0] | (static_cast<u64>(words[1]) << 32), words[2] | (static_cast<u64>(words[3]) << 32)};
}

// Quotient of binary long division; the divisor is not zero. For the rare wide divisors (rules 13, 15).
[[nodiscard]] constexpr u128 divide_portable(u128 a, u128 divisor) {
    u128 quotient, remainder;
    for (int i = 127; i >= 0; --i) {
        u64 bit = i >= 64 ? (a.hi >> (i - 64)) & 1 : (a.lo >> i) & 1;
        bool overflow = (remainder.hi >> 63) != 0;
        remainder = shift_left(remainder, 1);
        remainder.lo |= bit;
        if (overflow || remainder >= divisor) {
            remainder = remainder - divisor;
            if (i >= 64) {
                quotient.hi |= u64{1} << (i - 64);
            } else {
                quotient.lo |= u64{1} << i;
            }
        }
    }
    return quotient;
}

[[nodiscard]] constexpr u128 divide(u128 a, u128 divisor) {
#if defined(__SIZEOF_INT128__)
    __extension__ using native = unsigned __int128;
    if ((a.hi | divisor.hi) == 0) return a.lo / divisor.lo;
    native quotient =
        ((static_cast<native>(a.hi) << 64) | a.lo) / ((static_cast<native>(divisor.hi) << 64) | divisor.lo);
    return {static_cast<u64>(quotient), static_cast<u64>(quotient >> 64)};
#else
    if ((a.hi | divisor.hi) == 0 && divisor.lo < 0x10000) return divide_short_portable(a, static_cast<u32>(divisor.lo));
    return divide_portable(a, divisor);
#endif
}

[[nodiscard]] constexpr u128 divide_short(u128 a, u32 divisor) {
#if defined(__SIZEOF_INT128__)
    return divide(a, u128{divisor});
#else
    return divide_short_portable(a, divisor);
#endif
}

// Two's complement.
struct i128 {
    u64 lo = 0;
    u64 hi = 0;

    constexpr i128() = default;
    constexpr i128(i64 value)
        : lo(static_cast<u64>(value)), hi(value < 0 ? ~u64{0} : 0) {}  // NOLINT: an i64 is an i128
    constexpr i128(u64 low, u64 high) : lo(low), hi(high) {}

    [[nodiscard]] static constexpr i128 from_unsigned(u64 value) { return {value, 0}; }
    [[nodiscard]] static constexpr i128 from_unsigned(u128 value) { return {value.lo, value.hi}; }
    [[nodiscard]] constexpr bool is_negative() const { return (hi >> 63) != 0; }
    [[nodiscard]] constexpr u128 magnitude() const;
};

[[nodiscard]] constexpr i128 operator+(i128 a, i128 b) {
    u64 lo = a.lo + b.lo;
    return {lo, a.hi + b.hi + (lo < a.lo ? 1u : 0u)};
}
[[nodiscard]] constexpr i128 operator-(i128 a, i128 b) { return {a.lo - b.lo, a.hi - b.hi - (a.lo < b.lo ? 1u : 0u)}; }
[[nodiscard]] constexpr i128 operator-(i128 a) { return i128{} - a; }
[[nodiscard]] constexpr bool operator==(i128 a, i128 b) { return a.lo == b.lo && a.hi == b.hi; }
[[nodiscard]] constexpr bool operator<(i128 a, i128 b) {
    if (a.hi != b.hi) return static_cast<i64>(a.hi) < static_cast<i64>(b.hi);
    return a.lo < b.lo;
}
[[nodiscard]] constexpr bool operator>=(i128 a, i128 b) { return !(a < b); }
[[nodiscard]] constexpr bool operator>(i128 a, i128 b) { return b < a; }
[[nodiscard]] constexpr bool operator<=(i128 a, i128 b) { return !(b < a); }

constexpr u128 i128::magnitude() const { return is_negative() ? u128{0} - u128{lo, hi} : u128{lo, hi}; }

// a * b modulo 2^128; b is not negative.
[[nodiscard]] constexpr i128 multiply(i128 a, u64 b) { return i128::from_unsigned(multiply(u128{a.lo, a.hi}, b)); }

[[nodiscard]] constexpr i128 multiply_wide(i64 a, i64 b) {
    u128 product = multiply_wide(a < 0 ? u64{0} - static_cast<u64>(a) : static_cast<u64>(a),
                                 b < 0 ? u64{0} - static_cast<u64>(b) : static_cast<u64>(b));
    return (a < 0) != (b < 0) ? -i128::from_unsigned(product) : i128::from_unsigned(product);
}

// Toward minus infinity; divisor > 0.
[[nodiscard]] constexpr i128 divide_floor(i128 a, u128 divisor) {
    if (!a.is_negative()) return i128::from_unsigned(divide(a.magnitude(), divisor));
    u128 rounded_up = divide(a.magnitude() + (divisor - u128{1}), divisor);
    return -i128::from_unsigned(rounded_up);
}
[[nodiscard]] constexpr i128 divide_ceil(i128 a, u128 divisor) { return -divide_floor(-a, divisor); }
[[nodiscard]] constexpr i128 divide_trunc(i128 a, u128 divisor) {
    u128 quotient = divide(a.magnitude(), divisor);
    return a.is_negative() ? -i128::from_unsigned(quotient) : i128::from_unsigned(quotient);
}

[[nodiscard]] constexpr i64 saturate(i128 a) {
    constexpr i64 most = INT64_MAX;
    if (a > i128{most}) return most;
    if (a < i128{INT64_MIN}) return INT64_MIN;
    return static_cast<i64>(a.lo);
}

}  // namespace matching
