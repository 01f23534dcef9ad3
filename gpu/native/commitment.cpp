#include "gpu/native/commitment.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "gpu/kernels/koalabear.cuh"

namespace blindbook {

using portable::Fp;

namespace {

constexpr usize HASH_GRAIN = 1024;  // rows or nodes of one task

// The plan of a transform of 2^log_size points with the tables it points to.
class TransformTables {
  public:
    explicit TransformTables(int log_size) {
        plan_.log_first = (log_size + 1) / 2;
        plan_.log_second = log_size / 2;
        first_ = powers(plan_.log_first);
        second_ = powers(plan_.log_second);
        first_order_ = reversal(plan_.log_first);
        second_order_ = reversal(plan_.log_second);
        plan_.first_roots = first_.data();
        plan_.second_roots = second_.data();
        plan_.first_order = first_order_.data();
        plan_.second_order = second_order_.data();
    }
    const NttPlan& plan() const { return plan_; }
    usize scratch_words() const {
        return (usize{1} << (plan_.log_first + plan_.log_second)) + (usize{16} << plan_.log_first);
    }

  private:
    NttPlan plan_;
    std::vector<u32> first_, second_, first_order_, second_order_;

    static std::vector<u32> reversal(int bits) {
        std::vector<u32> order(usize{1} << bits, 0);
        for (usize i = 0; i < order.size(); ++i)
            for (int bit = 0; bit < bits; ++bit) order[i] |= static_cast<u32>((i >> bit) & 1U) << (bits - 1 - bit);
        return order;
    }

