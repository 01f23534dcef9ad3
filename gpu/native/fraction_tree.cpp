#include "gpu/native/fraction_tree.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace blindbook {

namespace {

constexpr usize TREE_GRAIN_BLOCKS = 64;
constexpr usize CHUNK_MAX = usize{1} << EqTable::INNER_BITS_MAX;

Element leaf_p(const FractionLayer& layer, usize index) {
    Element value = Element::zero();
    if (index < layer.used) value.c[0] = Fp{layer.p.data()[index]};
    return value;
}

Element leaf_q(const FractionLayer& layer, usize index) {
    return index < layer.used ? get_blocked(layer.q.data(), index) : Element::one();
}

// Parents of a block of leaves whose partners are (0, 1): the leaves themselves.
void copy_leaves(const FractionLayer& leaves, usize block, FractionLayer& parents) {
    u32* p = parents.p.data() + block * EXT_BLOCK;
    u32* q = parents.q.data() + block * EXT_BLOCK;
    std::memset(p, 0, EXT_BLOCK * sizeof(u32));
    if (block * BLOCK < leaves.used) {  // a multiple of 16
        std::memcpy(p, leaves.p.data() + block * BLOCK, BLOCK * sizeof(u32));
        std::memcpy(q, leaves.q.data() + block * EXT_BLOCK, EXT_BLOCK * sizeof(u32));
    } else {
        for (usize lane = 0; lane < BLOCK; ++lane) set_blocked(q, lane, Element::one());
    }
}

// Adds the weighted sums of all chunks. body(chunk, sums) leaves two extension values.
template <class Body>
std::pair<Element, Element> sum_chunks(const EqTable& eq, Body body) {
    struct alignas(64) Sums {
        Element d = Element::zero(), e = Element::zero();
    };
    std::vector<Sums> totals(thread_count());
    parallel_for(eq.outer().size(), [&](usize chunk, usize thread) {
        u32 sums[10];
        body(chunk, sums);
        const portable::Factor<Fp> weight(eq.outer()[chunk]);
        totals[thread].d = totals[thread].d + Element::load(sums, 1) * weight;
        totals[thread].e = totals[thread].e + Element::load(sums + 5, 1) * weight;
    });
    std::pair<Element, Element> result{Element::zero(), Element::zero()};
    for (const auto& total : totals) {
        result.first = result.first + total.d;
        result.second = result.second + total.e;
    }
    return result;
}

}  // namespace

// ---- tree
// ------------------------------------------------------------------------------------------------------------------

FractionTree::FractionTree(const Kernels& kernels, const std::vector<ChipTrace>& chips, const u32* constants,
                           int log_leaves)
    : kernels_(kernels) {
    FractionLayer leaves;
    leaves.log_size = log_leaves;
    leaves.leaves = true;
    for (const auto& chip : chips) leaves.used += chip.interactions << chip.log_height;
    if (leaves.used > leaves.size()) throw std::invalid_argument("the leaves do not fit into the tree");
    // Room to hold the folded upper half in place, with whole chunks of unused leaves.
    const usize half = leaves.size() / 2;
    const usize stored = (leaves.used + CHUNK_MAX - 1) / CHUNK_MAX * CHUNK_MAX;
    leaves.p = Buffer(std::max(stored, BLOCK));
    leaves.q = Buffer(blocked_words(std::max({stored, half + half / 2, BLOCK})));
    fill_leaves(leaves, chips, constants);
    for (usize index = leaves.used; index < stored; ++index) {
        leaves.p.data()[index] = 0;
        set_blocked(leaves.q.data(), index, Element::one());
    }
    leaves.used = std::min(stored, leaves.size());
    layers_.push_back(std::move(leaves));
    while (layers_.back().log_size > 0) layers_.push_back(parents_of(layers_.back()));
    std::reverse(layers_.begin(), layers_.end());
}

