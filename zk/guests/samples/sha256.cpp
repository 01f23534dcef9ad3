// Reads a byte length and the message (little-endian words, last one zero-filled); commits its SHA-256 (FIPS 180-4) as
// eight big-endian words.
#include <array>
#include <bit>

#include "blindbook_guest.hpp"

namespace {

using Block = std::array<std::uint32_t, 16>;
using Digest = std::array<std::uint32_t, 8>;

constexpr std::array<std::uint32_t, 64> round_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void compress(Digest& state, const Block& block) {
    std::array<std::uint32_t, 64> schedule;
    for (std::size_t i = 0; i < 16; ++i) schedule[i] = block[i];
    for (std::size_t i = 16; i < 64; ++i) {
        const std::uint32_t w15 = schedule[i - 15], w2 = schedule[i - 2];
        const std::uint32_t small0 = std::rotr(w15, 7) ^ std::rotr(w15, 18) ^ w15 >> 3;
        const std::uint32_t small1 = std::rotr(w2, 17) ^ std::rotr(w2, 19) ^ w2 >> 10;
        schedule[i] = schedule[i - 16] + small0 + schedule[i - 7] + small1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t big1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        const std::uint32_t first = h + big1 + ((e & f) ^ (~e & g)) + round_constants[i] + schedule[i];
        const std::uint32_t big0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        const std::uint32_t second = big0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    const Digest added = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += added[i];
}

// Word `index` of the padded message, big-endian: message, byte 0x80, zeros, length in bits.
std::uint32_t padded_word(std::uint32_t index, std::uint32_t byte_count, std::uint32_t word_count) {
    const std::uint32_t start = 4 * index;
    if (start < byte_count) {
        std::uint32_t word = __builtin_bswap32(guest::hint());
        const std::uint32_t rest = byte_count - start;
        if (rest < 4) word = (word & ~(0xffffffffU >> (8 * rest))) | 0x80000000U >> (8 * rest);
        return word;
    }
    if (start == byte_count) return 0x80000000U;
    if (index == word_count - 2) return byte_count >> 29;
    return index == word_count - 1 ? byte_count << 3 : 0;
}

}  // namespace

int main() {
    const std::uint32_t byte_count = guest::hint();
    const std::uint32_t word_count = ((byte_count + 8) / 64 + 1) * 16;
    Digest state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (std::uint32_t start = 0; start < word_count; start += 16) {
        Block block;
        for (std::uint32_t i = 0; i < 16; ++i) block[i] = padded_word(start + i, byte_count, word_count);
        compress(state, block);
    }
    for (std::uint32_t i = 0; i < 8; ++i) guest::commit(i, state[i]);
    return 0;
}
