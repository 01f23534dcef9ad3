// Poseidon2 over KoalaBear, width 16, x^3, 4 + 20 + 4 rounds (rules 3.2), on values in Montgomery form.
// The constants are the published ones of the field (proof-system 3), times 2^32 mod p.
#include "matching/hasher.hpp"
#include "poseidon2_constants.hpp"

namespace matching {
namespace {

using namespace poseidon2;

[[gnu::always_inline]] inline u32 add(u32 a, u32 b) {
    u32 sum = a + b;
    u32 reduced = sum - kPrime;
    return reduced < sum ? reduced : sum;  // the smaller of both: p < 2^31, so a wrapped difference is larger
}

// a * b / 2^32 mod p.
[[gnu::always_inline]] inline u32 multiply(u32 a, u32 b) {
    u64 product = static_cast<u64>(a) * b;
    u32 factor = static_cast<u32>(product) * kPrimeInverse;
    u32 high = static_cast<u32>((product + static_cast<u64>(factor) * kPrime) >> 32);
    u32 reduced = high - kPrime;
    return reduced < high ? reduced : high;
}

// A sum of 16 elements: below 2^35; 2^31 = 2^24 - 1 mod p.
[[gnu::always_inline]] inline u32 reduce(u64 x) {
    u64 folded = (x & 0x7FFFFFFF) + (x >> 31) * 0x00FFFFFF;  // below 2^31 + 2^28
    u32 low = static_cast<u32>(folded);
    return low >= kPrime ? low - kPrime : low;
}

[[gnu::always_inline]] inline u32 cube(u32 x) { return multiply(multiply(x, x), x); }

// [[2,3,1,1],[1,2,3,1],[1,1,2,3],[3,1,1,2]] on each four lanes, then the column sums over the four blocks.
[[gnu::always_inline]] inline void mix_external(u32* s) {
    for (int i = 0; i < 16; i += 4) {
        u32 a = s[i], b = s[i + 1], c = s[i + 2], d = s[i + 3];
        u32 ab = add(a, b), cd = add(c, d), all = add(ab, cd);
        s[i] = add(add(all, ab), b);
        s[i + 1] = add(add(all, b), add(c, c));
        s[i + 2] = add(add(all, cd), d);
        s[i + 3] = add(add(all, d), add(a, a));
    }
    for (int j = 0; j < 4; ++j) {
        u32 sum = add(add(s[j], s[j + 4]), add(s[j + 8], s[j + 12]));
        for (int i = j; i < 16; i += 4) s[i] = add(s[i], sum);
    }
}

[[gnu::always_inline]] inline void full_round(u32* s, const u32* constants) {
    for (int i = 0; i < 16; ++i) s[i] = cube(add(s[i], constants[i]));
    mix_external(s);
}

// y_i = sum + d_i * x_i.
[[gnu::always_inline]] inline void partial_round(u32* s, u32 constant) {
    s[0] = cube(add(s[0], constant));
    // s[1..16) do not wait for the cube, so their sum comes first, as a tree.
    u64 wide = (u64{s[1]} + s[2]) + (u64{s[3]} + s[4]) + ((u64{s[5]} + s[6]) + (u64{s[7]} + s[8])) +
               ((u64{s[9]} + s[10]) + (u64{s[11]} + s[12])) + ((u64{s[13]} + s[14]) + s[15]);
    u32 sum = add(reduce(wide), s[0]);
    for (int i = 0; i < 16; ++i) s[i] = add(sum, multiply(kDiagonal[i], s[i]));
}

}  // namespace

void permute(u32* state) {
    u32 s[16];
    for (int i = 0; i < 16; ++i) s[i] = multiply(state[i], kRSquared);
    mix_external(s);
    for (const auto& constants : kInitial) full_round(s, constants);
    for (u32 constant : kPartial) partial_round(s, constant);
    for (const auto& constants : kFinal) full_round(s, constants);
    for (int i = 0; i < 16; ++i) state[i] = multiply(s[i], 1);
}

void absorb_blocks(u32* state, const u8* bytes, u32 blocks) {
    for (u32 block = 0; block < blocks; ++block, bytes += 16) {
        for (u32 i = 0; i < 4; ++i) {
            u32 word = load<u32>(bytes + 4 * i);
            state[2 * i] = word & 0xFFFF;
            state[2 * i + 1] = word >> 16;
        }
        permute(state);
    }
}

void permute_node(u32* state) {
    u32 s[16];
    for (int i = 0; i < 16; ++i) s[i] = state[i];
    permute(s);
    for (int i = 0; i < 8; ++i) state[i] = add(state[i], s[i]);
}

}  // namespace matching
