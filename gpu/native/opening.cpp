#include "gpu/native/opening.hpp"

#include <algorithm>
#include <stdexcept>

namespace blindbook {

namespace {

constexpr usize DENSE_GRAIN = 2048;
constexpr usize VECTOR_ROWS = 16;

void fold_vector(std::vector<Element>& values, const Element& challenge) {
    const usize half = values.size() / 2;
    parallel_ranges(half, 4096, [&](usize begin, usize end, usize) {
        const portable::Factor<Fp> r(challenge);
        for (usize i = begin; i < end; ++i) values[i] = values[i] + (values[i + half] - values[i]) * r;
    });
    values.resize(half);
}

// Weights of a claim: coefficient * eq(point[0..log_height), t).
std::vector<Element> claim_weights(const OpeningClaim& claim, const std::vector<Element>& point) {
    std::vector<Element> weights = eq_vector(point, 0, claim.log_height);
    for (auto& weight : weights) weight = weight * claim.coefficient;
    return weights;
}

struct RoundTotal {
    Element c0 = Element::zero(), c2 = Element::zero();
    void add(const u32* sums) {
        c0 = c0 + Element::load(sums, 1);
        c2 = c2 + Element::load(sums + 5, 1);
    }
    void add(const Element& f0, const Element& f1, const Element& w0, const Element& w1) {
        c0 = c0 + f0 * w0;
        c2 = c2 + (f1 - f0) * (w1 - w0);
    }
};

// Runs body(begin, end, total) over ranges and adds the totals.
template <class Body>
std::pair<Element, Element> sum_ranges(usize count, usize grain, Body body) {
    std::vector<RoundTotal> totals(thread_count());
    parallel_ranges(count, grain, [&](usize begin, usize end, usize thread) { body(begin, end, totals[thread]); });
    std::pair<Element, Element> result{Element::zero(), Element::zero()};
    for (const auto& total : totals) {
        result.first = result.first + total.c0;
        result.second = result.second + total.c2;
    }
    return result;
}

}  // namespace

WeightedSumProver::WeightedSumProver(const Kernels& kernels, std::vector<OpeningPiece> pieces, int log_size,
                                     const Element& out_of_domain, const std::vector<Element>& point,
                                     const std::vector<OpeningClaim>& claims)
    : kernels_(kernels), pieces_(std::move(pieces)), variables_(log_size) {
    const usize size = usize{1} << log_size;
    std::sort(pieces_.begin(), pieces_.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    usize end = 0;
    for (const auto& piece : pieces_) {
        if (piece.offset < end || piece.size > size || piece.offset > size - piece.size)
            throw std::invalid_argument("pieces overlap or leave the stacked vector");
        end = piece.offset + piece.size;
    }
    for (const auto& claim : claims)
        if (claim.log_height < 0 || static_cast<usize>(claim.log_height) > point.size() ||
            claim.log_height > log_size || claim.offset > size - (usize{1} << claim.log_height))
            throw std::invalid_argument("a claim leaves the stacked vector or has more variables than the point");
    if (is_structured_possible(claims))
        start_structured(out_of_domain, point, claims);
    else
        start_dense(out_of_domain, point, claims);
}

// Pieces start at blocks and claims are aligned to their length, as section 6.4 has it; small vectors are written out
// at once.
bool WeightedSumProver::is_structured_possible(const std::vector<OpeningClaim>& claims) const {
    if (variables_ <= LOG_RUN) return false;
    for (const auto& piece : pieces_)
        if (piece.offset % RUN != 0) return false;
    return std::all_of(claims.begin(), claims.end(),
                       [](const auto& claim) { return claim.offset % (usize{1} << claim.log_height) == 0; });
}

// ---- written-out weights
// -----------------------------------------------------------------------------------------------------

void WeightedSumProver::start_dense(const Element& out_of_domain, const std::vector<Element>& point,
                                    const std::vector<OpeningClaim>& claims) {
    dense_ = true;
    const usize size = usize{1} << variables_;
    stride_ = std::max(size, VECTOR_ROWS);
    f_ = Buffer(5 * stride_);
    w_ = Buffer(5 * stride_);
    f_.clear();
    w_.clear();
    for (const auto& piece : pieces_) std::copy(piece.values, piece.values + piece.size, f_.data() + piece.offset);
    Element power = Element::one();
    for (usize b = 0; b < size; ++b) {
        power.store(w_.data() + b, stride_);
        power = power * out_of_domain;
    }
    for (const auto& claim : claims) {
        const std::vector<Element> weights = claim_weights(claim, point);
        for (usize t = 0; t < weights.size(); ++t) {
            u32* at = w_.data() + claim.offset + t;
            (Element::load(at, stride_) + weights[t]).store(at, stride_);
        }
    }
}

// Binds the pending challenge of the written-out vectors.
void WeightedSumProver::flush() {
    if (!pending_) return;
    pending_ = false;
    const usize half = usize{1} << (variables_);
    u32 words[5];
    challenge_.store(words, 1);
    for (u32* planes : {f_.data(), w_.data()}) {
        if (half >= VECTOR_ROWS) {
            parallel_ranges(half, DENSE_GRAIN, [&](usize begin, usize end, usize) {
                kernels_.planes_fold(planes, stride_, half, begin, end, words);
            });
        } else {
            for (usize t = 0; t < half; ++t)
                interpolate(Element::load(planes + t, stride_), Element::load(planes + half + t, stride_), challenge_)
                    .store(planes + t, stride_);
        }
    }
}

std::pair<Element, Element> WeightedSumProver::round() {
    if (variables_ == 0) throw std::logic_error("all variables are bound");
    if (!dense_) return structured_round();
    const usize half = usize{1} << (variables_ - 1);
    if (half < VECTOR_ROWS) {
        flush();
        return sum_ranges(half, half, [&](usize begin, usize end, RoundTotal& total) {
            for (usize t = begin; t < end; ++t)
                total.add(Element::load(f_.data() + t, stride_), Element::load(f_.data() + half + t, stride_),
                          Element::load(w_.data() + t, stride_), Element::load(w_.data() + half + t, stride_));
        });
    }
    u32 words[5];
    challenge_.store(words, 1);
    const bool folds = pending_;
    pending_ = false;
    return sum_ranges(half, DENSE_GRAIN, [&](usize begin, usize end, RoundTotal& total) {
        u32 sums[10];
        if (folds)
            kernels_.weighted_next_round(f_.data(), w_.data(), stride_, half, begin, end, words, sums);
        else
            kernels_.weighted_round(f_.data(), w_.data(), stride_, half, begin, end, sums);
        total.add(sums);
    });
}

void WeightedSumProver::bind(const Element& challenge) {
    if (variables_ == 0) throw std::logic_error("all variables are bound");
    if (!dense_) {
        fold_structured(challenge);
        return;
    }
    flush();
    challenge_ = challenge;
    pending_ = true;
    --variables_;
}

usize WeightedSumProver::size() { return usize{1} << variables_; }

void WeightedSumProver::copy_values(u32* planes) {
    if (!dense_) write_out();
    flush();
    for (usize k = 0; k < 5; ++k)
        std::copy(f_.data() + k * stride_, f_.data() + k * stride_ + size(), planes + k * size());
}

void WeightedSumProver::add_univariate(const std::vector<Element>& coefficients, const std::vector<Element>& points) {
    if (!dense_) write_out();
    flush();
    std::vector<u32> base_coefficients, base_points;
    for (usize s = 0; s < points.size(); ++s) {
        const Element& point = points[s];
        bool base = true;
        for (int k = 1; k < 5; ++k) base &= point.c[k] == Fp::zero();
        if (base && size() >= VECTOR_ROWS) {
            for (int k = 0; k < 5; ++k) base_coefficients.push_back(coefficients[s].c[k].v);
            base_points.push_back(point.c[0].v);
            continue;
        }
        parallel_ranges(size(), DENSE_GRAIN, [&](usize begin, usize end, usize) {
            const portable::Factor<Fp> step(point);
            Element power = coefficients[s] * portable::power(point, begin);
            for (usize b = begin; b < end; ++b) {
                u32* at = w_.data() + b;
                (Element::load(at, stride_) + power).store(at, stride_);
                power = power * step;
            }
        });
    }
    const usize terms = base_points.size();
    if (terms == 0) return;
    parallel_ranges(size(), 4 * DENSE_GRAIN, [&](usize begin, usize end, usize) {
        Buffer powers(terms * VECTOR_ROWS), steps(terms);
        kernels_.add_base_powers(base_coefficients.data(), base_points.data(), terms, begin, end - begin,
                                 w_.data() + begin, stride_, powers.data(), steps.data());
    });
}

// ---- structured weights
// ------------------------------------------------------------------------------------------------------

void WeightedSumProver::start_structured(const Element& out_of_domain, const std::vector<Element>& point,
                                         const std::vector<OpeningClaim>& claims) {
    const usize blocks = usize{1} << (variables_ - LOG_RUN);
    log_rows_ = std::max(LOG_RUN, variables_ - COLUMN_BITS_MAX);
    for (const auto& piece : pieces_)
        if (piece.size % RUN != 0) {
            const usize whole = piece.size / RUN * RUN;
            Buffer tail(RUN);
            tail.clear();
            std::copy(piece.values + whole, piece.values + piece.size, tail.data());
            tails_.emplace_back((piece.offset + whole) / RUN, std::move(tail));
        }
    tables_ = Buffer(2 * 5 * RUN);
    tables_.clear();
    Element power = Element::one();
    for (usize t = 0; t < RUN; ++t) {
        power.store(tables_.data() + t, RUN);
        power = power * out_of_domain;
    }
    if (point.size() >= static_cast<usize>(LOG_RUN)) {
        const std::vector<Element> eq = eq_vector(point, 0, LOG_RUN);
        for (usize t = 0; t < RUN; ++t) eq[t].store(tables_.data() + 5 * RUN + t, RUN);
    }
    const portable::Factor<Fp> step(power);  // z^256
    Element weight = Element::one();
    for (usize block = 0; block < blocks; ++block) {
        point_weights_.push_back(weight);
        weight = weight * step;
    }
    eq_weights_.assign(blocks, Element::zero());
    for (const auto& claim : claims) add_claim(claim, point);
    sum_blocks();
    multiply_short_blocks();
}

void WeightedSumProver::add_claim(const OpeningClaim& claim, const std::vector<Element>& point) {
    const usize block = claim.offset / RUN;
    if (claim.log_height >= LOG_RUN) {
        const std::vector<Element> upper = eq_vector(point, LOG_RUN, claim.log_height);
        for (usize i = 0; i < upper.size(); ++i)
            eq_weights_[block + i] = eq_weights_[block + i] + upper[i] * claim.coefficient;
        return;
    }
    const usize column_blocks = usize{1} << (log_rows_ - LOG_RUN);
    const usize column = block / column_blocks, row = block % column_blocks;
    auto found = std::find_if(short_blocks_.begin(), short_blocks_.end(),
                              [&](const ShortBlock& b) { return b.column == column && b.row == row; });
    if (found == short_blocks_.end()) {
        ShortBlock created;
        created.column = column;
        created.row = row;
        created.weights = Buffer(5 * RUN);
        created.weights.clear();
        short_blocks_.push_back(std::move(created));
        found = short_blocks_.end() - 1;
    }
    const std::vector<Element> weights = claim_weights(claim, point);
    for (usize t = 0; t < weights.size(); ++t) {
        u32* at = found->weights.data() + claim.offset % RUN + t;
        (Element::load(at, RUN) + weights[t]).store(at, RUN);
    }
}

// The values of a block of f; null where f is zero.
const u32* WeightedSumProver::block_values(usize block) const {
    const usize position = block * RUN;
    const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), position,
                                        [](usize value, const OpeningPiece& piece) { return value < piece.offset; });
    if (after == pieces_.begin()) return nullptr;
    const OpeningPiece& piece = *(after - 1);
    if (position >= piece.offset + piece.size) return nullptr;
    if (position + RUN <= piece.offset + piece.size) return piece.values + (position - piece.offset);
    for (const auto& [number, tail] : tails_)
        if (number == block) return tail.data();
    return nullptr;
}

