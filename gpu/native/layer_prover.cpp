#include "gpu/native/layer_prover.hpp"

#include <algorithm>
#include <stdexcept>

namespace blindbook {

namespace {

constexpr unsigned ALL_BASE_FIRST = 0xf, ALL_BASE_NEXT = 0xff;

// Adds the weighted sums of all chunks. body(chunk, thread, sums) leaves three extension values.
template <class Body>
LayerSums sum_chunks(const EqTable& eq, Body body) {
    struct alignas(64) Totals : LayerSums {};
    std::vector<Totals> totals(thread_count());
    parallel_for(eq.outer().size(), [&](usize chunk, usize thread) {
        u32 sums[15];
        body(chunk, thread, sums);
        const portable::Factor<Fp> weight(eq.outer()[chunk]);
        Totals& total = totals[thread];
        total.at0 = total.at0 + Element::load(sums, 1) * weight;
        total.e = total.e + Element::load(sums + 5, 1) * weight;
        total.at1 = total.at1 + Element::load(sums + 10, 1) * weight;
    });
    LayerSums result;
    for (const auto& total : totals) {
        result.at0 = result.at0 + total.at0;
        result.e = result.e + total.e;
        result.at1 = result.at1 + total.at1;
    }
    return result;
}

}  // namespace

LayerProver::LayerProver(const Kernels& kernels, FractionLayer layer, std::vector<Element> point, Element combination,
                         std::optional<Element> claim)
    : kernels_(kernels),
      point_(std::move(point)),
      combination_(combination),
      claim_(std::move(claim)),
      layer_(std::move(layer)) {
    size_ = layer_.size() / 2;
    filled_ = layer_.is_leaf_layer() ? layer_.leaves->used - std::min(size_, layer_.leaves->used) : size_;
    if (is_scalar()) {
        to_scalars();
        return;
    }
    if (is_in_place()) {
        tables_[0] = layer_.p.data();
        tables_[1] = layer_.q.data();
        tables_[2] = layer_.p.data() + size_ * 5;
        tables_[3] = layer_.q.data() + size_ * 5;
    }
    if (filled_ < size_) make_pads(std::min(FRACTION_CHUNK, size_ / 2));
}

void LayerProver::make_pads(usize chunk) {
    zeros_ = Buffer(chunk);
    zeros_.clear();
    ones_ = Buffer(blocked_words(chunk));
    combinations_ = Buffer(blocked_words(chunk));
    for (usize i = 0; i < chunk; ++i) {
        set_blocked(ones_.data(), i, Element::one());
        set_blocked(combinations_.data(), i, combination_);
    }
    spare_ = Buffer(thread_count() * 2 * blocked_words(chunk));
}

// ---- small tables
// ------------------------------------------------------------------------------------------------------------------

// Moves small tables into plain vectors.
void LayerProver::to_scalars() {
    for (usize i = 0; i < 4; ++i) {
        scalars_[i].resize(size_);
        for (usize y = 0; y < size_; ++y) {
            const usize index = y + (i >= 2 ? size_ : 0);
            if (unfolded_)
                scalars_[i][y] = i % 2 == 0 ? layer_.numerator(index) : layer_.denominator(index);
            else if (i >= 2 && y >= filled_)
                scalars_[i][y] = i == 2 ? combination_ : Element::one();
            else
                scalars_[i][y] = get_blocked(tables_[i], y);
        }
    }
    if (unfolded_)
        for (usize y = 0; y < size_; ++y) scalars_[2][y] = scalars_[2][y] + combination_ * scalars_[3][y];
    unfolded_ = false;
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

LayerProver::Message LayerProver::scalar_round() const {
    const std::vector<Element> eq = eq_vector(point_, 0, static_cast<int>(point_.size()));
    Message message = {Element::zero(), Element::zero(), Element::zero()};
    const auto h = [](const Element* t) { return t[0] * t[3] + t[1] * t[2]; };
    for (usize y = 0; y < size_ / 2; ++y) {
        Element low[4], high[4], difference[4];
        for (usize i = 0; i < 4; ++i) {
            low[i] = scalars_[i][y];
            high[i] = scalars_[i][y + size_ / 2];
            difference[i] = high[i] - low[i];
        }
        const Element at0 = h(low);
        message.at0 = message.at0 + eq[y] * at0;
        message.d = message.d + eq[y] * (h(high) - at0);
        message.e = message.e + eq[y] * h(difference);
    }
    return message;
}

// ---- rounds
// ------------------------------------------------------------------------------------------------------------------

std::pair<Element, Element> LayerProver::round() {
    if (point_.empty()) throw std::logic_error("all variables of the layer are bound");
    const Element coordinate = point_.back();
    point_.pop_back();
    if (!is_scalar() && pending_ && size_ / 2 <= SCALAR_SIZE) bind_scalars();  // the last fold of the blocked tables
    if (is_scalar()) {
        message_ = scalar_round();
    } else {
        const EqTable eq(point_, static_cast<int>(point_.size()));
        const bool both = !claim_.has_value();
        // The claim (1 - x) h(0) + x h(1) tells h(1) unless x = 0; then it is h(0), and h(1) is summed.
        const bool swapped = !both && coordinate == Element::zero();
        const LayerSums sums = pending_ ? next_round(eq, swapped) : first_round(eq, both, swapped);
        message_ = complete(sums, coordinate, both, swapped);
    }
    return {message_.d, message_.e};
}

LayerProver::Message LayerProver::complete(const LayerSums& sums, const Element& coordinate, bool both,
                                           bool swapped) const {
    if (both) return {sums.at0, sums.at1 - sums.at0, sums.e};
    if (swapped) return {*claim_, sums.at0 - *claim_, sums.e};
    // x h(1) = claim - (1 - x) h(0), so x (h(1) - h(0)) = claim - h(0).
    return {sums.at0, (*claim_ - sums.at0) * portable::inverse(coordinate), sums.e};
}

void LayerProver::bind(const Element& challenge) {
    if (pending_) throw std::logic_error("a round must lie between two challenges");
    claim_ = message_.at0 + challenge * (message_.d + message_.e * (challenge - Element::one()));
    challenge_ = challenge;
    pending_ = true;
    if (is_scalar()) bind_scalars();
}

// p1 (s1 after the fold) and q1 from `index` on.
FractionView LayerProver::upper_view(usize index) const {
    if (index >= filled_) return {unfolded_ ? zeros_.data() : combinations_.data(), ones_.data(), unfolded_, true};
    if (unfolded_ && !is_in_place()) return layer_.view(size_ + index);
    return {tables_[2] + index * 5, tables_[3] + index * 5, false, false};
}

LayerSums LayerProver::first_round(const EqTable& eq, bool both, bool swapped) {
    u32 combination[5];
    combination_.store(combination, 1);
    const usize half = size_ / 2;
    const LayerSums result = sum_chunks(eq, [&](usize chunk, usize, u32* sums) {
        LayerTables tables;
        unsigned base = 0;
        bool pads = true;
        for (usize side = 0; side < 2; ++side) {
            const usize position = chunk * eq.chunk() + (side == (swapped ? 0 : 1) ? half : 0);
            const FractionView low = layer_.view(position), high = upper_view(position);
            tables.at[0][side] = const_cast<u32*>(low.p);
            tables.at[1][side] = const_cast<u32*>(low.q);
            tables.at[2][side] = const_cast<u32*>(high.p);
            tables.at[3][side] = const_cast<u32*>(high.q);
            base |= (low.base ? 1U : 0U) << side | (high.base ? 4U : 0U) << side;
            pads = pads && high.pad;
        }
        if (is_in_place())
            kernels_.layer_first_round(tables, eq.chunk_blocks(), eq.inner(), combination, both, sums);
        else if (pads)
            kernels_.pad_first_round(tables, eq.chunk_blocks(), eq.inner(), combination, both, sums);
        else if (base == ALL_BASE_FIRST)
            kernels_.leaf_first_round(tables, eq.chunk_blocks(), eq.inner(), combination, both, sums);
        else
            kernels_.mixed_first_round(tables, base, eq.chunk_blocks(), eq.inner(), combination, both, sums);
    });
    if (is_in_place()) unfolded_ = false;  // p1 has become s1
    return result;
}

LayerSums LayerProver::next_round(const EqTable& eq, bool swapped) {
    u32 combination[5], challenge[5];
    combination_.store(combination, 1);
    challenge_.store(challenge, 1);
    const bool from_leaves = unfolded_ && !is_in_place();
    const usize half = size_ / 2;
    const usize quarter = size_ / 4;
    const usize filled = std::min(filled_, half);
    u32* targets[4];
    choose_targets(targets);
    const LayerSums result = sum_chunks(eq, [&](usize chunk, usize thread, u32* sums) {
        FoldTables tables;
        unsigned base = 0;
        bool pads = true;
        for (usize k = 0; k < 4; ++k) {
            const usize position = chunk * eq.chunk() + (swapped ? k ^ 1U : k) * quarter;
            const FractionView low = from_leaves ? layer_.view(position)
                                                 : FractionView{tables_[0] + position * 5, tables_[1] + position * 5};
            const FractionView high = upper_view(position);
            tables.at[0][k] = low.p;
            tables.at[1][k] = low.q;
            tables.at[2][k] = high.p;
            tables.at[3][k] = high.q;
            base |= (low.base ? 1U : 0U) << k | (high.base ? 16U : 0U) << k;
            pads = pads && high.pad;
            if (k >= 2) continue;
            u32* spare = filled < half ? spare_.data() + thread * 2 * blocked_words(eq.chunk()) : nullptr;
            for (usize i = 0; i < 4; ++i)
                tables.to[i][k] = i < 2 || position < filled ? targets[i] + position * 5
                                                             : spare + (i - 2) * blocked_words(eq.chunk());
        }
        if (pads)
            kernels_.pad_next_round(tables, from_leaves, eq.chunk_blocks(), challenge, eq.inner(), combination, sums);
        else if (!from_leaves)
            kernels_.layer_next_round(tables, eq.chunk_blocks(), challenge, eq.inner(), sums);
        else if (base == ALL_BASE_NEXT)
            kernels_.leaf_next_round(tables, eq.chunk_blocks(), challenge, eq.inner(), combination, sums);
        else
            kernels_.mixed_next_round(tables, base, eq.chunk_blocks(), challenge, eq.inner(), combination, sums);
    });
    finish_fold(targets);
    return result;
}

// Where the folded p0, q0, s1, q1 go: in place, or to new buffers where the values are base values or still needed.
void LayerProver::choose_targets(u32** targets) {
    const usize half = size_ / 2;
    const usize filled = std::min(filled_, half);
    std::copy(tables_, tables_ + 4, targets);
    if (!unfolded_ || is_in_place()) return;
    folded_[0] = Buffer(blocked_words(half + filled));
    targets[0] = folded_[0].data();
    targets[2] = folded_[0].data() + half * 5;
    if (layer_.is_leaf_layer()) {
        targets[1] = layer_.leaves->q.data();
        targets[3] = layer_.leaves->q.data() + size_ * 5;
        return;
    }
    folded_[1] = Buffer(blocked_words(half + filled));
    targets[1] = folded_[1].data();
    targets[3] = folded_[1].data() + half * 5;
}

void LayerProver::finish_fold(u32* const* targets) {
    std::copy(targets, targets + 4, tables_);
    if (unfolded_ && layer_.leaves != nullptr) {
        if (layer_.is_leaf_layer()) {
            layer_.leaves->p.release();
        } else {
            layer_.p.release();
            layer_.q.release();
            layer_.leaves.reset();
        }
    }
    unfolded_ = false;
    pending_ = false;
    size_ /= 2;
    filled_ = std::min(filled_, size_);
}

std::vector<Element> LayerProver::claims() {
    if (size_ != 1 || pending_) throw std::logic_error("some variables of the layer are not bound");
    const Element p1 = scalars_[2][0] - combination_ * scalars_[3][0];
    return {scalars_[0][0], p1, scalars_[1][0], scalars_[3][0]};
}

}  // namespace blindbook
