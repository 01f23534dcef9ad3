// What generated row evaluators (gpu/jit.py) are made of: base values in registers, extension values in memory as
// [5][16].
#pragma once

#include "extension.cuh"

namespace blindbook::BLINDBOOK_ISA {

// A constant of the extension, five words, ready for MixedSum.
struct ConstantSplit {
    Lanes::Split s[5];
    explicit BLINDBOOK_INLINE ConstantSplit(const u32* words) {
        for (int k = 0; k < 5; ++k) s[k] = Lanes::split_constant(Fp{words[k]});
    }
};

BLINDBOOK_INLINE Lanes constant(u32 montgomery) { return Lanes::broadcast(Fp{montgomery}); }

// Extension operations stay out of line: a chip has thousands of them.
template <class Operation>
BLINDBOOK_INLINE void for_lanes(Operation operation) {
    for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width)) operation(lane);
}

static BLINDBOOK_NOINLINE void ext_add(u32* to, const u32* a, const u32* b) {
    for_lanes([&](usize i) { (Ext<Lanes>::load(a + i, BLOCK) + Ext<Lanes>::load(b + i, BLOCK)).store(to + i, BLOCK); });
}

static BLINDBOOK_NOINLINE void ext_sub(u32* to, const u32* a, const u32* b) {
    for_lanes([&](usize i) { (Ext<Lanes>::load(a + i, BLOCK) - Ext<Lanes>::load(b + i, BLOCK)).store(to + i, BLOCK); });
}

static BLINDBOOK_NOINLINE void ext_mul(u32* to, const u32* a, const u32* b) {
    for_lanes([&](usize i) { (Ext<Lanes>::load(a + i, BLOCK) * Ext<Lanes>::load(b + i, BLOCK)).store(to + i, BLOCK); });
}

static BLINDBOOK_NOINLINE void ext_scale(u32* to, const u32* a, u32 factor) {
    const auto split = Lanes::split_constant(Fp{factor});
    for_lanes(
        [&](usize i) { mixed_product(split, SplitExt<Lanes>(Ext<Lanes>::load(a + i, BLOCK))).store(to + i, BLOCK); });
}

static BLINDBOOK_NOINLINE void ext_add_constant(u32* to, const u32* a, u32 summand) {
    for_lanes([&](usize i) {
        Ext<Lanes> value = Ext<Lanes>::load(a + i, BLOCK);
        value.c[0] = value.c[0] + constant(summand);
        value.store(to + i, BLOCK);
    });
}

static BLINDBOOK_NOINLINE void ext_subtract_from(u32* to, u32 minuend, const u32* a) {
    for_lanes([&](usize i) {
        Ext<Lanes> value = Ext<Lanes>::zero();
        value.c[0] = constant(minuend);
        (value - Ext<Lanes>::load(a + i, BLOCK)).store(to + i, BLOCK);
    });
}

static BLINDBOOK_NOINLINE void ext_accumulate(u32* sum, const u32* a, const u32* weight) {
    const auto factor = Factor<Lanes>::constant(Element::load(weight, 1));
    for_lanes([&](usize i) {
        (Ext<Lanes>::load(sum + i, BLOCK) + Ext<Lanes>::load(a + i, BLOCK) * factor).store(sum + i, BLOCK);
    });
}

static BLINDBOOK_NOINLINE void ext_accumulate_constant(u32* sum, u32 value, const u32* weight) {
    const Element product = Element::load(weight, 1) * Fp{value};
    for_lanes(
        [&](usize i) { (Ext<Lanes>::load(sum + i, BLOCK) + Ext<Lanes>::broadcast(product)).store(sum + i, BLOCK); });
}

}  // namespace blindbook::BLINDBOOK_ISA
