// The widest vector of field elements of the instruction set, with the interface of Fp; `Lanes` is Fp where there is
// none.
#pragma once

#include "koalabear.cuh"

#if defined(BLINDBOOK_AVX512)
#include "lanes_avx512.cuh"
#elif defined(BLINDBOOK_AVX2)
#include "lanes_avx2.cuh"
#else
namespace blindbook::BLINDBOOK_ISA {
using Lanes = Fp;
}
#endif

namespace blindbook::BLINDBOOK_ISA {

// Extension arrays are stored in blocks of 16 elements: [block][coefficient 0..4][16]. The block size does not depend
// on the instruction set.
inline constexpr usize BLOCK = 16;
inline constexpr usize EXT_BLOCK = 5 * BLOCK;
static_assert(BLOCK % static_cast<usize>(Lanes::width) == 0);

BLINDBOOK_INLINE void prefetch(const u32* at) {
#if defined(__GNUC__) && !defined(__CUDACC__)
    __builtin_prefetch(at, 0, 2);
#else
    (void)at;
#endif
}

// Sum over the lanes.
template <class V>
BLINDBOOK_INLINE Fp sum_lanes(V a) {
    alignas(64) u32 words[static_cast<usize>(V::width)];
    a.store(words);
    Fp total = Fp::zero();
    for (int i = 0; i < V::width; ++i) total = total + Fp{words[i]};
    return total;
}

}  // namespace blindbook::BLINDBOOK_ISA
