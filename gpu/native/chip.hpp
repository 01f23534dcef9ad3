// A chip of a trace as the provers see it: its columns and its compiled row evaluators.
#pragma once

#include <vector>

#include "gpu/kernels/isa.cuh"

namespace blindbook {

// Generated functions (gpu/jit.py); each works on 16 rows, all values in Montgomery form.
struct RowEvaluators {
    // columns: [columns][16]; constants: [1 + powers][5], alpha and beta^1, beta^2, ...; p: [interactions][16], q:
    // [interactions][5][16].
    using Interactions = void (*)(const u32* columns, const u32* constants, u32* p, u32* q);
    // sum of weights[k] * constraint_k; columns: [columns][16] or [columns][5][16]; weights: [constraints][5]; sum:
    // [5][16].
    using Constraints = void (*)(const u32* columns, const u32* weights, u32* sum);

    Interactions interactions = nullptr;
    Constraints constraints_base = nullptr;
    Constraints constraints_extension = nullptr;
};

struct ChipTrace {
    RowEvaluators evaluators;
    int log_height = 0;
    usize interactions = 0;
    usize constraints = 0;
    std::vector<const u32*> columns;  // each [2^log_height], base values

    usize height() const { return usize{1} << log_height; }
};

}  // namespace blindbook
