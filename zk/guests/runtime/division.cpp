// 64-bit division, which the compiler calls by these names because RV32IM divides 32-bit words only. Two-digit
// schoolbook division (Knuth, algorithm D) in place of a bit-by-bit loop: some 60 cycles.
#include <cstdint>

namespace {

struct Division {
    std::uint64_t quotient;
    std::uint64_t remainder;
};

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

// One 16-bit digit of the quotient: `top` and the next 16 bits of the dividend, by a normalised divisor. `top` becomes
// the remainder.
std::uint32_t next_digit(std::uint32_t& top, std::uint32_t next, std::uint32_t divisor) {
    const std::uint32_t first = divisor >> 16, second = divisor & 0xffff;
    std::uint32_t digit = top / first, rest = top % first;
    while (digit >> 16 != 0 || digit * second > (rest << 16 | next)) {
        --digit;
        rest += first;
        if (rest >> 16 != 0) break;
    }
    top = (top << 16 | next) - digit * divisor;
    return digit;
}

// (upper, lower) / divisor with upper < divisor: 32-bit quotient and remainder.
std::uint32_t divide_wide(std::uint32_t upper, std::uint32_t lower, std::uint32_t divisor, std::uint32_t& remainder) {
    const int shift = __builtin_clz(divisor);
    divisor <<= shift;
    if (shift != 0) upper = upper << shift | lower >> (32 - shift);
    lower <<= shift;
    const std::uint32_t first = next_digit(upper, lower >> 16, divisor);
    const std::uint32_t second = next_digit(upper, lower & 0xffff, divisor);
    remainder = upper >> shift;
    return first << 16 | second;
}

// Division by zero: all ones and the dividend, as RV32IM has it.
Division divide(std::uint64_t n, std::uint64_t d) {
    if (d == 0) return {~std::uint64_t{0}, n};
    if (d > n) return {0, n};
    if (high(d) == 0) {
        const std::uint32_t divisor = low(d);
        std::uint32_t remainder = high(n) % divisor;
        const std::uint32_t upper = high(n) / divisor;
        const std::uint32_t lower =
            remainder == 0 ? low(n) / divisor : divide_wide(remainder, low(n), divisor, remainder);
        if (high(n) % divisor == 0) remainder = low(n) % divisor;
        return {std::uint64_t{upper} << 32 | lower, remainder};
    }
    // The quotient is one word. An estimate from the upper word of the divisor is too large by at most one; take one
    // off and correct upwards.
    const int shift = __builtin_clz(high(d));
    const std::uint64_t half = n >> 1;
    std::uint32_t ignored = 0;
    const std::uint32_t estimate = divide_wide(high(half), low(half), high(d << shift), ignored);
    std::uint64_t quotient = (std::uint64_t{estimate} << shift) >> 31;
    if (quotient != 0) --quotient;
    std::uint64_t remainder = n - quotient * d;
    if (remainder >= d) ++quotient, remainder -= d;
    return {quotient, remainder};
}

std::uint64_t magnitude(std::int64_t x) {
    return x < 0 ? -static_cast<std::uint64_t>(x) : static_cast<std::uint64_t>(x);
}

}  // namespace

extern "C" std::uint64_t __udivdi3(std::uint64_t n, std::uint64_t d) { return divide(n, d).quotient; }
extern "C" std::uint64_t __umoddi3(std::uint64_t n, std::uint64_t d) { return divide(n, d).remainder; }

extern "C" std::int64_t __divdi3(std::int64_t n, std::int64_t d) {
    const std::uint64_t quotient = divide(magnitude(n), magnitude(d)).quotient;
    return static_cast<std::int64_t>((n < 0) == (d < 0) ? quotient : -quotient);
}

extern "C" std::int64_t __moddi3(std::int64_t n, std::int64_t d) {
    const std::uint64_t remainder = divide(magnitude(n), magnitude(d)).remainder;
    return static_cast<std::int64_t>(n < 0 ? -remainder : remainder);
}
