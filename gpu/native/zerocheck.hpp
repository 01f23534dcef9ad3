// The batched zerocheck over all chips of a trace (section 8).
#pragma once

#include <array>
#include <vector>

#include "gpu/kernels/table.cuh"
#include "gpu/native/chip.hpp"
#include "gpu/native/extension_array.hpp"

namespace blindbook {

// One chip: G = sum of weights[k] * constraint_k + sum of affine[c] * column_c + a constant that no message depends on.
struct ZerocheckChip {
    ChipTrace trace;
    std::vector<u32> weights;  // [constraints][5]
    std::vector<u32> affine;   // [columns][5]
};

class ZerocheckProver {
  public:
    ZerocheckProver(const Kernels& kernels, std::vector<ZerocheckChip> chips, std::vector<Element> point);
    ZerocheckProver(const ZerocheckProver&) = delete;
    ZerocheckProver& operator=(const ZerocheckProver&) = delete;

    // (d, e2, e3).
    std::array<Element, 3> round();
    void bind(const Element& challenge);
    // Every column of every chip; all variables must be bound.
    std::vector<std::vector<Element>> column_evaluations() const;

  private:
    struct Table {
        ZerocheckChip chip;
        bool base = true;           // columns are still those of the trace
        usize size = 0;             // rows
        Buffer folded;              // blocked columns, then the affine column
        std::vector<u32*> columns;  // into `folded`
        u32* affine = nullptr;
        std::vector<const u32*> sources() const;
    };

    const Kernels& kernels_;
    std::vector<Table> tables_;
    std::vector<Element> point_;
    usize scratch_words_ = 0;
    bool between_ = false;  // a round was made and its challenge is awaited

    bool is_active(const Table& table) const { return table.size > (usize{1} << point_.size()); }
    std::array<Element, 3> small_round(const Table& table) const;
    void fold(Table& table, const Element& challenge);
    void fold_base(Table& table, const u32* challenge);
    void fold_small(Table& table, const Element& challenge);
};

}  // namespace blindbook