void FractionTree::fill_leaves(FractionLayer& leaves, const std::vector<ChipTrace>& chips, const u32* constants) {
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
    parents.used = half;
    parents.p = Buffer(blocked_words(half));
    parents.q = Buffer(blocked_words(half));
    if (half < BLOCK) {
        for (usize y = 0; y < half; ++y) {
            const auto p = [&](usize i) {
                return children.leaves ? leaf_p(children, i) : get_blocked(children.p.data(), i);
            };
            const auto q = [&](usize i) {
                return children.leaves ? leaf_q(children, i) : get_blocked(children.q.data(), i);
            };
            set_blocked(parents.p.data(), y, p(y) * q(y + half) + p(y + half) * q(y));
            set_blocked(parents.q.data(), y, q(y) * q(y + half));
        }
        return parents;
    }
    const usize p_words = children.leaves ? BLOCK : EXT_BLOCK;  // of one block
    const auto kernel = children.leaves ? kernels_.leaf_parents : kernels_.fraction_parents;
    const usize blocks = half / BLOCK;
    // Above the stored leaves a parent is (p, q) of its lower child.
    const usize merged = children.used > half ? (children.used - half) / BLOCK : 0;
    parallel_ranges(blocks, TREE_GRAIN_BLOCKS, [&](usize begin, usize end, usize) {
        const usize stop = std::clamp(merged, begin, end);
        const auto p = [&](usize block) { return children.p.data() + block * p_words; };
        const auto q = [&](usize block) { return children.q.data() + block * EXT_BLOCK; };
        kernel(p(begin), q(begin), p(begin + blocks), q(begin + blocks), parents.p.data() + begin * EXT_BLOCK,
               parents.q.data() + begin * EXT_BLOCK, stop - begin);
        for (usize block = stop; block < end; ++block) copy_leaves(children, block, parents);
    });
    return parents;
}

std::pair<Element, Element> FractionTree::root() const {
    const FractionLayer& root = layers_.front();
    if (root.leaves) return {leaf_p(root, 0), leaf_q(root, 0)};
    return {get_blocked(root.p.data(), 0), get_blocked(root.q.data(), 0)};
}

LayerProver FractionTree::layer(usize index, std::vector<Element> point, const Element& combination) {
    if (index < 1 || index >= layers_.size()) throw std::invalid_argument("no such layer");
    if (layers_[index].q.size() == 0) throw std::invalid_argument("this layer was proven already");
    if (point.size() + 1 != index) throw std::invalid_argument("the point of layer j has j - 1 coordinates");
    return LayerProver(kernels_, std::move(layers_[index]), std::move(point), combination);
}

// ---- layer
// -----------------------------------------------------------------------------------------------------------------

LayerProver::LayerProver(const Kernels& kernels, FractionLayer layer, std::vector<Element> point, Element combination)
    : kernels_(kernels), point_(std::move(point)), combination_(combination), layer_(std::move(layer)) {
    size_ = layer_.size() / 2;
    if (is_scalar()) {
        to_scalars();
        return;
    }
    const usize p_words = layer_.leaves ? size_ : blocked_words(size_);
    tables_[0] = layer_.p.data();
    tables_[1] = layer_.q.data();
    tables_[2] = layer_.p.data() + p_words;
    tables_[3] = layer_.q.data() + blocked_words(size_);
    if (layer_.leaves) {
        const usize chunk = std::min(CHUNK_MAX, size_ / 2);
        zeros_ = Buffer(chunk);
        zeros_.clear();
        ones_ = Buffer(blocked_words(chunk));
        for (usize i = 0; i < chunk; ++i) set_blocked(ones_.data(), i, Element::one());
    }
}

// Entry `index` of table p0, q0, p1, q1 of the leaf layer.
Element LayerProver::leaf_value(usize table, usize index) const {
    const usize at = index + (table >= 2 ? size_ : 0);
    return table % 2 == 0 ? leaf_p(layer_, at) : leaf_q(layer_, at);
}

// Moves small tables into plain vectors.
void LayerProver::to_scalars() {
    for (usize i = 0; i < 4; ++i) {
        scalars_[i].resize(size_);
        for (usize y = 0; y < size_; ++y) {
            if (layer_.leaves && first_)
                scalars_[i][y] = leaf_value(i, y);
            else if (first_)
                scalars_[i][y] = get_blocked(i % 2 == 0 ? layer_.p.data() : layer_.q.data(), y + (i >= 2 ? size_ : 0));
            else
                scalars_[i][y] = get_blocked(tables_[i], y);
        }
    }
    if (first_)
        for (usize y = 0; y < size_; ++y) scalars_[2][y] = scalars_[2][y] + combination_ * scalars_[3][y];
    first_ = false;
}

std::pair<Element, Element> LayerProver::round() {
    if (point_.empty()) throw std::logic_error("all variables of the layer are bound");
    point_.pop_back();
    const int variables = static_cast<int>(point_.size());
    if (is_scalar() || (pending_ && size_ / 2 <= SCALAR_SIZE)) {
        if (!is_scalar()) {  // the last fold of the blocked tables
            bind_scalars();
        }
        return scalar_round();
    }
    const EqTable eq(point_, variables);
    return pending_ ? next_round(eq) : first_round(eq);
}

