// Eight field elements in an AVX2 register.
#pragma once

#include <immintrin.h>

#include "koalabear.cuh"

namespace blindbook::avx2 {

struct Lanes {
    __m256i v;

    // As in lanes_avx512.cuh: even and odd halves.
    struct Split {
        __m256i even, odd;
    };
    struct Wide {
        __m256i even, odd;
    };
    static constexpr int width = 8;

    static BLINDBOOK_INLINE Lanes zero() { return {_mm256_setzero_si256()}; }
    static BLINDBOOK_INLINE Lanes one() { return {_mm256_set1_epi32(static_cast<int>(R1))}; }
    static BLINDBOOK_INLINE Lanes broadcast(Fp a) { return {_mm256_set1_epi32(static_cast<int>(a.v))}; }
    static BLINDBOOK_INLINE Lanes load(const u32* from) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
    }
    BLINDBOOK_INLINE void store(u32* to) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }

    static BLINDBOOK_INLINE Split split(Lanes a) {
        return {a.v, _mm256_castps_si256(_mm256_movehdup_ps(_mm256_castsi256_ps(a.v)))};
    }
    static BLINDBOOK_INLINE Split split_constant(Fp a) { return {broadcast(a).v, broadcast(a).v}; }
    static BLINDBOOK_INLINE Wide multiply(Split a, Split b) {
        return {_mm256_mul_epu32(a.even, b.even), _mm256_mul_epu32(a.odd, b.odd)};
    }
    static BLINDBOOK_INLINE Wide add(Wide a, Wide b) {
        return {_mm256_add_epi64(a.even, b.even), _mm256_add_epi64(a.odd, b.odd)};
    }
    // Subtracts p * 2^32 where bit 63 is set: there is no unsigned 64-bit comparison.
    static BLINDBOOK_INLINE Wide shrink(Wide a) { return {shrink_half(a.even), shrink_half(a.odd)}; }
    static BLINDBOOK_INLINE Lanes reduce(Wide a) {
        const __m256i high = high_halves(a);
        const __m256i folded = _mm256_min_epu32(high, _mm256_sub_epi32(high, modulus()));
        return subtract(folded, quotient_high(a));
    }

    static BLINDBOOK_INLINE Lanes encode(Lanes words) { return words * broadcast(Fp{R2}); }
    static BLINDBOOK_INLINE Lanes decode(Lanes a) {
        const Split s = split(a);
        const __m256i low = _mm256_set1_epi64x(0xffffffffLL);
        return subtract(_mm256_setzero_si256(),
                        quotient_high({_mm256_and_si256(s.even, low), _mm256_and_si256(s.odd, low)}));
    }

    friend BLINDBOOK_INLINE Lanes operator+(Lanes a, Lanes b) {
        const __m256i sum = _mm256_add_epi32(a.v, b.v);
        return {_mm256_min_epu32(sum, _mm256_sub_epi32(sum, modulus()))};
    }
    friend BLINDBOOK_INLINE Lanes operator-(Lanes a, Lanes b) { return subtract(a.v, b.v); }
    friend BLINDBOOK_INLINE Lanes operator*(Lanes a, Lanes b) {
        const Wide product = multiply(split(a), split(b));
        return subtract(high_halves(product), quotient_high(product));
    }

    template <int K>
    static BLINDBOOK_INLINE Lanes divide_by_power(Lanes a) {
        return subtract(_mm256_srli_epi32(a.v, K), scaled_low<K>(a));
    }
    template <int K>
    static BLINDBOOK_INLINE Lanes divide_by_minus_power(Lanes a) {
        return subtract(scaled_low<K>(a), _mm256_srli_epi32(a.v, K));
    }

    // Elements 0, 2, 4, ... and 1, 3, 5, ... of 16 consecutive ones.
    static BLINDBOOK_INLINE void load_pairs(const u32* from, Lanes& even, Lanes& odd) {
        const __m256 first = _mm256_castsi256_ps(load(from).v);
        const __m256 second = _mm256_castsi256_ps(load(from + 8).v);
        even = {ordered(_mm256_shuffle_ps(first, second, 0x88))};
        odd = {ordered(_mm256_shuffle_ps(first, second, 0xdd))};
    }

  private:
    static BLINDBOOK_INLINE __m256i modulus() { return _mm256_set1_epi32(static_cast<int>(P)); }
    static BLINDBOOK_INLINE __m256i ordered(__m256 a) { return _mm256_permute4x64_epi64(_mm256_castps_si256(a), 0xd8); }
    static BLINDBOOK_INLINE __m256i shrink_half(__m256i a) {
        const __m256i bound = _mm256_set1_epi64x(static_cast<long long>(u64{P} << 32));
        const __m256d value = _mm256_castsi256_pd(a);
        return _mm256_castpd_si256(_mm256_blendv_pd(value, _mm256_castsi256_pd(_mm256_sub_epi64(a, bound)), value));
    }
    static BLINDBOOK_INLINE Lanes subtract(__m256i a, __m256i b) {
        const __m256i difference = _mm256_sub_epi32(a, b);
        return {_mm256_min_epu32(difference, _mm256_add_epi32(difference, modulus()))};
    }
    static BLINDBOOK_INLINE __m256i high_halves(Wide a) {
        const __m256 even = _mm256_movehdup_ps(_mm256_castsi256_ps(a.even));
        return _mm256_castps_si256(_mm256_blend_ps(even, _mm256_castsi256_ps(a.odd), 0xaa));
    }
    static BLINDBOOK_INLINE __m256i quotient_high(Wide a) {
        const __m256i mu = _mm256_set1_epi32(static_cast<int>(MU));
        const __m256i even = _mm256_mul_epu32(_mm256_mul_epu32(a.even, mu), modulus());
        const __m256i odd = _mm256_mul_epu32(_mm256_mul_epu32(a.odd, mu), modulus());
        return high_halves({even, odd});
    }
    template <int K>
    static BLINDBOOK_INLINE __m256i scaled_low(Lanes a) {
        const __m256i low = _mm256_and_si256(a.v, _mm256_set1_epi32((1 << K) - 1));
        const __m256i times127 = _mm256_sub_epi32(_mm256_slli_epi32(low, 7), low);
        return _mm256_slli_epi32(times127, 24 - K);
    }
};

}  // namespace blindbook::avx2
