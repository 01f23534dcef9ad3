// The kernels of one instruction set as a table of functions, and the plain structures they share with their callers.
//
// Field values are in Montgomery form everywhere. An extension array is blocked: [element / 16][5][16]; a single
// extension value is five words. Kernels work on a range of their index space; callers spread ranges over threads.
#pragma once

#include "isa.cuh"

namespace blindbook {

struct NttPlan {
    int log_first = 0;                  // log2 of N1
    int log_second = 0;                 // log2 of N2; N1 * N2 points
    const u32* first_roots = nullptr;   // [N1], powers of the root of order N1
    const u32* second_roots = nullptr;  // [N2]
};

struct Kernels {
    const char* name;

    // Conversions. to_montgomery returns false where a value is not below p.
    bool (*to_montgomery)(const u32* from, u32* to, usize count);
    void (*from_montgomery)(const u32* from, u32* to, usize count);

    // ntt.cuh
    void (*transform)(const u32* coefficients, u32* values, u32* scratch, const NttPlan& plan, u32 shift);

    // merkle.cuh
    void (*poseidon2_permute)(u32* states, usize count);  // states: [16][count]
    void (*keccak_permute)(u64* states, usize count);     // states: [25][count]
    void (*poseidon2_leaves)(const u32* const* columns, usize width, usize begin, usize end, u32* digests,
                             usize stride);
    void (*poseidon2_nodes)(const u32* left, const u32* right, usize child_stride, u32* nodes, usize stride,
                            usize begin, usize end);
    void (*poseidon2_node_pairs)(const u32* children, usize child_stride, u32* nodes, usize stride, usize begin,
                                 usize end);
    u32 (*poseidon2_grind)(const u32* state, usize slot, u32 start, u32 count, u32 mask);
    void (*keccak_leaves)(const u32* const* columns, usize width, usize begin, usize end, u32* digests, usize stride,
                          u64* words);
    void (*keccak_nodes)(const u32* left, const u32* right, usize child_stride, u32* nodes, usize stride, usize begin,
                         usize end);
    void (*keccak_node_pairs)(const u32* children, usize child_stride, u32* nodes, usize stride, usize begin,
                              usize end);
    u64 (*keccak_grind)(const u64* state, u64 start, u64 count, int bits);

    // univariate.cuh
    void (*weighted_runs)(const u32* values, usize runs, usize length, const u32* tables, usize count, u32* sums);
    void (*base_dots)(const u32* values, usize length, const u32* powers, usize points, usize stride, u32* sums);

    // Element-wise products for tests and benchmarks; extension values are blocked.
    void (*multiply_base)(const u32* a, const u32* b, u32* product, usize count);
    void (*multiply_extension)(const u32* a, const u32* b, u32* product, usize blocks);
};

}  // namespace blindbook
