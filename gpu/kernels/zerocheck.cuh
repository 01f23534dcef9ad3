// Rounds of the batched zerocheck (section 8) for one chip: G = sum of weighted constraints + an affine form of the
// columns.
//
// With the columns at x = 0, 1, 2, 3 of the bound variable (low + x * difference) a round needs, weighted by eq over
// the rows,
//   d = G(1) - G(0), second = G(2) - 2 G(1) + G(0), third = G(3) - 3 G(2) + 3 G(1) - G(0).
// The affine form, which stands for all interactions, adds to d only. On base columns its difference is summed column
// by column; afterwards its values are one more extension column ("affine column") that folds like the others.
#pragma once

#include "fraction.cuh"

namespace blindbook::BLINDBOOK_ISA {

struct ZerocheckSums {
    Ext<Lanes> d = Ext<Lanes>::zero(), second = Ext<Lanes>::zero(), third = Ext<Lanes>::zero();

    // g: values of the constraints at 0..3, blocks [4][5][16].
    BLINDBOOK_INLINE void add(const u32* g, usize lane, const Ext<Lanes>& affine_difference, const Factor<Lanes>& eq) {
        Ext<Lanes> at[4];
        for (usize x = 0; x < 4; ++x) at[x] = load_block(g + x * EXT_BLOCK + lane);
        const Ext<Lanes> first01 = at[1] - at[0];
        const Ext<Lanes> first12 = at[2] - at[1];
        const Ext<Lanes> first23 = at[3] - at[2];
        const Ext<Lanes> second012 = first12 - first01;
        d = d + (first01 + affine_difference) * eq;
        second = second + second012 * eq;
        third = third + ((first23 - first12) - second012) * eq;
    }
    BLINDBOOK_INLINE void add_affine(const Ext<Lanes>& affine_difference, const Factor<Lanes>& eq) {
        d = d + affine_difference * eq;
    }
    BLINDBOOK_INLINE void store(u32* sums) const {
        sum_lanes(d).store(sums, 1);
        sum_lanes(second).store(sums + 5, 1);
        sum_lanes(third).store(sums + 10, 1);
    }
};

// sum of factors[c] * values[c] over columns, values at [column][16] + lane.
BLINDBOOK_INLINE Ext<Lanes> affine_sum(const u32* factors, const u32* values, usize columns) {
    MixedSum<Lanes> sum;
    for (usize c = 0; c < columns; ++c) {
        Lanes::Split factor[5];
        for (usize k = 0; k < 5; ++k) factor[k] = Lanes::split_constant(Fp{factors[5 * c + k]});
        sum.add(factor, Lanes::split(Lanes::load(values + c * BLOCK)));
        if (c % 2 == 1) sum.shrink();
    }
    sum.shrink();
    return sum.value();
}

// scratch: [2][columns][16] and [4][5][16].
inline void zerocheck_base_round(const ZerocheckChunk& chunk, u32* scratch, u32* sums) {
    u32* current = scratch;
    u32* difference = scratch + chunk.column_count * BLOCK;
    u32* g = difference + chunk.column_count * BLOCK;
    ZerocheckSums total;
    for (usize block = 0; block < chunk.blocks; ++block) {
        const usize row = chunk.row + block * BLOCK;
        for (usize c = 0; c < chunk.column_count; ++c)
            for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
                const Lanes low = Lanes::load(chunk.columns[c] + row + lane);
                low.store(current + c * BLOCK + lane);
                (Lanes::load(chunk.columns[c] + chunk.half + row + lane) - low).store(difference + c * BLOCK + lane);
            }
        if (chunk.constraints != nullptr)
            for (usize x = 0; x < 4; ++x) {
                if (x > 0)
                    for (usize i = 0; i < chunk.column_count * BLOCK; i += LANE_STEP)
                        (Lanes::load(current + i) + Lanes::load(difference + i)).store(current + i);
                chunk.constraints(current, chunk.weights, g + x * EXT_BLOCK);
            }
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const Factor<Lanes> eq(load_block(chunk.eq + block * EXT_BLOCK + lane));
            const Ext<Lanes> affine = affine_sum(chunk.affine, difference + lane, chunk.column_count);
            if (chunk.constraints != nullptr)
                total.add(g, lane, affine, eq);
            else
                total.add_affine(affine, eq);
        }
    }
    total.store(sums);
}

