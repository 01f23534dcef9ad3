// Sumcheck over f * w for the stacked opening (sections 9.2, 9.3 and 18).
//
// The first rounds never build w over 2^n: f is seen as columns of 2^v rows, cut into blocks of 256. On a block the
// weights are
//   a * z^t + e * eq(r[0..8), t) + (weights of columns shorter than a block),
// so <f, z^t>, <f, eq> of each block, and the products of all columns with the few blocks of short columns, decide the
// messages. Once `values` or new weights are asked for (or the columns would get too short) f and w are written out as
// extension planes.
#pragma once

#include <utility>
#include <vector>

#include "gpu/kernels/table.cuh"
#include "gpu/native/extension_array.hpp"

namespace blindbook {

struct OpeningPiece {
    usize offset = 0;
    const u32* values = nullptr;
    usize size = 0;
};

struct OpeningClaim {
    usize offset = 0;
    int log_height = 0;
    Element coefficient = Element::zero();
};

class WeightedSumProver {
  public:
    WeightedSumProver(const Kernels& kernels, std::vector<OpeningPiece> pieces, int log_size,
                      const Element& out_of_domain, const std::vector<Element>& point,
                      const std::vector<OpeningClaim>& claims);
    WeightedSumProver(const WeightedSumProver&) = delete;
    WeightedSumProver& operator=(const WeightedSumProver&) = delete;

    // (c0, c2).
    std::pair<Element, Element> round();
    void bind(const Element& challenge);
    usize size();  // entries of the folded f
    // planes: [5][size()].
    void copy_values(u32* planes);
    // Adds sum of coefficients[s] * points[s]^b to the weights.
    void add_univariate(const std::vector<Element>& coefficients, const std::vector<Element>& points);

  private:
    static constexpr int LOG_RUN = 8;
    static constexpr usize RUN = usize{1} << LOG_RUN;
    static constexpr int COLUMN_BITS_MAX = 8;  // rounds without written-out weights

    // Weights of the short columns in one block, a factor, and their products with the block of the same rows in all
    // columns.
    struct ShortBlock {
        usize column = 0, row = 0;  // block = column * (blocks of a column) + row
        Buffer weights;             // [5][RUN]
        Element factor = Element::one();
        std::vector<Element> products;  // one per column
    };

    const Kernels& kernels_;
    std::vector<OpeningPiece> pieces_;
    int variables_;     // not yet bound
    int log_rows_ = 0;  // of a column, while structured
    bool dense_ = false;
    bool pending_ = false;  // dense: challenge_ is to be bound
    Element challenge_ = Element::zero();

    Buffer tables_;                                // [2][5][RUN]: z^t, eq(r[0..8), t)
    std::vector<std::pair<usize, Buffer>> tails_;  // block number, padded copy of a piece's end
    std::vector<Element> point_sums_, eq_sums_, point_weights_, eq_weights_;  // per block
    std::vector<ShortBlock> short_blocks_;
    std::vector<Element> challenges_;  // highest variable first

    Buffer f_, w_;  // planes [5][stride_]
    usize stride_ = 0;

    bool is_structured_possible(const std::vector<OpeningClaim>& claims) const;
    void start_structured(const Element& out_of_domain, const std::vector<Element>& point,
                          const std::vector<OpeningClaim>& claims);
    void add_claim(const OpeningClaim& claim, const std::vector<Element>& point);
    void start_dense(const Element& out_of_domain, const std::vector<Element>& point,
                     const std::vector<OpeningClaim>& claims);
    const u32* block_values(usize block) const;
    void sum_blocks();
    void multiply_short_blocks();
    std::pair<Element, Element> structured_round() const;
    void fold_structured(const Element& challenge);
    void write_out();
    void flush();
};

}  // namespace blindbook
