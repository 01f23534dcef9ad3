// The tree of fractions over the LogUp leaves and the rounds of its layers (section 7, steps 4 to 6).
//
// A layer of 2^j fractions (p, q) is proven through its halves p0, p1, q0, q1 (tables over j - 1 variables):
//   sum over y of eq(point, y) (p0 q1 + q0 (p1 + c q1)).
// Beyond the first round the tables hold s1 = p1 + c q1 in place of p1: it folds like the others, and a round then
// needs two products per point. In a round each table is seen as halves in the bound variable; with the lower half h0
// and difference h' the message is d = h(1) - h(0) and e = the product of the differences.
//
// Kernels work on one chunk of blocks; eq weights inside the chunk are given, those across chunks are applied by the
// caller.
#pragma once

#include "extension.cuh"
#include "table.cuh"

namespace blindbook::BLINDBOOK_ISA {

inline constexpr usize LANE_STEP = static_cast<usize>(Lanes::width);

BLINDBOOK_INLINE Ext<Lanes> load_block(const u32* from) { return Ext<Lanes>::load(from, BLOCK); }

// parent = (p0 q1 + p1 q0, q0 q1), extension p.
inline void fraction_parents(const u32* p0, const u32* q0, const u32* p1, const u32* q1, u32* p, u32* q, usize blocks) {
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const Factor<Lanes> right(load_block(q1 + at));
            const Factor<Lanes> right_p(load_block(p1 + at));
            const SplitExt<Lanes> left(load_block(q0 + at));
            product_sum(SplitExt<Lanes>(load_block(p0 + at)), right, left, right_p).store(p + at, BLOCK);
            (left * right).store(q + at, BLOCK);
        }
}

// The same over leaves, whose p are base values.
inline void leaf_parents(const u32* p0, const u32* q0, const u32* p1, const u32* q1, u32* p, u32* q, usize blocks) {
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const Ext<Lanes> right = load_block(q1 + at);
            const SplitExt<Lanes> left(load_block(q0 + at));
            mixed_product_sum(Lanes::split(Lanes::load(p0 + block * BLOCK + lane)), SplitExt<Lanes>(right),
                              Lanes::split(Lanes::load(p1 + block * BLOCK + lane)), left)
                .store(p + at, BLOCK);
            (left * Factor<Lanes>(right)).store(q + at, BLOCK);
        }
}

// Weighted sums of (d, e) over a chunk.
struct RoundSums {
    Ext<Lanes> d = Ext<Lanes>::zero();
    Ext<Lanes> e = Ext<Lanes>::zero();

    // Adds eq * (d, e) for the tables at 0, at 1: h = p0 q1 + q0 s1.
    BLINDBOOK_INLINE void add(const Ext<Lanes>* p0, const Ext<Lanes>* q0, const Ext<Lanes>* s1, const Ext<Lanes>* q1,
                              const Factor<Lanes>& eq) {
        const auto h = [](const Ext<Lanes>& p0_, const Ext<Lanes>& q0_, const Ext<Lanes>& s1_, const Ext<Lanes>& q1_) {
            return product_sum(SplitExt<Lanes>(p0_), Factor<Lanes>(q1_), SplitExt<Lanes>(q0_), Factor<Lanes>(s1_));
        };
        const Ext<Lanes> at0 = h(p0[0], q0[0], s1[0], q1[0]);
        const Ext<Lanes> at1 = h(p0[1], q0[1], s1[1], q1[1]);
        d = d + (at1 - at0) * eq;
        e = e + h(p0[1] - p0[0], q0[1] - q0[0], s1[1] - s1[0], q1[1] - q1[0]) * eq;
    }
    BLINDBOOK_INLINE void store(u32* sums) const {
        sum_lanes(d).store(sums, 1);
        sum_lanes(e).store(sums + 5, 1);
    }
};

// First round of an inner layer. tables: p0, q0, p1, q1, each its two halves; p1 is replaced by s1 = p1 + c q1.
inline void layer_first_round(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination,
                              u32* sums) {
    const auto c = Factor<Lanes>::constant(Element::load(combination, 1));
    RoundSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            Ext<Lanes> t[4][2];
            for (int side = 0; side < 2; ++side) {
                for (int i = 0; i < 4; ++i) t[i][side] = load_block(tables.at[i][side] + at);
                t[2][side] = t[2][side] + t[3][side] * c;
                t[2][side].store(tables.at[2][side] + at, BLOCK);
            }
            total.add(t[0], t[1], t[2], t[3], Factor<Lanes>(load_block(eq + at)));
        }
    total.store(sums);
}