// <f, z^t> and <f, eq(r[0..8), t)> for each block.
void WeightedSumProver::sum_blocks() {
    const usize blocks = point_weights_.size();
    point_sums_.assign(blocks, Element::zero());
    eq_sums_.assign(blocks, Element::zero());
    parallel_ranges(blocks, 64, [&](usize begin, usize end, usize) {
        for (usize block = begin; block < end; ++block) {
            const u32* values = block_values(block);
            if (values == nullptr) continue;
            u32 sums[10];
            kernels_.weighted_runs(values, 1, RUN, tables_.data(), 2, sums);
            point_sums_[block] = Element::load(sums, 1);
            eq_sums_[block] = Element::load(sums + 5, 1);
        }
    });
}

void WeightedSumProver::multiply_short_blocks() {
    const usize columns = usize{1} << (variables_ - log_rows_);
    const usize column_blocks = usize{1} << (log_rows_ - LOG_RUN);
    parallel_for(short_blocks_.size(), [&](usize number, usize) {
        ShortBlock& block = short_blocks_[number];
        block.products.assign(columns, Element::zero());
        for (usize column = 0; column < columns; ++column) {
            const u32* values = block_values(column * column_blocks + block.row);
            if (values == nullptr) continue;
            u32 sums[5];
            kernels_.weighted_runs(values, 1, RUN, block.weights.data(), 1, sums);
            block.products[column] = Element::load(sums, 1);
        }
    });
}

