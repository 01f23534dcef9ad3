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
    const u32* first_order = nullptr;   // [N1], bit reversal: the row of a transformed panel that holds frequency k
    const u32* second_order = nullptr;  // [N2]
};

// Tables 0..3 are p0, q0, p1, q1 (see fraction.cuh), each as halves in the variable of the round.
struct LayerTables {
    u32* at[4][2];
};
struct FoldTables {
    const u32* at[4][4];
    u32* to[4][2];
};

// Rows of one chip in a zerocheck round: `blocks` blocks of 16 rows from `row` in the lower half, their partners `half`
// rows later.
struct ZerocheckChunk {
    const u32* const* columns;  // base round: values; later rounds: blocked extension columns
    usize column_count;
    usize half;
    usize row;
    usize blocks;
    void (*constraints)(const u32* columns, const u32* weights,
                        u32* sum);  // null if the chip has none; see gpu/native/chip.hpp
    const u32* weights;
    const u32* affine;  // base round: a factor for each column, [columns][5]; later rounds: the blocked affine column
    const u32* eq;      // blocked, of these rows
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

    // fraction.cuh; sums: [3][5]
    void (*fraction_parents)(const u32* p0, const u32* q0, const u32* p1, const u32* q1, u32* p, u32* q, usize blocks);
    void (*leaf_parents)(const u32* p0, const u32* q0, const u32* p1, const u32* q1, u32* p, u32* q, usize blocks);
    void (*mixed_parents)(const u32* p0, const u32* q0, const u32* p1, const u32* q1, unsigned base, u32* p, u32* q,
                          usize blocks);
    void (*layer_first_round)(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination, bool both,
                              u32* sums);
    void (*leaf_first_round)(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination, bool both,
                             u32* sums);
    void (*mixed_first_round)(const LayerTables& tables, unsigned base, usize blocks, const u32* eq,
                              const u32* combination, bool both, u32* sums);
    void (*pad_first_round)(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination, bool both,
                            u32* sums);
    void (*layer_next_round)(const FoldTables& tables, usize blocks, const u32* challenge, const u32* eq, u32* sums);
    void (*leaf_next_round)(const FoldTables& tables, usize blocks, const u32* challenge, const u32* eq,
                            const u32* combination, u32* sums);
    void (*mixed_next_round)(const FoldTables& tables, unsigned base, usize blocks, const u32* challenge, const u32* eq,
                             const u32* combination, u32* sums);
    void (*pad_next_round)(const FoldTables& tables, bool base, usize blocks, const u32* challenge, const u32* eq,
                           const u32* combination, u32* sums);

    // zerocheck.cuh; sums: [3][5]
    void (*zerocheck_base_round)(const ZerocheckChunk& chunk, u32* scratch, u32* sums);
    void (*zerocheck_extension_round)(const ZerocheckChunk& chunk, u32* scratch, u32* sums);
    void (*zerocheck_base_fold)(const ZerocheckChunk& chunk, const u32* challenge, u32* const* to, u32* affine_to,
                                u32* scratch);
    void (*extension_fold)(u32* low, const u32* high, usize blocks, const u32* challenge);

    // opening.cuh; sums: [2][5]
    void (*combine_columns)(const u32* const* columns, const u32* weights, usize count, usize rows, u32* folded,
                            usize stride);
    void (*add_tables)(const u32* tables, const u32* coefficients, usize count, usize length, u32* to, usize stride);
    void (*add_base_powers)(const u32* coefficients, const u32* points, usize terms, usize first, usize rows, u32* to,
                            usize stride, u32* powers, u32* steps);
    void (*weighted_round)(const u32* f, const u32* w, usize stride, usize half, usize begin, usize end, u32* sums);
    void (*weighted_next_round)(u32* f, u32* w, usize stride, usize quarter, usize begin, usize end,
                                const u32* challenge, u32* sums);
    void (*planes_fold)(u32* values, usize stride, usize half, usize begin, usize end, const u32* challenge);

    // Element-wise products for tests and benchmarks; extension values are blocked.
    void (*multiply_base)(const u32* a, const u32* b, u32* product, usize count);
    void (*multiply_extension)(const u32* a, const u32* b, u32* product, usize blocks);
};

}  // namespace blindbook
