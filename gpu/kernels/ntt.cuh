// Forward number theoretic transform on a coset, natural order in and out: values[k] = sum_t coefficients[t] (shift
// w^k)^t.
//
// Four steps: t = n1 * N2 + n2, k = k1 + N1 * k2. A panel is 16 neighbouring n2 (then k1) side by side: [points][16],
// so that all butterflies work on whole vectors; between the steps tiles of 16 x 16 are transposed.
#pragma once

#include "lanes.cuh"
#include "table.cuh"

namespace blindbook::BLINDBOOK_ISA {

#if !defined(BLINDBOOK_AVX512)
BLINDBOOK_INLINE void transpose_tile(const u32* from, u32* to) {
    for (usize i = 0; i < 16; ++i)
        for (usize j = 0; j < 16; ++j) to[16 * j + i] = from[16 * i + j];
}
#endif

BLINDBOOK_INLINE usize reversed_bits(usize value, int bits) {
    usize result = 0;
    for (int i = 0; i < bits; ++i) result |= ((value >> i) & 1U) << (bits - 1 - i);
    return result;
}

// One decimation-in-frequency stage of radix 2: halves of `length` rows.
BLINDBOOK_INLINE void radix2_stage(u32* panel, usize points, usize length, const u32* roots) {
    const usize half = length / 2;
    const usize stride = points / length;
    for (usize start = 0; start < points; start += length)
        for (usize j = 0; j < half; ++j) {
            u32* a = panel + (start + j) * BLOCK;
            u32* b = a + half * BLOCK;
            const Lanes root = Lanes::broadcast(Fp{roots[j * stride]});
            for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width)) {
                const Lanes x = Lanes::load(a + lane);
                const Lanes y = Lanes::load(b + lane);
                (x + y).store(a + lane);
                ((x - y) * root).store(b + lane);
            }
        }
}

// Two stages of radix 2 at once.
BLINDBOOK_INLINE void radix4_stage(u32* panel, usize points, usize length, const u32* roots) {
    const usize quarter = length / 4;
    const usize stride = points / length;
    const Lanes imaginary = Lanes::broadcast(Fp{roots[points / 4]});
    for (usize start = 0; start < points; start += length)
        for (usize j = 0; j < quarter; ++j) {
            u32* rows[4];
            for (usize i = 0; i < 4; ++i) rows[i] = panel + (start + j + i * quarter) * BLOCK;
            const Lanes root1 = Lanes::broadcast(Fp{roots[j * stride]});
            const Lanes root2 = Lanes::broadcast(Fp{roots[2 * j * stride]});
            const Lanes root3 = Lanes::broadcast(Fp{roots[3 * j * stride]});
            for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width)) {
                const Lanes a0 = Lanes::load(rows[0] + lane);
                const Lanes a1 = Lanes::load(rows[1] + lane);
                const Lanes a2 = Lanes::load(rows[2] + lane);
                const Lanes a3 = Lanes::load(rows[3] + lane);
                const Lanes even_sum = a0 + a2;
                const Lanes odd_sum = a1 + a3;
                const Lanes even_difference = a0 - a2;
                const Lanes odd_difference = (a1 - a3) * imaginary;
                (even_sum + odd_sum).store(rows[0] + lane);
                ((even_sum - odd_sum) * root2).store(rows[1] + lane);
                ((even_difference + odd_difference) * root1).store(rows[2] + lane);
                ((even_difference - odd_difference) * root3).store(rows[3] + lane);
            }
        }
}

// Transforms the columns of a panel; row i of the result is frequency reversed_bits(i). roots: [points], w^j.
BLINDBOOK_NOINLINE inline void transform_panel(u32* panel, int log_points, const u32* roots) {
    const usize points = usize{1} << log_points;
    usize length = points;
    for (; length >= 4; length /= 4) radix4_stage(panel, points, length, roots);
    if (length == 2) radix2_stage(panel, points, 2, roots);
}