std::pair<Element, Element> WeightedSumProver::structured_round() const {
    const usize half = point_sums_.size() / 2;
    auto result = sum_ranges(half, 4096, [&](usize begin, usize end, RoundTotal& total) {
        for (usize i = begin; i < end; ++i) {
            total.add(point_sums_[i], point_sums_[i + half], point_weights_[i], point_weights_[i + half]);
            total.add(eq_sums_[i], eq_sums_[i + half], eq_weights_[i], eq_weights_[i + half]);
        }
    });
    RoundTotal total;
    const usize columns = usize{1} << (variables_ - log_rows_ - 1);
    for (const auto& block : short_blocks_) {
        const bool upper = block.column >= columns;
        const usize column = block.column % columns;
        total.add(block.products[column], block.products[column + columns], upper ? Element::zero() : block.factor,
                  upper ? block.factor : Element::zero());
    }
    return {result.first + total.c0, result.second + total.c2};
}

void WeightedSumProver::fold_structured(const Element& challenge) {
    for (auto* values : {&point_sums_, &eq_sums_, &point_weights_, &eq_weights_}) fold_vector(*values, challenge);
    challenges_.push_back(challenge);
    --variables_;
    const usize columns = usize{1} << (variables_ - log_rows_);
    for (auto& block : short_blocks_) {
        const bool upper = block.column >= columns;
        block.factor = block.factor * (upper ? challenge : Element::one() - challenge);
        block.column %= columns;
        for (usize i = 0; i < columns; ++i)
            block.products[i] = interpolate(block.products[i], block.products[i + columns], challenge);
        block.products.resize(columns);
    }
    if (variables_ == log_rows_) write_out();
}