void LayerProver::bind(const Element& challenge) {
    if (pending_) throw std::logic_error("a round must lie between two challenges");
    challenge_ = challenge;
    pending_ = true;
    if (is_scalar()) bind_scalars();
}

// Binds the pending challenge where the result is (or the tables are) small.
void LayerProver::bind_scalars() {
    if (!is_scalar()) to_scalars();
    size_ /= 2;
    for (auto& table : scalars_) {
        for (usize y = 0; y < size_; ++y) table[y] = interpolate(table[y], table[y + size_], challenge_);
        table.resize(size_);
    }
    pending_ = false;
}

std::pair<Element, Element> LayerProver::scalar_round() const {
    const std::vector<Element> eq = eq_vector(point_, 0, static_cast<int>(point_.size()));
    Element d = Element::zero(), e = Element::zero();
    const auto h = [](const Element* t) { return t[0] * t[3] + t[1] * t[2]; };
    for (usize y = 0; y < size_ / 2; ++y) {
        Element low[4], high[4], difference[4];
        for (usize i = 0; i < 4; ++i) {
            low[i] = scalars_[i][y];
            high[i] = scalars_[i][y + size_ / 2];
            difference[i] = high[i] - low[i];
        }
        d = d + eq[y] * (h(high) - h(low));
        e = e + eq[y] * h(difference);
    }
    return {d, e};
}

// Where `position` of a table of the unfolded leaf layer is stored; a chunk of unused leaves where it is not.
const u32* LayerProver::leaf_source(usize table, usize position) const {
    const bool upper = table >= 2;
    const usize at = position + (upper ? size_ : 0);
    if (at >= layer_.used) return table % 2 == 0 ? zeros_.data() : ones_.data();
    return table % 2 == 0 ? layer_.p.data() + at : layer_.q.data() + at * 5;
}

std::pair<Element, Element> LayerProver::first_round(const EqTable& eq) {
    u32 combination[5];
    combination_.store(combination, 1);
    const usize half = size_ / 2;
    const auto result = sum_chunks(eq, [&](usize chunk, u32* sums) {
        LayerTables tables;
        const usize position = chunk * eq.chunk();
        for (usize i = 0; i < 4; ++i)
            for (usize side = 0; side < 2; ++side)
                tables.at[i][side] = layer_.leaves ? const_cast<u32*>(leaf_source(i, position + side * half))
                                                   : tables_[i] + (position + side * half) * 5;
        const auto kernel = layer_.leaves ? kernels_.leaf_first_round : kernels_.layer_first_round;
        kernel(tables, eq.chunk_blocks(), eq.inner(), combination, sums);
    });
    if (!layer_.leaves) first_ = false;
    return result;
}

std::pair<Element, Element> LayerProver::next_round(const EqTable& eq) {
    u32 combination[5], challenge[5];
    combination_.store(combination, 1);
    challenge_.store(challenge, 1);
    const bool leaves = layer_.leaves && first_;
    const usize half = size_ / 2;
    const usize quarter = size_ / 4;
    u32* targets[4] = {tables_[0], tables_[1], tables_[2], tables_[3]};
    if (leaves) {
        folded_p_ = Buffer(2 * blocked_words(half));
        targets[0] = folded_p_.data();
        targets[2] = folded_p_.data() + blocked_words(half);
    }
    const auto result = sum_chunks(eq, [&](usize chunk, u32* sums) {
        FoldTables tables;
        const usize position = chunk * eq.chunk();
        for (usize i = 0; i < 4; ++i) {
            for (usize k = 0; k < 4; ++k)
                tables.at[i][k] =
                    leaves ? leaf_source(i, position + k * quarter) : tables_[i] + (position + k * quarter) * 5;
            for (usize side = 0; side < 2; ++side) tables.to[i][side] = targets[i] + (position + side * quarter) * 5;
        }
        if (leaves)
            kernels_.leaf_next_round(tables, eq.chunk_blocks(), challenge, eq.inner(), combination, sums);
        else
            kernels_.layer_next_round(tables, eq.chunk_blocks(), challenge, eq.inner(), sums);
    });
    for (usize i = 0; i < 4; ++i) tables_[i] = targets[i];
    if (leaves) layer_.p.release();
    first_ = false;
    pending_ = false;
    size_ = half;
    return result;
}

std::vector<Element> LayerProver::claims() {
    if (size_ != 1 || pending_) throw std::logic_error("some variables of the layer are not bound");
    const Element p1 = scalars_[2][0] - combination_ * scalars_[3][0];
    return {scalars_[0][0], p1, scalars_[1][0], scalars_[3][0]};
}

}  // namespace blindbook