// scratch: [2][columns][5][16] and [4][5][16].
inline void zerocheck_extension_round(const ZerocheckChunk& chunk, u32* scratch, u32* sums) {
    u32* current = scratch;
    u32* difference = scratch + chunk.column_count * EXT_BLOCK;
    u32* g = difference + chunk.column_count * EXT_BLOCK;
    ZerocheckSums total;
    for (usize block = 0; block < chunk.blocks; ++block) {
        const usize low_at = (chunk.row + block * BLOCK) * 5;
        const usize high_at = low_at + chunk.half * 5;
        if (chunk.constraints != nullptr) {
            for (usize c = 0; c < chunk.column_count; ++c)
                for (usize i = 0; i < EXT_BLOCK; i += LANE_STEP) {
                    const Lanes low = Lanes::load(chunk.columns[c] + low_at + i);
                    low.store(current + c * EXT_BLOCK + i);
                    (Lanes::load(chunk.columns[c] + high_at + i) - low).store(difference + c * EXT_BLOCK + i);
                }
            for (usize x = 0; x < 4; ++x) {
                if (x > 0)
                    for (usize i = 0; i < chunk.column_count * EXT_BLOCK; i += LANE_STEP)
                        (Lanes::load(current + i) + Lanes::load(difference + i)).store(current + i);
                chunk.constraints(current, chunk.weights, g + x * EXT_BLOCK);
            }
        }
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const Factor<Lanes> eq(load_block(chunk.eq + block * EXT_BLOCK + lane));
            const Ext<Lanes> affine =
                load_block(chunk.affine + high_at + lane) - load_block(chunk.affine + low_at + lane);
            if (chunk.constraints != nullptr)
                total.add(g, lane, affine, eq);
            else
                total.add_affine(affine, eq);
        }
    }
    total.store(sums);
}

// Binds the first variable: base columns to blocked extension columns `to`, and the affine column. scratch:
// [2][columns][16].
inline void zerocheck_base_fold(const ZerocheckChunk& chunk, const u32* challenge, u32* const* to, u32* affine_to,
                                u32* scratch) {
    const Element challenge_value = Element::load(challenge, 1);
    const SplitExt<Lanes> r(Ext<Lanes>::broadcast(challenge_value));
    const auto factor = Factor<Lanes>::constant(challenge_value);
    u32* lows = scratch;
    u32* differences = scratch + chunk.column_count * BLOCK;
    for (usize block = 0; block < chunk.blocks; ++block) {
        const usize row = chunk.row + block * BLOCK;
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            for (usize c = 0; c < chunk.column_count; ++c) {
                const Lanes low = Lanes::load(chunk.columns[c] + row + lane);
                const Lanes difference = Lanes::load(chunk.columns[c] + chunk.half + row + lane) - low;
                low.store(lows + c * BLOCK + lane);
                difference.store(differences + c * BLOCK + lane);
                Ext<Lanes> value = mixed_product(Lanes::split(difference), r);
                value.c[0] = value.c[0] + low;
                value.store(to[c] + row * 5 + lane, BLOCK);
            }
            const Ext<Lanes> low = affine_sum(chunk.affine, lows + lane, chunk.column_count);
            const Ext<Lanes> difference = affine_sum(chunk.affine, differences + lane, chunk.column_count);
            (low + difference * factor).store(affine_to + row * 5 + lane, BLOCK);
        }
    }
}

// Binds a variable of a blocked column in place.
inline void extension_fold(u32* low, const u32* high, usize blocks, const u32* challenge) {
    const auto r = Factor<Lanes>::constant(Element::load(challenge, 1));
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            fold_extension(low + at, high + at, r).store(low + at, BLOCK);
        }
}

}  // namespace blindbook::BLINDBOOK_ISA
