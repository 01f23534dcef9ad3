// Keccak-f[1600] and the hashes of config K (section 3), one instance per 64-bit lane.
#pragma once

#include "lanes.cuh"

namespace blindbook::BLINDBOOK_ISA {

inline constexpr usize KECCAK_RATE_WORDS = 17;  // 136 bytes

inline constexpr u64 KECCAK_ROUND_CONSTANTS[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

struct Word64 {  // one lane
    u64 v;
    static constexpr int width = 1;
    static BLINDBOOK_INLINE Word64 broadcast(u64 a) { return {a}; }
    static BLINDBOOK_INLINE Word64 load(const u64* from) { return {*from}; }
    BLINDBOOK_INLINE void store(u64* to) const { *to = v; }
    friend BLINDBOOK_INLINE Word64 operator^(Word64 a, Word64 b) { return {a.v ^ b.v}; }
    template <int K>
    BLINDBOOK_INLINE Word64 up() const {
        return {v << K};
    }
    template <int K>
    BLINDBOOK_INLINE Word64 down() const {
        return {v >> K};
    }
    friend BLINDBOOK_INLINE Word64 xor3(Word64 a, Word64 b, Word64 c) { return {a.v ^ b.v ^ c.v}; }
    friend BLINDBOOK_INLINE Word64 chi(Word64 a, Word64 b, Word64 c) { return {a.v ^ (~b.v & c.v)}; }
    template <int K>
    BLINDBOOK_INLINE Word64 rotate() const {
        return {K == 0 ? v : (v << K) | (v >> ((64 - K) & 63))};
    }
};

#if defined(BLINDBOOK_AVX512)
struct Words64 {
    __m512i v;
    static constexpr int width = 8;
    static BLINDBOOK_INLINE Words64 broadcast(u64 a) { return {_mm512_set1_epi64(static_cast<long long>(a))}; }
    static BLINDBOOK_INLINE Words64 load(const u64* from) { return {_mm512_loadu_si512(from)}; }
    BLINDBOOK_INLINE void store(u64* to) const { _mm512_storeu_si512(to, v); }
    friend BLINDBOOK_INLINE Words64 operator^(Words64 a, Words64 b) { return {_mm512_xor_si512(a.v, b.v)}; }
    template <int K>
    BLINDBOOK_INLINE Words64 up() const {
        return {_mm512_slli_epi64(v, K)};
    }
    template <int K>
    BLINDBOOK_INLINE Words64 down() const {
        return {_mm512_srli_epi64(v, K)};
    }
    friend BLINDBOOK_INLINE Words64 xor3(Words64 a, Words64 b, Words64 c) {
        return {_mm512_ternarylogic_epi64(a.v, b.v, c.v, 0x96)};
    }
    friend BLINDBOOK_INLINE Words64 chi(Words64 a, Words64 b, Words64 c) {
        return {_mm512_ternarylogic_epi64(a.v, b.v, c.v, 0xd2)};
    }
    template <int K>
    BLINDBOOK_INLINE Words64 rotate() const {
        return {_mm512_rol_epi64(v, K)};
    }
};
#elif defined(BLINDBOOK_AVX2)
struct Words64 {
    __m256i v;
    static constexpr int width = 4;
    static BLINDBOOK_INLINE Words64 broadcast(u64 a) { return {_mm256_set1_epi64x(static_cast<long long>(a))}; }
    static BLINDBOOK_INLINE Words64 load(const u64* from) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
    }
    BLINDBOOK_INLINE void store(u64* to) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }
    friend BLINDBOOK_INLINE Words64 operator^(Words64 a, Words64 b) { return {_mm256_xor_si256(a.v, b.v)}; }
    template <int K>
    BLINDBOOK_INLINE Words64 up() const {
        return {_mm256_slli_epi64(v, K)};
    }
    template <int K>
    BLINDBOOK_INLINE Words64 down() const {
        return {_mm256_srli_epi64(v, K)};
    }
    friend BLINDBOOK_INLINE Words64 xor3(Words64 a, Words64 b, Words64 c) { return a ^ b ^ c; }
    friend BLINDBOOK_INLINE Words64 chi(Words64 a, Words64 b, Words64 c) {
        return {_mm256_xor_si256(a.v, _mm256_andnot_si256(b.v, c.v))};
    }
    template <int K>
    BLINDBOOK_INLINE Words64 rotate() const {
        if constexpr (K == 0) return *this;
        return {_mm256_or_si256(_mm256_slli_epi64(v, K), _mm256_srli_epi64(v, (64 - K) & 63))};
    }
};
#else
using Words64 = Word64;
#endif