// Step 1: for each 16 neighbouring n2 transforms along n1, multiplies by shift^n2 w^(n2 k1) and writes tiles
// scratch[k1 / 16][n2][k1 mod 16].
BLINDBOOK_INLINE void transform_first_half(const u32* coefficients, u32* scratch, const NttPlan& plan, Fp shift) {
    const usize rows = usize{1} << plan.log_first;
    const usize columns = usize{1} << plan.log_second;
    const Fp row_shift = power(shift, columns);
    const Fp root = root_of_unity(plan.log_first + plan.log_second);
    alignas(64) u32 tile[BLOCK * BLOCK];
    alignas(64) u32 twiddles[BLOCK * BLOCK];  // [k1 mod 16][n2 mod 16]
    alignas(64) u32 steps[BLOCK];             // w^(16 n2)
    u32* panel = scratch + (rows << plan.log_second);
    for (usize first = 0; first < columns; first += BLOCK) {
        Fp scale = Fp::one();
        for (usize row = 0; row < rows; ++row) {
            const Lanes factor = Lanes::broadcast(scale);
            const u32* from = coefficients + row * columns + first;
            prefetch(from + BLOCK);  // rows are pages apart: no hardware prefetch sees the next panel
            for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width))
                (Lanes::load(from + lane) * factor).store(panel + row * BLOCK + lane);
            scale = scale * row_shift;
        }
        transform_panel(panel, plan.log_first, plan.first_roots);
        for (usize lane = 0; lane < BLOCK; ++lane) {
            const Fp step = power(root, first + lane);
            Fp twiddle = power(shift, first + lane);
            for (usize i = 0; i < BLOCK; ++i) {
                twiddles[i * BLOCK + lane] = twiddle.v;
                twiddle = twiddle * step;
            }
            steps[lane] = power(step, BLOCK).v;
        }
        for (usize group = 0; group < rows; group += BLOCK) {
            for (usize i = 0; i < BLOCK; ++i) {
                const u32* from = panel + plan.first_order[group + i] * BLOCK;
                u32* twiddle = twiddles + i * BLOCK;
                for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width)) {
                    const Lanes factor = Lanes::load(twiddle + lane);
                    (Lanes::load(from + lane) * factor).store(tile + i * BLOCK + lane);
                    (factor * Lanes::load(steps + lane)).store(twiddle + lane);
                }
            }
            transpose_tile(tile, scratch + (group * columns) + first * BLOCK);
        }
    }
}

// Step 2: transforms along n2 in each panel of 16 neighbouring k1 and writes values[k1 + N1 * k2].
BLINDBOOK_INLINE void transform_second_half(u32* scratch, u32* values, const NttPlan& plan) {
    const usize rows = usize{1} << plan.log_first;
    const usize columns = usize{1} << plan.log_second;
    for (usize group = 0; group < rows; group += BLOCK) {
        u32* panel = scratch + group * columns;
        transform_panel(panel, plan.log_second, plan.second_roots);
        for (usize k = 0; k < columns; ++k) {
            const u32* from = panel + plan.second_order[k] * BLOCK;
            u32* to = values + k * rows + group;
            for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width))
                Lanes::load(from + lane).store(to + lane);
        }
    }
}

// For fewer than 2^8 points.
inline void transform_small(const u32* coefficients, u32* values, int log_size, Fp shift) {
    const usize size = usize{1} << log_size;
    Fp scale = Fp::one();
    for (usize i = 0; i < size; ++i) {
        values[reversed_bits(i, log_size)] = (Fp{coefficients[i]} * scale).v;
        scale = scale * shift;
    }
    for (int level = 1; level <= log_size; ++level) {
        const Fp step = root_of_unity(level);
        const usize half = usize{1} << (level - 1);
        for (usize start = 0; start < size; start += 2 * half) {
            Fp root = Fp::one();
            for (usize j = 0; j < half; ++j) {
                const Fp a{values[start + j]};
                const Fp b = Fp{values[start + j + half]} * root;
                values[start + j] = (a + b).v;
                values[start + j + half] = (a - b).v;
                root = root * step;
            }
        }
    }
}

// coefficients, values: [2^log_size]; scratch: [2^log_size + 16 * 2^log_first].
inline void transform(const u32* coefficients, u32* values, u32* scratch, const NttPlan& plan, u32 shift) {
    const int log_size = plan.log_first + plan.log_second;
    if (log_size < 8) {
        transform_small(coefficients, values, log_size, Fp{shift});
        return;
    }
    transform_first_half(coefficients, scratch, plan, Fp{shift});
    transform_second_half(scratch, values, plan);
}

}  // namespace blindbook::BLINDBOOK_ISA
