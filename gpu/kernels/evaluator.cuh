// What generated row evaluators (gpu/jit.py) are made of. Values of 16 rows lie in memory, base values as [16],
// extension values as [5][16]; operations stay out of line, because a chip has thousands of them and is compiled on the
// user's machine.
#pragma once

#include "extension.cuh"

namespace blindbook::BLINDBOOK_ISA {

BLINDBOOK_INLINE Lanes constant(u32 montgomery) { return Lanes::broadcast(Fp{montgomery}); }

template <class Operation>
BLINDBOOK_INLINE void for_lanes(Operation operation) {
    for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width)) operation(lane);
}

// A constant of the extension, five words, ready for MixedSum.
struct ConstantSplit {
    Lanes::Split s[5];
    explicit BLINDBOOK_INLINE ConstantSplit(const u32* words) {
        for (int k = 0; k < 5; ++k) s[k] = Lanes::split_constant(Fp{words[k]});
    }
};

// q = alpha + bus + sum of beta^j message_j for one vector of rows. message: [length][16] from this lane on; constants:
// alpha, beta, beta^2, ...
static BLINDBOOK_NOINLINE void fingerprint(const u32* message, int length, const u32* constants, u32 bus, u32* q) {
    MixedSum<Lanes> sum;
    for (int j = 0; j < length; ++j) {
        sum.add(ConstantSplit(constants + 5 * (j + 1)).s,
                Lanes::split(Lanes::load(message + static_cast<usize>(j) * BLOCK)));
        if (j % 2 == 1) sum.shrink();
    }
    sum.shrink();
    Ext<Lanes> value = sum.value() + Ext<Lanes>::broadcast(Element::load(constants, 1));
    value.c[0] = value.c[0] + constant(bus);
    value.store(q, BLOCK);
}

static BLINDBOOK_NOINLINE void accumulate_constant(u32* sum, u32 value, const u32* weight) {
    const Element product = Element::load(weight, 1) * Fp{value};
    for_lanes(
        [&](usize i) { (Ext<Lanes>::load(sum + i, BLOCK) + Ext<Lanes>::broadcast(product)).store(sum + i, BLOCK); });
}

struct BaseRows {
    static constexpr usize words = BLOCK;

    static BLINDBOOK_NOINLINE void add(u32* to, const u32* a, const u32* b) {
        for_lanes([&](usize i) { (Lanes::load(a + i) + Lanes::load(b + i)).store(to + i); });
    }
    static BLINDBOOK_NOINLINE void subtract(u32* to, const u32* a, const u32* b) {
        for_lanes([&](usize i) { (Lanes::load(a + i) - Lanes::load(b + i)).store(to + i); });
    }
    static BLINDBOOK_NOINLINE void multiply(u32* to, const u32* a, const u32* b) {
        for_lanes([&](usize i) { (Lanes::load(a + i) * Lanes::load(b + i)).store(to + i); });
    }
    static BLINDBOOK_NOINLINE void scale(u32* to, const u32* a, u32 factor) {
        for_lanes([&](usize i) { (Lanes::load(a + i) * constant(factor)).store(to + i); });
    }
    static BLINDBOOK_NOINLINE void add_constant(u32* to, const u32* a, u32 summand) {
        for_lanes([&](usize i) { (Lanes::load(a + i) + constant(summand)).store(to + i); });
    }
    static BLINDBOOK_NOINLINE void subtract_from(u32* to, u32 minuend, const u32* a) {
        for_lanes([&](usize i) { (constant(minuend) - Lanes::load(a + i)).store(to + i); });
    }
    // sum += a * weight, an extension value.
    static BLINDBOOK_NOINLINE void accumulate(u32* sum, const u32* a, const u32* weight) {
        const SplitExt<Lanes> factor(Ext<Lanes>::broadcast(Element::load(weight, 1)));
        for_lanes([&](usize i) {
            const Ext<Lanes> product = mixed_product(Lanes::split(Lanes::load(a + i)), factor);
            (Ext<Lanes>::load(sum + i, BLOCK) + product).store(sum + i, BLOCK);
        });
    }
};

struct ExtensionRows {
    static constexpr usize words = EXT_BLOCK;

    static BLINDBOOK_INLINE Ext<Lanes> load(const u32* from) { return Ext<Lanes>::load(from, BLOCK); }

    static BLINDBOOK_NOINLINE void add(u32* to, const u32* a, const u32* b) {
        for_lanes([&](usize i) { (load(a + i) + load(b + i)).store(to + i, BLOCK); });
    }
    static BLINDBOOK_NOINLINE void subtract(u32* to, const u32* a, const u32* b) {
        for_lanes([&](usize i) { (load(a + i) - load(b + i)).store(to + i, BLOCK); });
    }
    static BLINDBOOK_NOINLINE void multiply(u32* to, const u32* a, const u32* b) {
        for_lanes([&](usize i) { (load(a + i) * load(b + i)).store(to + i, BLOCK); });
    }
    static BLINDBOOK_NOINLINE void scale(u32* to, const u32* a, u32 factor) {
        const auto split = Lanes::split_constant(Fp{factor});
        for_lanes([&](usize i) { mixed_product(split, SplitExt<Lanes>(load(a + i))).store(to + i, BLOCK); });
    }
    static BLINDBOOK_NOINLINE void add_constant(u32* to, const u32* a, u32 summand) {
        for_lanes([&](usize i) {
            Ext<Lanes> value = load(a + i);
            value.c[0] = value.c[0] + constant(summand);
            value.store(to + i, BLOCK);
        });
    }
    static BLINDBOOK_NOINLINE void subtract_from(u32* to, u32 minuend, const u32* a) {
        for_lanes([&](usize i) {
            Ext<Lanes> value = Ext<Lanes>::zero();
            value.c[0] = constant(minuend);
            (value - load(a + i)).store(to + i, BLOCK);
        });
    }
    static BLINDBOOK_NOINLINE void accumulate(u32* sum, const u32* a, const u32* weight) {
        const auto factor = Factor<Lanes>::constant(Element::load(weight, 1));
        for_lanes([&](usize i) { (load(sum + i) + load(a + i) * factor).store(sum + i, BLOCK); });
    }
};

}  // namespace blindbook::BLINDBOOK_ISA
