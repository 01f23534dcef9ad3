// The tree of fractions over the LogUp leaves and the rounds of its layers (section 7, steps 4 to 6).
//
// A layer of 2^j fractions (p, q) is proven through its halves p0, p1, q0, q1 (tables over j - 1 variables):
//   sum over y of eq(point, y) (p0 q1 + q0 (p1 + c q1)).
// Beyond the first round the tables hold s1 = p1 + c q1 in place of p1: it folds like the others, and a round then
// needs two products per point. In a round each table is seen as halves in the bound variable; a round wants h at 0 and
// the coefficient e of X^2, which is h of the differences. h at 1 follows from them and the claim; it is summed only in
// a first round without a claim.
//
// Unused leaves are (0, 1). Where p1 = 0 and q1 = 1 the summand is p0 + c q0, which is linear: e = 0, and only p0 and
// q0 are folded ("pad" kernels).
//
// Kernels work on one chunk of blocks; eq weights inside the chunk are given, those across chunks are applied by the
// caller.
#pragma once

#include "extension.cuh"
#include "table.cuh"

namespace blindbook::BLINDBOOK_ISA {

inline constexpr usize LANE_STEP = static_cast<usize>(Lanes::width);

BLINDBOOK_INLINE Ext<Lanes> load_block(const u32* from) { return Ext<Lanes>::load(from, BLOCK); }

// A base value as an element of the extension.
BLINDBOOK_INLINE Ext<Lanes> embed(Lanes a) {
    Ext<Lanes> result = Ext<Lanes>::zero();
    result.c[0] = a;
    return result;
}

// p values of either kind: extension blocks [5][16], or base values [16] where the bit of `base` is set.
BLINDBOOK_INLINE Ext<Lanes> load_numerator(const u32* from, bool base, usize block, usize lane) {
    return base ? embed(Lanes::load(from + block * BLOCK + lane)) : load_block(from + block * EXT_BLOCK + lane);
}

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

// The same where some p are base values: bit 0 of `base` for p0, bit 1 for p1.
inline void mixed_parents(const u32* p0, const u32* q0, const u32* p1, const u32* q1, unsigned base, u32* p, u32* q,
                          usize blocks) {
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const Factor<Lanes> right(load_block(q1 + at));
            const Factor<Lanes> right_p(load_numerator(p1, (base & 2U) != 0, block, lane));
            const SplitExt<Lanes> left(load_block(q0 + at));
            const SplitExt<Lanes> left_p(load_numerator(p0, (base & 1U) != 0, block, lane));
            product_sum(left_p, right, left, right_p).store(p + at, BLOCK);
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

// Sums of h at 0, of e, and of h at 1 where wanted, over a chunk: sums[3][5].
struct RoundSums {
    Ext<Lanes> at0 = Ext<Lanes>::zero();
    Ext<Lanes> e = Ext<Lanes>::zero();
    Ext<Lanes> at1 = Ext<Lanes>::zero();

    static BLINDBOOK_INLINE Ext<Lanes> summand(const Ext<Lanes>& p0, const Ext<Lanes>& q0, const Ext<Lanes>& s1,
                                               const Ext<Lanes>& q1) {
        return product_sum(SplitExt<Lanes>(p0), Factor<Lanes>(q1), SplitExt<Lanes>(q0), Factor<Lanes>(s1));
    }
    static BLINDBOOK_INLINE Ext<Lanes> summand(Lanes p0, const Ext<Lanes>& q0, const Ext<Lanes>& s1,
                                               const Ext<Lanes>& q1) {
        return mixed_product(Lanes::split(p0), SplitExt<Lanes>(q1)) + q0 * Factor<Lanes>(s1);
    }
    // Adds eq * (h at 0, e) for tables given at 0 and at 1: h = p0 q1 + q0 s1.
    template <class P>
    BLINDBOOK_INLINE void add(const P* p0, const Ext<Lanes>* q0, const Ext<Lanes>* s1, const Ext<Lanes>* q1,
                              const Factor<Lanes>& eq) {
        at0 = at0 + summand(p0[0], q0[0], s1[0], q1[0]) * eq;
        e = e + summand(p0[1] - p0[0], q0[1] - q0[0], s1[1] - s1[0], q1[1] - q1[0]) * eq;
    }
    template <class P>
    BLINDBOOK_INLINE void add_upper(const P* p0, const Ext<Lanes>* q0, const Ext<Lanes>* s1, const Ext<Lanes>* q1,
                                    const Factor<Lanes>& eq) {
        at1 = at1 + summand(p0[1], q0[1], s1[1], q1[1]) * eq;
    }
    BLINDBOOK_INLINE void store(u32* sums) const {
        sum_lanes(at0).store(sums, 1);
        sum_lanes(e).store(sums + 5, 1);
        sum_lanes(at1).store(sums + 10, 1);
    }
};

// First round of an inner layer. tables: p0, q0, p1, q1, each its two halves; p1 is replaced by s1 = p1 + c q1.
inline void layer_first_round(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination, bool both,
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
            const Factor<Lanes> weight(load_block(eq + at));
            total.add(t[0], t[1], t[2], t[3], weight);
            if (both) total.add_upper(t[0], t[1], t[2], t[3], weight);
        }
    total.store(sums);
}

// First round where p are base values; nothing is stored.
inline void leaf_first_round(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination, bool both,
                             u32* sums) {
    const auto c = Factor<Lanes>::constant(Element::load(combination, 1));
    RoundSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            Lanes p0[2];
            Ext<Lanes> q0[2], q1[2], s1[2];
            for (int side = 0; side < 2; ++side) {
                p0[side] = Lanes::load(tables.at[0][side] + block * BLOCK + lane);
                q0[side] = load_block(tables.at[1][side] + at);
                q1[side] = load_block(tables.at[3][side] + at);
                s1[side] = q1[side] * c;
                s1[side].c[0] = s1[side].c[0] + Lanes::load(tables.at[2][side] + block * BLOCK + lane);
            }
            const Factor<Lanes> weight(load_block(eq + at));
            total.add(p0, q0, s1, q1, weight);
            if (both) total.add_upper(p0, q0, s1, q1, weight);
        }
    total.store(sums);
}