// theta, rho and pi for one source lane: B[y][2x + 3y] = rot(A[x][y] ^ D[x]).
template <int X, int Y, int ROTATION, class W>
BLINDBOOK_INLINE void rho_pi(const W* a, const W* d, W* b) {
    b[Y + 5 * ((2 * X + 3 * Y) % 5)] = (a[X + 5 * Y] ^ d[X]).template rotate<ROTATION>();
}

template <class W>
BLINDBOOK_INLINE void keccak_round(W* a, u64 constant) {
    W c[5], d[5], b[25];
    for (int x = 0; x < 5; ++x) c[x] = xor3(xor3(a[x], a[x + 5], a[x + 10]), a[x + 15], a[x + 20]);
    for (int x = 0; x < 5; ++x) d[x] = c[(x + 4) % 5] ^ c[(x + 1) % 5].template rotate<1>();
    rho_pi<0, 0, 0>(a, d, b), rho_pi<1, 0, 1>(a, d, b), rho_pi<2, 0, 62>(a, d, b), rho_pi<3, 0, 28>(a, d, b);
    rho_pi<4, 0, 27>(a, d, b), rho_pi<0, 1, 36>(a, d, b), rho_pi<1, 1, 44>(a, d, b), rho_pi<2, 1, 6>(a, d, b);
    rho_pi<3, 1, 55>(a, d, b), rho_pi<4, 1, 20>(a, d, b), rho_pi<0, 2, 3>(a, d, b), rho_pi<1, 2, 10>(a, d, b);
    rho_pi<2, 2, 43>(a, d, b), rho_pi<3, 2, 25>(a, d, b), rho_pi<4, 2, 39>(a, d, b), rho_pi<0, 3, 41>(a, d, b);
    rho_pi<1, 3, 45>(a, d, b), rho_pi<2, 3, 15>(a, d, b), rho_pi<3, 3, 21>(a, d, b), rho_pi<4, 3, 8>(a, d, b);
    rho_pi<0, 4, 18>(a, d, b), rho_pi<1, 4, 2>(a, d, b), rho_pi<2, 4, 61>(a, d, b), rho_pi<3, 4, 56>(a, d, b);
    rho_pi<4, 4, 14>(a, d, b);
    for (int y = 0; y < 25; y += 5)
        for (int x = 0; x < 5; ++x) a[y + x] = chi(b[y + x], b[y + (x + 1) % 5], b[y + (x + 2) % 5]);
    a[0] = a[0] ^ W::broadcast(constant);
}

template <class W>
BLINDBOOK_NOINLINE void keccak_permute(W* state) {  // [25]
    W a[25];
    for (int i = 0; i < 25; ++i) a[i] = state[i];
    for (const u64 constant : KECCAK_ROUND_CONSTANTS) keccak_round(a, constant);
    for (int i = 0; i < 25; ++i) state[i] = a[i];
}

inline constexpr usize KECCAK_LANES = static_cast<usize>(Words64::width);

// The digest of keccak256(domain ‖ message) per lane, digest: [4][KECCAK_LANES].
// words: [count][KECCAK_LANES], little-endian 64-bit words of the message, which has 8 * count bytes less `missing` (0
// or 4). The domain byte shifts the message: word i that is absorbed is m_i << 8 | m_(i-1) >> 56.
BLINDBOOK_INLINE void keccak_domain_message(u8 domain, const u64* words, usize count, int missing, u64* digest) {
    Words64 state[25];
    for (int i = 0; i < 25; ++i) state[i] = Words64::broadcast(0);
    Words64 previous = Words64::broadcast(u64{domain} << 56);
    const usize full = missing == 0 ? count : count - 1;  // whole words of the shifted message
    usize position = 0;
    for (usize i = 0; i < full; ++i) {
        const Words64 current = Words64::load(words + i * KECCAK_LANES);
        state[position] = xor3(state[position], current.up<8>(), previous.down<56>());
        previous = current;
        if (++position == KECCAK_RATE_WORDS) {
            keccak_permute(state);
            position = 0;
        }
    }
    // 1 or 5 bytes are left; then the padding.
    state[position] = state[position] ^ previous.down<56>();
    if (missing != 0) state[position] = state[position] ^ Words64::load(words + full * KECCAK_LANES).up<8>();
    state[position] = state[position] ^ Words64::broadcast(u64{1} << (missing == 0 ? 8 : 40));
    state[KECCAK_RATE_WORDS - 1] = state[KECCAK_RATE_WORDS - 1] ^ Words64::broadcast(u64{1} << 63);
    keccak_permute(state);
    for (usize j = 0; j < 4; ++j) state[j].store(digest + j * KECCAK_LANES);
}

}  // namespace blindbook::BLINDBOOK_ISA
