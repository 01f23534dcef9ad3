// Sumcheck over f * w with folding (section 9.3), on planes: extension arrays here are [5][stride].
#pragma once

#include "fraction.cuh"

namespace blindbook::BLINDBOOK_ISA {

// folded[t] = sum_j weights[j] columns[j][t] for t < rows (a multiple of 16): base columns, extension weights.
inline void combine_columns(const u32* const* columns, const u32* weights, usize count, usize rows, u32* folded,
                            usize stride) {
    for (usize t = 0; t < rows; t += LANE_STEP) {
        MixedSum<Lanes> sum;
        for (usize j = 0; j < count; ++j) {
            Lanes::Split weight[5];
            for (usize k = 0; k < 5; ++k) weight[k] = Lanes::split_constant(Fp{weights[5 * j + k]});
            sum.add(weight, Lanes::split(Lanes::load(columns[j] + t)));
            if (j % 2 == 1) sum.shrink();
        }
        sum.shrink();
        sum.value().store(folded + t, stride);
    }
}

// to[t] += sum_k coefficients[k] tables[k][t] for t < length; tables: [count][5][length].
inline void add_tables(const u32* tables, const u32* coefficients, usize count, usize length, u32* to, usize stride) {
    for (usize k = 0; k < count; ++k) {
        const auto factor = Factor<Lanes>::constant(Element::load(coefficients + 5 * k, 1));
        for (usize t = 0; t < length; t += LANE_STEP)
            (Ext<Lanes>::load(to + t, stride) + Ext<Lanes>::load(tables + k * 5 * length + t, length) * factor)
                .store(to + t, stride);
    }
}

// to[t] += sum_s coefficients[s] points[s]^(first + t) for base points and t < rows. powers: scratch of [terms][16];
// steps: [terms], points[s]^16.
inline void add_base_powers(const u32* coefficients, const u32* points, usize terms, usize first, usize rows, u32* to,
                            usize stride, u32* powers, u32* steps) {
    for (usize s = 0; s < terms; ++s) {
        Fp power_of = power(Fp{points[s]}, first);
        steps[s] = power(Fp{points[s]}, BLOCK).v;
        for (usize lane = 0; lane < BLOCK; ++lane) {
            powers[s * BLOCK + lane] = power_of.v;
            power_of = power_of * Fp{points[s]};
        }
    }
    for (usize t = 0; t < rows; t += BLOCK)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            MixedSum<Lanes> sum;
            for (usize s = 0; s < terms; ++s) {
                const Lanes value = Lanes::load(powers + s * BLOCK + lane);
                Lanes::Split coefficient[5];
                for (usize k = 0; k < 5; ++k) coefficient[k] = Lanes::split_constant(Fp{coefficients[5 * s + k]});
                sum.add(coefficient, Lanes::split(value));
                if (s % 2 == 1) sum.shrink();
                (value * Lanes::broadcast(Fp{steps[s]})).store(powers + s * BLOCK + lane);
            }
            sum.shrink();
            (Ext<Lanes>::load(to + t + lane, stride) + sum.value()).store(to + t + lane, stride);
        }
}

struct WeightedSums {
    Ext<Lanes> c0 = Ext<Lanes>::zero(), c2 = Ext<Lanes>::zero();
    BLINDBOOK_INLINE void add(const Ext<Lanes>* f, const Ext<Lanes>* w) {
        c0 = c0 + f[0] * w[0];
        c2 = c2 + (f[1] - f[0]) * (w[1] - w[0]);
    }
    BLINDBOOK_INLINE void store(u32* sums) const {
        sum_lanes(c0).store(sums, 1);
        sum_lanes(c2).store(sums + 5, 1);
    }
};

// Sums of a round over rows [begin, end) of the lower half.
inline void weighted_round(const u32* f, const u32* w, usize stride, usize half, usize begin, usize end, u32* sums) {
    WeightedSums total;
    for (usize t = begin; t < end; t += LANE_STEP) {
        const Ext<Lanes> fs[2] = {Ext<Lanes>::load(f + t, stride), Ext<Lanes>::load(f + half + t, stride)};
        const Ext<Lanes> ws[2] = {Ext<Lanes>::load(w + t, stride), Ext<Lanes>::load(w + half + t, stride)};
        total.add(fs, ws);
    }
    total.store(sums);
}

// Binds a variable in place, then sums the next round; size 4 * quarter before the fold.
inline void weighted_next_round(u32* f, u32* w, usize stride, usize quarter, usize begin, usize end,
                                const u32* challenge, u32* sums) {
    const auto r = Factor<Lanes>::constant(Element::load(challenge, 1));
    WeightedSums total;
    for (usize t = begin; t < end; t += LANE_STEP) {
        Ext<Lanes> values[2][2];
        u32* arrays[2] = {f, w};
        for (int i = 0; i < 2; ++i)
            for (usize side = 0; side < 2; ++side) {
                u32* at = arrays[i] + t + side * quarter;
                const Ext<Lanes> low = Ext<Lanes>::load(at, stride);
                values[i][side] = low + (Ext<Lanes>::load(at + 2 * quarter, stride) - low) * r;
                values[i][side].store(at, stride);
            }
        total.add(values[0], values[1]);
    }
    total.store(sums);
}

// Binds a variable in place.
inline void planes_fold(u32* values, usize stride, usize half, usize begin, usize end, const u32* challenge) {
    const auto r = Factor<Lanes>::constant(Element::load(challenge, 1));
    for (usize t = begin; t < end; t += LANE_STEP) {
        const Ext<Lanes> low = Ext<Lanes>::load(values + t, stride);
        (low + (Ext<Lanes>::load(values + half + t, stride) - low) * r).store(values + t, stride);
    }
}

}  // namespace blindbook::BLINDBOOK_ISA
