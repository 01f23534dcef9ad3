#include "gpu/native/fraction_tree.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace blindbook {

namespace {

// How many leaves are stored. Where the partners of a whole chunk are unused, so that parents can stand for leaves,
// there must be used ones above the middle; small and oddly large trees are stored whole.
usize stored_leaves(usize used, usize size) {
    if (used <= size / 2) return size;
    return std::min(size, (used + FRACTION_CHUNK - 1) / FRACTION_CHUNK * FRACTION_CHUNK);
}

}  // namespace

FractionTree::FractionTree(const Kernels& kernels, const std::vector<ChipTrace>& chips, const u32* constants,
                           int log_leaves)
    : kernels_(kernels) {
    FractionLayer leaf_layer;
    leaf_layer.log_size = log_leaves;
    leaf_layer.leaves = std::make_shared<FractionLeaves>();
    FractionLeaves& leaves = *leaf_layer.leaves;
    usize used = 0;
    for (const auto& chip : chips) used += chip.interactions << chip.log_height;
    if (used > leaf_layer.size()) throw std::invalid_argument("the leaves do not fit into the tree");
    leaves.used = stored_leaves(used, leaf_layer.size());
    leaves.p = Buffer(std::max(leaves.used, BLOCK));
    leaves.q = Buffer(std::max(blocked_words(leaves.used), EXT_BLOCK));
    fill_leaves(leaves, chips, constants);
    for (usize index = used; index < leaves.used; ++index) {
        leaves.p.data()[index] = 0;
        set_blocked(leaves.q.data(), index, Element::one());
    }
    layers_.push_back(std::move(leaf_layer));
    while (layers_.back().log_size > 0) layers_.push_back(parents_of(layers_.back()));
    std::reverse(layers_.begin(), layers_.end());
}

void FractionTree::fill_leaves(FractionLeaves& leaves, const std::vector<ChipTrace>& chips, const u32* constants) {
    usize offset = 0;
    for (const auto& chip : chips) {
        if (chip.log_height < 4) throw std::invalid_argument("a chip has at least 16 rows");
        parallel_ranges(chip.height(), 64 * BLOCK, [&](usize begin, usize end, usize) {
            Buffer columns(chip.columns.size() * BLOCK), p(chip.interactions * BLOCK), q(chip.interactions * EXT_BLOCK);
            for (usize row = begin; row < end; row += BLOCK) {
                for (usize c = 0; c < chip.columns.size(); ++c)
                    std::memcpy(columns.data() + c * BLOCK, chip.columns[c] + row, BLOCK * sizeof(u32));
                chip.evaluators.interactions(columns.data(), constants, p.data(), q.data());
                for (usize i = 0; i < chip.interactions; ++i) {
                    const usize at = offset + (i << chip.log_height) + row;
                    std::memcpy(leaves.p.data() + at, p.data() + i * BLOCK, BLOCK * sizeof(u32));
                    std::memcpy(leaves.q.data() + at * 5, q.data() + i * EXT_BLOCK, EXT_BLOCK * sizeof(u32));
                }
            }
        });
        offset += chip.interactions << chip.log_height;
    }
}

FractionLayer FractionTree::parents_of(const FractionLayer& children) const {
    FractionLayer parents;
    parents.log_size = children.log_size - 1;
    const usize half = parents.size();
    parents.stored = half;
    if (children.is_leaf_layer() && half >= BLOCK) {
        parents.stored = children.leaves->used - half;
        if (parents.stored < half) parents.leaves = children.leaves;
    }
    parents.p = Buffer(blocked_words(parents.stored));
    parents.q = Buffer(blocked_words(parents.stored));
    if (half >= BLOCK) {
        merge(children, parents);
        return parents;
    }
    for (usize y = 0; y < half; ++y) {
        const Element p0 = children.numerator(y), p1 = children.numerator(y + half);
        const Element q0 = children.denominator(y), q1 = children.denominator(y + half);
        set_blocked(parents.p.data(), y, p0 * q1 + p1 * q0);
        set_blocked(parents.q.data(), y, q0 * q1);
    }
    return parents;
}

void FractionTree::merge(const FractionLayer& children, FractionLayer& parents) const {
    parallel_ranges(parents.stored, FRACTION_CHUNK, [&](usize begin, usize end, usize) {
        const FractionView low = children.view(begin), high = children.view(begin + parents.size());
        const usize blocks = (end - begin) / BLOCK;
        u32* p = parents.p.data() + begin * 5;
        u32* q = parents.q.data() + begin * 5;
        if (low.base && high.base) {
            kernels_.leaf_parents(low.p, low.q, high.p, high.q, p, q, blocks);
        } else if (low.base || high.base) {
            const unsigned base = (low.base ? 1U : 0U) | (high.base ? 2U : 0U);
            kernels_.mixed_parents(low.p, low.q, high.p, high.q, base, p, q, blocks);
        } else {
            kernels_.fraction_parents(low.p, low.q, high.p, high.q, p, q, blocks);
        }
    });
}

std::pair<Element, Element> FractionTree::root() const {
    return {layers_.front().numerator(0), layers_.front().denominator(0)};
}

LayerProver FractionTree::layer(usize index, std::vector<Element> point, const Element& combination,
                                const std::optional<Element>& claim) {
    if (index < 1 || index >= layers_.size()) throw std::invalid_argument("no such layer");
    FractionLayer& layer = layers_[index];
    if (layer.taken) throw std::invalid_argument("this layer was proven already");
    if (point.size() + 1 != index) throw std::invalid_argument("the point of layer j has j - 1 coordinates");
    if (layer.is_leaf_layer() && layer.leaves.use_count() > 1)
        throw std::invalid_argument("the layer above the leaves must be proven before them");
    FractionLayer owned = std::move(layer);
    layer.taken = true;
    return LayerProver(kernels_, std::move(owned), std::move(point), combination, claim);
}

}  // namespace blindbook