// Writes the folded f and w out: f = sum of eq(challenges, column) * column.
void WeightedSumProver::write_out() {
    dense_ = true;
    stride_ = size();
    f_ = Buffer(5 * stride_);
    w_ = Buffer(5 * stride_);
    w_.clear();
    const usize rows_blocks = size() / RUN;
    const std::vector<Element> ascending(challenges_.rbegin(), challenges_.rend());
    const std::vector<Element> eq = eq_vector(ascending, 0, static_cast<int>(ascending.size()));
    parallel_for(rows_blocks, [&](usize block, usize) {
        std::vector<const u32*> columns;
        std::vector<u32> weights;
        for (usize j = 0; j < eq.size(); ++j) {
            const u32* values = block_values(j * rows_blocks + block);
            if (values == nullptr) continue;
            columns.push_back(values);
            for (int k = 0; k < 5; ++k) weights.push_back(eq[j].c[k].v);
        }
        kernels_.combine_columns(columns.data(), weights.data(), columns.size(), RUN, f_.data() + block * RUN, stride_);
        u32 factors[10];
        point_weights_[block].store(factors, 1);
        eq_weights_[block].store(factors + 5, 1);
        kernels_.add_tables(tables_.data(), factors, 2, RUN, w_.data() + block * RUN, stride_);
    });
    for (const auto& block : short_blocks_) {
        u32 factor[5];
        block.factor.store(factor, 1);
        const usize position = (block.column << log_rows_) + block.row * RUN;
        kernels_.add_tables(block.weights.data(), factor, 1, RUN, w_.data() + position, stride_);
    }
    for (auto* values : {&point_sums_, &eq_sums_, &point_weights_, &eq_weights_}) std::vector<Element>().swap(*values);
    short_blocks_.clear();
}

}  // namespace blindbook
