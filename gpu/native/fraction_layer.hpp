// A layer of fractions (p, q) of the LogUp tree, and where its values lie.
#pragma once

#include <memory>

#include "gpu/kernels/table.cuh"
#include "gpu/native/buffer.hpp"
#include "gpu/native/extension_array.hpp"
#include "gpu/native/threads.hpp"

namespace blindbook {

// p are base values, q are blocked. Leaves from `used` on, a multiple of FRACTION_CHUNK or all, are (0, 1) and not
// stored.
struct FractionLeaves {
    usize used = 0;
    Buffer p, q;
};

inline constexpr usize FRACTION_CHUNK = usize{1} << EqTable::INNER_BITS_MAX;

// Values of neighbouring fractions: q blocked, p blocked or base values.
struct FractionView {
    const u32* p = nullptr;
    const u32* q = nullptr;
    bool base = false;
    bool pad = false;  // (0, 1) each; p and q are null
};

// 2^log_size fractions. Those below `stored` lie in the blocked arrays p and q, the others are the leaves of the same
// index: parents whose upper child is (0, 1). So the leaf layer has stored = 0, the layer above it what was merged,
// every other layer all of its fractions.
struct FractionLayer {
    int log_size = 0;
    usize stored = 0;
    Buffer p, q;
    std::shared_ptr<FractionLeaves> leaves;
    bool taken = false;

    usize size() const { return usize{1} << log_size; }
    bool is_leaf_layer() const { return stored == 0; }

    // The fractions from `index` on; neighbours of the same chunk are of the same kind.
    FractionView view(usize index) const {
        if (index < stored) return {p.data() + index * 5, q.data() + index * 5, false, false};
        if (index < leaves->used) return {leaves->p.data() + index, leaves->q.data() + index * 5, true, false};
        return {nullptr, nullptr, true, true};
    }
    Element numerator(usize index) const {
        if (index < stored) return get_blocked(p.data(), index);
        Element value = Element::zero();
        if (index < leaves->used) value.c[0] = Fp{leaves->p.data()[index]};
        return value;
    }
    Element denominator(usize index) const {
        if (index < stored) return get_blocked(q.data(), index);
        return index < leaves->used ? get_blocked(leaves->q.data(), index) : Element::one();
    }
};

}  // namespace blindbook