    static std::vector<u32> powers(int log_order) {
        std::vector<u32> table(usize{1} << log_order);
        const Fp root = portable::root_of_unity(log_order);
        Fp value = Fp::one();
        for (auto& entry : table) {
            entry = value.v;
            value = value * root;
        }
        return table;
    }
};

}  // namespace

Commitment::Commitment(const Kernels& kernels, HashKind hash, std::vector<const u32*> columns, int log_rows,
                       int log_inv_rate)
    : kernels_(kernels), hash_(hash), columns_(std::move(columns)), log_rows_(log_rows), log_inv_rate_(log_inv_rate) {
    if (columns_.empty()) throw std::invalid_argument("a commitment needs at least one column");
    if (log_rows < 0 || log_inv_rate < 0 || log_rows + log_inv_rate > static_cast<int>(portable::TWO_ADIC))
        throw std::invalid_argument("the domain of a commitment has at most 2^24 rows");
    encode();
    for (usize depth = 1; depth <= static_cast<usize>(log_rows + log_inv_rate); ++depth) hash_layer(depth);
}

void Commitment::encode() {
    const usize rows_of_coset = usize{1} << log_rows_;
    const usize cosets = usize{1} << log_inv_rate_;
    const bool kept = log_inv_rate_ <= KEPT_LOG_INV_RATE;
    const TransformTables tables(log_rows_);
    layers_.emplace_back(8 * rows());
    Buffer matrix((kept ? cosets : 1) * width() * rows_of_coset);
    Buffer scratch(thread_count() * tables.scratch_words());
    const Fp generator = portable::root_of_unity(log_rows_ + log_inv_rate_);
    Fp shift = Fp::one();
    for (usize coset = 0; coset < cosets; ++coset) {
        u32* values = matrix.data() + (kept ? coset : 0) * width() * rows_of_coset;
        parallel_for(width(), [&](usize column, usize thread) {
            kernels_.transform(columns_[column], values + column * rows_of_coset,
                               scratch.data() + thread * tables.scratch_words(), tables.plan(), shift.v);
        });
        hash_leaves(values, coset);
        shift = shift * generator;
    }
    if (kept) codeword_ = std::move(matrix);
}

void Commitment::hash_leaves(const u32* matrix, usize coset) {
    const usize rows_of_coset = usize{1} << log_rows_;
    std::vector<const u32*> values(width());
    for (usize column = 0; column < width(); ++column) values[column] = matrix + column * rows_of_coset;
    u32* digests = layers_[0].data() + coset * rows_of_coset;
    constexpr usize most_lanes = 16;  // words of 16 rows at once
    Buffer words(2 * thread_count() * ((width() + 1) / 2) * most_lanes);
    parallel_ranges(rows_of_coset, HASH_GRAIN, [&](usize begin, usize end, usize thread) {
        if (hash_ == HashKind::poseidon2)
            kernels_.poseidon2_leaves(values.data(), width(), begin, end, digests, rows());
        else
            kernels_.keccak_leaves(values.data(), width(), begin, end, digests, rows(),
                                   reinterpret_cast<u64*>(words.data()) + thread * ((width() + 1) / 2) * most_lanes);
    });
}

void Commitment::hash_layer(usize depth) {
    const usize children = rows() >> (depth - 1);
    const usize nodes = children / 2;
    layers_.emplace_back(8 * nodes);
    const u32* from = layers_[depth - 1].data();
    u32* to = layers_[depth].data();
    const bool poseidon2 = hash_ == HashKind::poseidon2;
    if (depth > static_cast<usize>(log_inv_rate_)) {
        const auto kernel = poseidon2 ? kernels_.poseidon2_node_pairs : kernels_.keccak_node_pairs;
        parallel_ranges(nodes, HASH_GRAIN,
                        [&](usize begin, usize end, usize) { kernel(from, children, to, nodes, begin, end); });
        return;
    }
    // Neighbouring rows lie in neighbouring cosets.
    const auto kernel = poseidon2 ? kernels_.poseidon2_nodes : kernels_.keccak_nodes;
    const usize rows_of_coset = usize{1} << log_rows_;
    for (usize coset = 0; coset < nodes >> log_rows_; ++coset) {
        const u32* left = from + 2 * coset * rows_of_coset;
        u32* run = to + coset * rows_of_coset;
        parallel_ranges(rows_of_coset, HASH_GRAIN, [&](usize begin, usize end, usize) {
            kernel(left, left + rows_of_coset, children, run, nodes, begin, end);
        });
    }
}

usize Commitment::slot(usize depth, usize index) const {
    if (depth >= static_cast<usize>(log_inv_rate_)) return index;
    const usize log_cosets = static_cast<usize>(log_inv_rate_) - depth;
    const usize coset = index & ((usize{1} << log_cosets) - 1);
    return (coset << log_rows_) + (index >> log_cosets);
}

Digest Commitment::digest(usize depth, usize index) const {
    Digest bytes{};
    const usize nodes = rows() >> depth;
    const u32* at = layers_[depth].data() + slot(depth, index);
    for (usize word = 0; word < 8; ++word) {
        const u32 stored = at[word * nodes];
        const u32 value = hash_ == HashKind::poseidon2 ? Fp{stored}.canonical() : stored;
        for (usize i = 0; i < 4; ++i) bytes[4 * word + i] = static_cast<u8>(value >> (8 * i));
    }
    return bytes;
}

OpenedRows Commitment::open(const std::vector<usize>& positions) const {
    for (usize i = 0; i < positions.size(); ++i)
        if (positions[i] >= rows() || (i > 0 && positions[i] <= positions[i - 1]))
            throw std::invalid_argument("opened positions must be ascending and inside the matrix");
    OpenedRows opened;
    opened.rows.resize(positions.size() * width());
    if (codeword_.size() == 0) {
        evaluate_rows(positions, opened.rows.data());
    } else {
        const usize coset_mask = (usize{1} << log_inv_rate_) - 1;
        for (usize i = 0; i < positions.size(); ++i) {
            const usize coset = positions[i] & coset_mask;
            const u32* row = codeword_.data() + ((coset * width()) << log_rows_) + (positions[i] >> log_inv_rate_);
            for (usize column = 0; column < width(); ++column)
                opened.rows[i * width() + column] = Fp{row[column << log_rows_]}.canonical();
        }
    }
    std::vector<usize> known = positions;
    for (usize depth = 0; depth + 1 < layers_.size(); ++depth) {
        std::vector<usize> parents;
        for (usize i = 0; i < known.size(); ++i) {
            const bool has_sibling = known[i] % 2 == 0 && i + 1 < known.size() && known[i + 1] == known[i] + 1;
            if (!has_sibling) opened.path.push_back(digest(depth, known[i] ^ 1U));
            parents.push_back(known[i] / 2);
            if (has_sibling) ++i;
        }
        known = std::move(parents);
    }
    return opened;
}

// Row i holds the column polynomials at g^i.
void Commitment::evaluate_rows(const std::vector<usize>& positions, u32* rows_out) const {
    const usize length = usize{1} << log_rows_;
    const usize points = positions.size();
    const usize run = std::min<usize>(length, 1024);
    const usize runs = length / run;
    const Fp generator = portable::root_of_unity(log_rows_ + log_inv_rate_);
    const usize padded = std::max<usize>(run, 16);
    std::vector<Buffer> sums(thread_count());
    parallel_for(thread_count(), [&](usize task, usize) {
        Buffer powers(points * padded);
        Buffer values(16);
        sums[task] = Buffer(width() * points);
        sums[task].clear();
        powers.clear();
        values.clear();
        for (usize part = task; part < runs; part += thread_count()) {
            for (usize i = 0; i < points; ++i) {
                const Fp point = portable::power(generator, positions[i]);
                Fp value = portable::power(point, part * run);
                for (usize t = 0; t < run; ++t) {
                    powers.data()[i * padded + t] = value.v;
                    value = value * point;
                }
            }
            for (usize column = 0; column < width(); ++column) {
                const u32* from = columns_[column] + part * run;
                if (run < 16) from = std::copy(from, from + run, values.data()) - run;
                kernels_.base_dots(from, padded, powers.data(), points, padded, sums[task].data() + column * points);
            }
        }
    });
    for (usize i = 0; i < points; ++i)
        for (usize column = 0; column < width(); ++column) {
            Fp total = Fp::zero();
            for (const auto& part : sums) total = total + Fp{part.data()[column * points + i]};
            rows_out[i * width() + column] = total.canonical();
        }
}

namespace {

// Searches rounds of neighbouring ranges, one per thread, until one holds a passing value.
template <class Search>
u64 first_passing(u64 limit, u64 range, Search search) {
    std::vector<u64> found(thread_count());
    for (u64 start = 0; start < limit; start += range * found.size()) {
        parallel_for(found.size(), [&](usize task, usize) {
            const u64 begin = std::min(limit, start + task * range);
            const u64 end = std::min(limit, begin + range);
            const u64 nonce = search(begin, end - begin);
            found[task] = nonce < end ? nonce : limit;
        });
        const u64 nonce = *std::min_element(found.begin(), found.end());
        if (nonce < limit) return nonce;
    }
    throw std::runtime_error("no nonce passes");
}

constexpr u64 GRIND_RANGE = 4096;

}  // namespace

u64 grind_poseidon2(const Kernels& kernels, const u32* state, usize slot, int bits) {
    const u32 mask = static_cast<u32>((u64{1} << bits) - 1);
    return first_passing(portable::P, GRIND_RANGE, [&](u64 start, u64 count) -> u64 {
        return kernels.poseidon2_grind(state, slot, static_cast<u32>(start), static_cast<u32>(count), mask);
    });
}

u64 grind_keccak(const Kernels& kernels, const u64* state, int bits) {
    return first_passing(u64{1} << 62, GRIND_RANGE,
                         [&](u64 start, u64 count) { return kernels.keccak_grind(state, start, count, bits); });
}

}  // namespace blindbook
