// The instruction set a translation unit is compiled for. All kernels live in a namespace named after it, so that one
// program can hold the same source built several times (run-time choice) without mixing the builds.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__CUDACC__)
#define BLINDBOOK_ISA cuda
#define BLINDBOOK_INLINE __host__ __device__ __forceinline__
#define BLINDBOOK_NOINLINE __noinline__
#else
#if defined(BLINDBOOK_AVX512)
#define BLINDBOOK_ISA avx512
#elif defined(BLINDBOOK_AVX2)
#define BLINDBOOK_ISA avx2
#else
#define BLINDBOOK_ISA portable
#endif
#define BLINDBOOK_INLINE inline __attribute__((always_inline))
#define BLINDBOOK_NOINLINE __attribute__((noinline))
#endif

namespace blindbook {
using u8 = uint8_t;
using u32 = uint32_t;
using u64 = uint64_t;
using usize = size_t;
}  // namespace blindbook
