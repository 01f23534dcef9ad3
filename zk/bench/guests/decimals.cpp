// Benchmark mix: wide arithmetic. 256-bit products reduced by shifting and adding, then written in decimal.
// Hint: number of steps. Outputs 0..7: the last product.
#include <array>
#include <cstdint>

#include "blindbook_guest.hpp"

namespace {

using Wide = std::array<std::uint32_t, 8>;

Wide multiply(const Wide& a, const Wide& b) {
    std::array<std::uint32_t, 16> product{};
    for (std::size_t i = 0; i < 8; ++i) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < 8; ++j) {
            carry += static_cast<std::uint64_t>(a[i]) * b[j] + product[i + j];
            product[i + j] = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
        product[i + 8] = static_cast<std::uint32_t>(carry);
    }
    Wide folded;  // modulo 2^256 - 189: high * 189 + low, the last carry dropped
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        carry += static_cast<std::uint64_t>(product[i + 8]) * 189 + product[i];
        folded[i] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
    }
    return folded;
}

std::uint32_t decimal_checksum(Wide value) {
    std::uint32_t sum = 0, digits = 0;
    for (bool more = true; more && digits < 78;) {
        std::uint32_t rest = 0;
        more = false;
        for (std::size_t i = 8; i-- > 0;) {  // by 10000, in halves of a word
            const std::uint32_t high = (rest << 16) | (value[i] >> 16);
            const std::uint32_t low = ((high % 10'000) << 16) | (value[i] & 0xffff);
            value[i] = ((high / 10'000) << 16) | (low / 10'000);
            rest = low % 10'000;
            more |= value[i] != 0;
        }
        for (std::uint32_t k = 0; k < 4; ++k, ++digits, rest /= 10) sum = sum * 31 + rest % 10;
    }
    return sum;
}

}  // namespace

int main() {
    const std::uint32_t steps = guest::hint();
    Wide a{3, 5, 7, 11, 13, 17, 19, 23}, b{29, 31, 37, 41, 43, 47, 53, 59};
    for (std::uint32_t i = 0; i < steps; ++i) {
        const Wide product = multiply(a, b);
        b = a;
        a = product;
        a[0] ^= (i & 15) == 0 ? decimal_checksum(product) : i;
    }
    for (std::uint32_t i = 0; i < 8; ++i) guest::commit(i, a[i]);
    return 0;
}