// First round where p are of either kind: bit 2 i + side of `base` for tables.at[2 i][side], i = 0 (p0) or 1 (p1).
// Nothing is stored.
inline void mixed_first_round(const LayerTables& tables, unsigned base, usize blocks, const u32* eq,
                              const u32* combination, bool both, u32* sums) {
    const auto c = Factor<Lanes>::constant(Element::load(combination, 1));
    RoundSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            Ext<Lanes> p0[2], q0[2], q1[2], s1[2];
            for (unsigned side = 0; side < 2; ++side) {
                p0[side] = load_numerator(tables.at[0][side], (base >> side & 1U) != 0, block, lane);
                q0[side] = load_block(tables.at[1][side] + at);
                q1[side] = load_block(tables.at[3][side] + at);
                s1[side] =
                    load_numerator(tables.at[2][side], (base >> (2 + side) & 1U) != 0, block, lane) + q1[side] * c;
            }
            const Factor<Lanes> weight(load_block(eq + at));
            total.add(p0, q0, s1, q1, weight);
            if (both) total.add_upper(p0, q0, s1, q1, weight);
        }
    total.store(sums);
}

// Weighted sums of p0 and q0 where p1 = 0 and q1 = 1. The factor c is applied once.
struct PadSums {
    Ext<Lanes> p = Ext<Lanes>::zero();
    Ext<Lanes> q = Ext<Lanes>::zero();

    BLINDBOOK_INLINE void add(Lanes p0, const Ext<Lanes>& q0, const Ext<Lanes>& eq) {
        p = p + mixed_product(Lanes::split(p0), SplitExt<Lanes>(eq));
        q = q + q0 * Factor<Lanes>(eq);
    }
    BLINDBOOK_INLINE void add(const Ext<Lanes>& p0, const Ext<Lanes>& q0, const Ext<Lanes>& eq) {
        const Factor<Lanes> weight(eq);
        p = p + p0 * weight;
        q = q + q0 * weight;
    }
    BLINDBOOK_INLINE Element value(const Element& c) const { return sum_lanes(p) + sum_lanes(q) * c; }
};

