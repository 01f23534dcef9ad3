// Sixteen field elements in an AVX-512 register.
#pragma once

#include <immintrin.h>

#include "koalabear.cuh"

namespace blindbook::avx512 {

struct Lanes {
    __m512i v;

    // 32 x 32 -> 64 bit products exist for even lanes only: operands and sums are kept as even and odd halves.
    struct Split {
        __m512i even, odd;
    };
    struct Wide {
        __m512i even, odd;
    };
    static constexpr int width = 16;

    static BLINDBOOK_INLINE Lanes zero() { return {_mm512_setzero_si512()}; }
    static BLINDBOOK_INLINE Lanes one() { return {_mm512_set1_epi32(static_cast<int>(R1))}; }
    static BLINDBOOK_INLINE Lanes broadcast(Fp a) { return {_mm512_set1_epi32(static_cast<int>(a.v))}; }
    static BLINDBOOK_INLINE Lanes load(const u32* from) { return {_mm512_loadu_si512(from)}; }
    BLINDBOOK_INLINE void store(u32* to) const { _mm512_storeu_si512(to, v); }

    static BLINDBOOK_INLINE Split split(Lanes a) {
        return {a.v, _mm512_castps_si512(_mm512_movehdup_ps(_mm512_castsi512_ps(a.v)))};
    }
    static BLINDBOOK_INLINE Split split_constant(Fp a) { return {broadcast(a).v, broadcast(a).v}; }
    static BLINDBOOK_INLINE Wide multiply(Split a, Split b) {
        return {_mm512_mul_epu32(a.even, b.even), _mm512_mul_epu32(a.odd, b.odd)};
    }
    static BLINDBOOK_INLINE Wide add(Wide a, Wide b) {
        return {_mm512_add_epi64(a.even, b.even), _mm512_add_epi64(a.odd, b.odd)};
    }
    static BLINDBOOK_INLINE Wide shrink(Wide a) {
        const __m512i bound = _mm512_set1_epi64(static_cast<long long>(u64{P} << 32));
        return {_mm512_min_epu64(a.even, _mm512_sub_epi64(a.even, bound)),
                _mm512_min_epu64(a.odd, _mm512_sub_epi64(a.odd, bound))};
    }
    static BLINDBOOK_INLINE Lanes reduce(Wide a) {
        const __m512i high = high_halves(a);
        const __m512i folded = _mm512_min_epu32(high, _mm512_sub_epi32(high, modulus()));
        return subtract(folded, quotient_high(a));
    }

    static BLINDBOOK_INLINE Lanes encode(Lanes words) { return words * broadcast(Fp{R2}); }
    static BLINDBOOK_INLINE Lanes decode(Lanes a) {
        const Split s = split(a);
        const __m512i low = _mm512_set1_epi64(0xffffffffLL);
        return subtract(_mm512_setzero_si512(),
                        quotient_high({_mm512_and_si512(s.even, low), _mm512_and_si512(s.odd, low)}));
    }

    friend BLINDBOOK_INLINE Lanes operator+(Lanes a, Lanes b) {
        const __m512i sum = _mm512_add_epi32(a.v, b.v);
        return {_mm512_min_epu32(sum, _mm512_sub_epi32(sum, modulus()))};
    }
    friend BLINDBOOK_INLINE Lanes operator-(Lanes a, Lanes b) { return subtract(a.v, b.v); }
    friend BLINDBOOK_INLINE Lanes operator*(Lanes a, Lanes b) {
        const Wide product = multiply(split(a), split(b));
        return subtract(high_halves(product), quotient_high(product));
    }

    template <int K>
    static BLINDBOOK_INLINE Lanes divide_by_power(Lanes a) {
        return subtract(_mm512_srli_epi32(a.v, K), scaled_low<K>(a));
    }
    template <int K>
    static BLINDBOOK_INLINE Lanes divide_by_minus_power(Lanes a) {
        return subtract(scaled_low<K>(a), _mm512_srli_epi32(a.v, K));
    }

    // Elements 0, 2, 4, ... and 1, 3, 5, ... of 32 consecutive ones.
    static BLINDBOOK_INLINE void load_pairs(const u32* from, Lanes& even, Lanes& odd) {
        const __m512i first = _mm512_loadu_si512(from);
        const __m512i second = _mm512_loadu_si512(from + 16);
        const __m512i even_index = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        const __m512i odd_index = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        even = {_mm512_permutex2var_epi32(first, even_index, second)};
        odd = {_mm512_permutex2var_epi32(first, odd_index, second)};
    }

  private:
    static BLINDBOOK_INLINE __m512i modulus() { return _mm512_set1_epi32(static_cast<int>(P)); }
    static BLINDBOOK_INLINE Lanes subtract(__m512i a, __m512i b) {
        const __m512i difference = _mm512_sub_epi32(a, b);
        return {_mm512_min_epu32(difference, _mm512_add_epi32(difference, modulus()))};
    }
    static BLINDBOOK_INLINE __m512i high_halves(Wide a) {
        return _mm512_castps_si512(
            _mm512_mask_movehdup_ps(_mm512_castsi512_ps(a.odd), 0x5555, _mm512_castsi512_ps(a.even)));
    }
    static BLINDBOOK_INLINE __m512i quotient_high(Wide a) {
        const __m512i mu = _mm512_set1_epi32(static_cast<int>(MU));
        const __m512i even = _mm512_mul_epu32(_mm512_mul_epu32(a.even, mu), modulus());
        const __m512i odd = _mm512_mul_epu32(_mm512_mul_epu32(a.odd, mu), modulus());
        return high_halves({even, odd});
    }
    template <int K>
    static BLINDBOOK_INLINE __m512i scaled_low(Lanes a) {
        const __m512i low = _mm512_and_si512(a.v, _mm512_set1_epi32((1 << K) - 1));
        const __m512i times127 = _mm512_sub_epi32(_mm512_slli_epi32(low, 7), low);
        return _mm512_slli_epi32(times127, 24 - K);
    }
};

// Transposes a 16 x 16 tile: to[16 * j + i] = from[16 * i + j].
BLINDBOOK_INLINE void transpose_tile(const u32* from, u32* to) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(from + 16 * i);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    // a[4q + j] holds in its 128-bit lane k the column 4k + j of rows 4q .. 4q + 3.
    for (int j = 0; j < 4; ++j) {
        const __m512i low01 = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x44);
        const __m512i high01 = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xee);
        const __m512i low23 = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x44);
        const __m512i high23 = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xee);
        _mm512_storeu_si512(to + 16 * j, _mm512_shuffle_i32x4(low01, low23, 0x88));
        _mm512_storeu_si512(to + 16 * (4 + j), _mm512_shuffle_i32x4(low01, low23, 0xdd));
        _mm512_storeu_si512(to + 16 * (8 + j), _mm512_shuffle_i32x4(high01, high23, 0x88));
        _mm512_storeu_si512(to + 16 * (12 + j), _mm512_shuffle_i32x4(high01, high23, 0xdd));
    }
}

}  // namespace blindbook::avx512
