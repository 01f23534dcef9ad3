// Rounded products and quotients of money, rates and prices (rules 1 and 9.1). The rounding is in the name.
#pragma once

#include "matching/int128.hpp"
#include "matching/limits.hpp"

namespace matching {

// Divides by 10^6 = 64 * 15625: a shift, then a divisor below 2^16.
[[nodiscard]] constexpr u128 divide_million(u128 a) { return divide_short(shift_right(a, 6), 15625); }

// floor(a * rate / 1e6), a * rate < 2^128.
[[nodiscard]] constexpr u64 ppm_floor(u64 a, u32 rate_ppm) { return divide_million(multiply_wide(a, rate_ppm)).lo; }

// ceil(a * rate / 1e6).
[[nodiscard]] constexpr u64 ppm_ceil(u64 a, u32 rate_ppm) {
    return divide_million(multiply_wide(a, rate_ppm) + u128{kPpm - 1}).lo;
}

// ceil(a / divisor) for a small divisor (leverage).
[[nodiscard]] constexpr u64 short_ceil(u64 a, u32 divisor) {
    return divide_short(u128{a} + u128{divisor - 1}, divisor).lo;
}

[[nodiscard]] constexpr u64 divide_u64(u64 a, u64 divisor) { return divide(u128{a}, u128{divisor}).lo; }
[[nodiscard]] constexpr u64 divide_u64_ceil(u64 a, u64 divisor) {
    return divide(u128{a} + u128{divisor - 1}, u128{divisor}).lo;
}

[[nodiscard]] constexpr u64 magnitude(i64 x) { return x < 0 ? u64{0} - static_cast<u64>(x) : static_cast<u64>(x); }

// Signed value of a position at the mark: floor(size * K * mark / 256); |size| * K <= 2^32, so the product fits 64
// bits.
[[nodiscard]] constexpr i64 position_value_floor(i64 size_lots, u32 lot_tick_value, u32 mark_fine) {
    u64 product = magnitude(size_lots) * lot_tick_value * mark_fine;
    i64 whole = static_cast<i64>(product >> 8);
    if (size_lots >= 0) return whole;
    return -whole - ((product & 255) != 0 ? 1 : 0);
}

// ceil(lots * K * mark / 256); lots * K <= 2^32 and mark < 2^32, so the product fits 64 bits.
[[nodiscard]] constexpr u64 notional_ceil(u64 lots, u32 lot_tick_value, u32 mark_fine) {
    u64 product = lots * lot_tick_value * mark_fine;
    return (product >> 8) + ((product & 255) != 0 ? 1 : 0);
}

}  // namespace matching
