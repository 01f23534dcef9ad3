// Sums of base values against extension tables: univariate evaluation and evaluation of rows at base points.
#pragma once

#include "extension.cuh"

namespace blindbook::BLINDBOOK_ISA {

// For each run of `length` values (a multiple of 16): sums[run][table][5] = sum_t values[t] tables[table][t].
// tables: [count][5][length].
inline void weighted_runs(const u32* values, usize runs, usize length, const u32* tables, usize count, u32* sums) {
    constexpr usize width = static_cast<usize>(Lanes::width);
    for (usize run = 0; run < runs; ++run)
        for (usize table = 0; table < count; ++table) {
            const u32* weights = tables + table * 5 * length;
            const u32* from = values + run * length;
            MixedSum<Lanes> sum;
            usize t = 0;
            for (; t + 2 * width <= length; t += 2 * width) {
                for (usize i = 0; i < 2; ++i) {
                    const auto value = Lanes::split(Lanes::load(from + t + i * width));
                    Lanes::Split weight[5];
                    for (usize k = 0; k < 5; ++k)
                        weight[k] = Lanes::split(Lanes::load(weights + k * length + t + i * width));
                    sum.add(weight, value);
                }
                sum.shrink();
            }
            for (; t < length; t += width) {
                const auto value = Lanes::split(Lanes::load(from + t));
                Lanes::Split weight[5];
                for (usize k = 0; k < 5; ++k) weight[k] = Lanes::split(Lanes::load(weights + k * length + t));
                sum.add(weight, value);
                sum.shrink();
            }
            sum_lanes(sum.value()).store(sums + (run * count + table) * 5, 1);
        }
}

// sums[point] += sum_t values[t] powers[point][t] for base powers; length a multiple of 16 (of 32 except at the end).
inline void base_dots(const u32* values, usize length, const u32* powers, usize points, usize stride, u32* sums) {
    constexpr usize width = static_cast<usize>(Lanes::width);
    for (usize point = 0; point < points; ++point) {
        const u32* weights = powers + point * stride;
        auto sum = Lanes::multiply(Lanes::split(Lanes::zero()), Lanes::split(Lanes::zero()));
        for (usize t = 0; t < length; t += width) {
            const auto product =
                Lanes::multiply(Lanes::split(Lanes::load(values + t)), Lanes::split(Lanes::load(weights + t)));
            sum = Lanes::shrink(Lanes::add(sum, product));
        }
        sums[point] = (Fp{sums[point]} + sum_lanes(Lanes::reduce(sum))).v;
    }
}

}  // namespace blindbook::BLINDBOOK_ISA