inline void store_pad_sums(const PadSums& at0, const PadSums& at1, const u32* combination, u32* sums) {
    const Element c = Element::load(combination, 1);
    at0.value(c).store(sums, 1);
    Element::zero().store(sums + 5, 1);
    at1.value(c).store(sums + 10, 1);
}

// First round over leaves whose partners are unused.
inline void pad_first_round(const LayerTables& tables, usize blocks, const u32* eq, const u32* combination, bool both,
                            u32* sums) {
    PadSums total[2];
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const Ext<Lanes> weight = load_block(eq + at);
            for (int side = 0; side < (both ? 2 : 1); ++side)
                total[side].add(Lanes::load(tables.at[0][side] + block * BLOCK + lane),
                                load_block(tables.at[1][side] + at), weight);
        }
    store_pad_sums(total[0], total[1], combination, sums);
}

BLINDBOOK_INLINE Ext<Lanes> fold_values(const Ext<Lanes>& low, const Ext<Lanes>& high, const Factor<Lanes>& challenge) {
    return low + (high - low) * challenge;
}

BLINDBOOK_INLINE Ext<Lanes> fold_extension(const u32* low, const u32* high, const Factor<Lanes>& challenge) {
    return fold_values(load_block(low), load_block(high), challenge);
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

// The same where p are base values, and s1 = p1 + c q1 is formed after the fold.
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

// The same where p are of either kind: bit 4 i + k of `base` for tables.at[2 i][k], i = 0 (p0) or 1 (p1).
inline void mixed_next_round(const FoldTables& tables, unsigned base, usize blocks, const u32* challenge, const u32* eq,
                             const u32* combination, u32* sums) {
    const auto r = Factor<Lanes>::constant(Element::load(challenge, 1));
    const auto c = Factor<Lanes>::constant(Element::load(combination, 1));
    RoundSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const auto fold_numerator = [&](unsigned i, unsigned side) {
                const unsigned kinds = base >> (4 * i + side);
                return fold_values(load_numerator(tables.at[2 * i][side], (kinds & 1U) != 0, block, lane),
                                   load_numerator(tables.at[2 * i][2 + side], (kinds & 4U) != 0, block, lane), r);
            };
            Ext<Lanes> t[4][2];
            for (unsigned side = 0; side < 2; ++side) {
                t[0][side] = fold_numerator(0, side);
                t[1][side] = fold_extension(tables.at[1][side] + at, tables.at[1][2 + side] + at, r);
                t[3][side] = fold_extension(tables.at[3][side] + at, tables.at[3][2 + side] + at, r);
                t[2][side] = fold_numerator(1, side) + t[3][side] * c;
                for (int i = 0; i < 4; ++i) t[i][side].store(tables.to[i][side] + at, BLOCK);
            }
            total.add(t[0], t[1], t[2], t[3], Factor<Lanes>(load_block(eq + at)));
        }
    total.store(sums);
}

// The same where p1 = 0 and q1 = 1 (s1 = c): folds p0 and q0 only. p0 are base values if `base`.
inline void pad_next_round(const FoldTables& tables, bool base, usize blocks, const u32* challenge, const u32* eq,
                           const u32* combination, u32* sums) {
    const Element challenge_value = Element::load(challenge, 1);
    const auto r = Factor<Lanes>::constant(challenge_value);
    const SplitExt<Lanes> r_split(Ext<Lanes>::broadcast(challenge_value));
    PadSums total;
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += LANE_STEP) {
            const usize at = block * EXT_BLOCK + lane;
            const usize word = block * BLOCK + lane;
            Ext<Lanes> p0[2], q0[2];
            for (int side = 0; side < 2; ++side) {
                p0[side] = base ? fold_base(tables.at[0][side] + word, tables.at[0][2 + side] + word, r_split)
                                : fold_extension(tables.at[0][side] + at, tables.at[0][2 + side] + at, r);
                q0[side] = fold_extension(tables.at[1][side] + at, tables.at[1][2 + side] + at, r);
                p0[side].store(tables.to[0][side] + at, BLOCK);
                q0[side].store(tables.to[1][side] + at, BLOCK);
            }
            total.add(p0[0], q0[0], load_block(eq + at));
        }
    store_pad_sums(total, PadSums(), combination, sums);
}

}  // namespace blindbook::BLINDBOOK_ISA
