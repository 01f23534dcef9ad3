// The tree of fractions over the LogUp leaves (section 7, step 4).
#pragma once

#include <utility>
#include <vector>

#include "gpu/kernels/table.cuh"
#include "gpu/native/chip.hpp"
#include "gpu/native/fraction_layer.hpp"
#include "gpu/native/layer_prover.hpp"

namespace blindbook {

class FractionTree {
  public:
    // constants[c]: alpha and the powers of beta for chip c, as the evaluators want them.
    FractionTree(const Kernels& kernels, const std::vector<ChipTrace>& chips, const u32* constants, int log_leaves);
    FractionTree(const FractionTree&) = delete;
    FractionTree& operator=(const FractionTree&) = delete;

    std::pair<Element, Element> root() const;
    int log_leaves() const { return static_cast<int>(layers_.size()) - 1; }
    // Takes the layer out of the tree: each layer is proven once, the one above the leaves before the leaves.
    LayerProver layer(usize index, std::vector<Element> point, const Element& combination,
                      const std::optional<Element>& claim);

  private:
    const Kernels& kernels_;
    std::vector<FractionLayer> layers_;  // root first

    void fill_leaves(FractionLeaves& leaves, const std::vector<ChipTrace>& chips, const u32* constants);
    FractionLayer parents_of(const FractionLayer& children) const;
    void merge(const FractionLayer& children, FractionLayer& parents) const;
};

}  // namespace blindbook
