// The tree of fractions over the LogUp leaves and the provers of its layers (section 7, steps 4 to 6).
#pragma once

#include <utility>
#include <vector>

#include "gpu/kernels/table.cuh"
#include "gpu/native/chip.hpp"
#include "gpu/native/extension_array.hpp"
#include "gpu/native/threads.hpp"

namespace blindbook {

// One layer: 2^log_size fractions in blocked arrays. In the leaf layer p holds base values, only `used` leaves are
// stored, and the others are (0, 1).
struct FractionLayer {
    int log_size = 0;
    bool leaves = false;
    usize used = 0;
    Buffer p, q;

    usize size() const { return usize{1} << log_size; }
};

// Consumes its layer: tables are folded in place.
class LayerProver {
  public:
    LayerProver(const Kernels& kernels, FractionLayer layer, std::vector<Element> point, Element combination);

    std::pair<Element, Element> round();
    void bind(const Element& challenge);
    // (p(rho,0), p(rho,1), q(rho,0), q(rho,1)).
    std::vector<Element> claims();

  private:
    static constexpr usize SCALAR_SIZE = 16;  // tables of at most this size are held as plain vectors

    const Kernels& kernels_;
    std::vector<Element> point_;
    Element combination_;
    FractionLayer layer_;
    Buffer folded_p_;       // p0 and s1 of the folded leaf layer
    u32* tables_[4] = {};   // p0, q0, p1 or s1, q1, blocked (base values in the first round of the leaf layer)
    usize size_ = 0;        // entries of a table
    bool first_ = true;     // nothing is bound yet, p1 is not yet s1
    bool pending_ = false;  // challenge_ is to be bound
    Element challenge_ = Element::zero();
    std::vector<Element> scalars_[4];  // used when size_ <= SCALAR_SIZE
    Buffer zeros_, ones_;              // a chunk of unused leaves

    bool is_scalar() const { return size_ <= SCALAR_SIZE; }
    void to_scalars();
    void bind_scalars();
    std::pair<Element, Element> scalar_round() const;
    std::pair<Element, Element> first_round(const EqTable& eq);
    std::pair<Element, Element> next_round(const EqTable& eq);
    const u32* leaf_source(usize table, usize position) const;
    Element leaf_value(usize table, usize index) const;
};

class FractionTree {
  public:
    // constants[c]: alpha and the powers of beta for chip c, as the evaluators want them.
    FractionTree(const Kernels& kernels, const std::vector<ChipTrace>& chips, const u32* constants, int log_leaves);
    FractionTree(const FractionTree&) = delete;
    FractionTree& operator=(const FractionTree&) = delete;

    std::pair<Element, Element> root() const;
    int log_leaves() const { return static_cast<int>(layers_.size()) - 1; }
    // Takes the layer out of the tree: each layer is proven once.
    LayerProver layer(usize index, std::vector<Element> point, const Element& combination);

  private:
    const Kernels& kernels_;
    std::vector<FractionLayer> layers_;  // root first

    void fill_leaves(FractionLayer& leaves, const std::vector<ChipTrace>& chips, const u32* constants);
    FractionLayer parents_of(const FractionLayer& children) const;
};

}  // namespace blindbook