// First round of the leaf layer: tables.at[0] and [2] are base values and nothing is stored.
inline void leaf_first_round(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination,
                             u32* sums) {
    const auto c = Factor<Lanes>::constant(Element::load(combination, 1));
    RoundSums total;
    const auto h = [](Lanes p0, const Ext<Lanes>& q0, const Ext<Lanes>& s1, const Ext<Lanes>& q1) {
        return mixed_product(Lanes::split(p0), SplitExt<Lanes>(q1)) + q0 * Factor<Lanes>(s1);
    };
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            Lanes p0[2], p1[2];
            Ext<Lanes> q0[2], q1[2], s1[2];
            for (int side = 0; side < 2; ++side) {
                p0[side] = Lanes::load(tables.at[0][side] + block * BLOCK + lane);
                p1[side] = Lanes::load(tables.at[2][side] + block * BLOCK + lane);
                q0[side] = load_block(tables.at[1][side] + at);
                q1[side] = load_block(tables.at[3][side] + at);
                s1[side] = q1[side] * c;
                s1[side].c[0] = s1[side].c[0] + p1[side];
            }
            const Factor<Lanes> weight(load_block(eq + at));
            const Ext<Lanes> at0 = h(p0[0], q0[0], s1[0], q1[0]);
            const Ext<Lanes> at1 = h(p0[1], q0[1], s1[1], q1[1]);
            total.d = total.d + (at1 - at0) * weight;
            total.e = total.e + h(p0[1] - p0[0], q0[1] - q0[0], s1[1] - s1[0], q1[1] - q1[0]) * weight;
        }
    total.store(sums);
}

BLINDBOOK_INLINE Ext<Lanes> fold_extension(const u32* low, const u32* high, const Factor<Lanes>& challenge) {
    const Ext<Lanes> a = load_block(low);
    return a + (load_block(high) - a) * challenge;
}

BLINDBOOK_INLINE Ext<Lanes> fold_base(const u32* low, const u32* high, const SplitExt<Lanes>& challenge) {
    const Lanes a = Lanes::load(low);
    Ext<Lanes> result = mixed_product(Lanes::split(Lanes::load(high) - a), challenge);
    result.c[0] = result.c[0] + a;
    return result;
}

// Binds a variable and makes the next round's sums in one pass. tables.at[i][k]: quarter k of table i (bit 1 of k
// belongs to the bound variable). The folded halves go to tables.to[i][0..2).
inline void layer_next_round(const FoldTables& tables, usize blocks, const u32* challenge, const u32* eq, u32* sums) {
    const auto r = Factor<Lanes>::constant(Element::load(challenge, 1));
    RoundSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            Ext<Lanes> t[4][2];
            for (int i = 0; i < 4; ++i)
                for (int side = 0; side < 2; ++side) {
                    t[i][side] = fold_extension(tables.at[i][side] + at, tables.at[i][2 + side] + at, r);
                    t[i][side].store(tables.to[i][side] + at, BLOCK);
                }
            total.add(t[0], t[1], t[2], t[3], Factor<Lanes>(load_block(eq + at)));
        }
    total.store(sums);
}

// The same from the leaf layer: p0 and p1 are base values, and s1 = p1 + c q1 is formed after the fold.
inline void leaf_next_round(const FoldTables& tables, usize blocks, const u32* challenge, const u32* eq,
                            const u32* combination, u32* sums) {
    const Element challenge_value = Element::load(challenge, 1);
    const auto r = Factor<Lanes>::constant(challenge_value);
    const SplitExt<Lanes> r_split(Ext<Lanes>::broadcast(challenge_value));
    const auto c = Factor<Lanes>::constant(Element::load(combination, 1));
    RoundSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const usize base = block * BLOCK + lane;
            Ext<Lanes> t[4][2];
            for (int side = 0; side < 2; ++side) {
                t[0][side] = fold_base(tables.at[0][side] + base, tables.at[0][2 + side] + base, r_split);
                t[1][side] = fold_extension(tables.at[1][side] + at, tables.at[1][2 + side] + at, r);
                t[3][side] = fold_extension(tables.at[3][side] + at, tables.at[3][2 + side] + at, r);
                t[2][side] =
                    fold_base(tables.at[2][side] + base, tables.at[2][2 + side] + base, r_split) + t[3][side] * c;
                for (int i = 0; i < 4; ++i) t[i][side].store(tables.to[i][side] + at, BLOCK);
            }
            total.add(t[0], t[1], t[2], t[3], Factor<Lanes>(load_block(eq + at)));
        }
    total.store(sums);
}

}  // namespace blindbook::BLINDBOOK_ISA
