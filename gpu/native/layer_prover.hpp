// The sumcheck of one layer of fractions (section 7, steps 5 and 6).
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "gpu/native/fraction_layer.hpp"

namespace blindbook {

// h at 0, the coefficient of X^2, and h at 1 (first round without a claim only), summed over rows.
struct LayerSums {
    Element at0 = Element::zero(), e = Element::zero(), at1 = Element::zero();
};

// Consumes its layer: tables are folded in place where nobody else reads them.
class LayerProver {
  public:
    // `claim`: p(point) + combination * q(point) of the layer above. It saves an evaluation of the first round; later
    // rounds follow the claim of the round before.
    LayerProver(const Kernels& kernels, FractionLayer layer, std::vector<Element> point, Element combination,
                std::optional<Element> claim);

    std::pair<Element, Element> round();
    void bind(const Element& challenge);
    // (p(rho,0), p(rho,1), q(rho,0), q(rho,1)).
    std::vector<Element> claims();

  private:
    static constexpr usize SCALAR_SIZE = 16;  // tables of at most this size are held as plain vectors

    // The round polynomial h(X) = at0 + d X + e (X^2 - X).
    struct Message {
        Element at0, d, e;
    };

    const Kernels& kernels_;
    std::vector<Element> point_;
    Element combination_;
    std::optional<Element> claim_;
    FractionLayer layer_;   // until the first fold
    Buffer folded_[2];      // what the first fold wrote that had no room in the layer
    u32* tables_[4] = {};   // p0, q0, p1 (s1 after the first round), q1, blocked
    usize size_ = 0;        // entries of a table
    usize filled_ = 0;      // entries of p1 and q1; the others are (0, 1)
    bool unfolded_ = true;  // values are those of the layer, p1 is not yet s1
    bool pending_ = false;  // challenge_ is to be bound
    Element challenge_ = Element::zero();
    Message message_ = {Element::zero(), Element::zero(), Element::zero()};
    std::vector<Element> scalars_[4];     // used when size_ <= SCALAR_SIZE
    Buffer zeros_, ones_, combinations_;  // a chunk of unused leaves: p1 (base), q1, s1
    Buffer spare_;                        // per thread: where folds of unused leaves are written

    bool is_scalar() const { return size_ <= SCALAR_SIZE; }
    bool is_in_place() const { return layer_.leaves == nullptr; }
    void to_scalars();
    void bind_scalars();
    Message scalar_round() const;
    void make_pads(usize chunk);
    FractionView upper_view(usize index) const;
    LayerSums first_round(const EqTable& eq, bool both, bool swapped);
    LayerSums next_round(const EqTable& eq, bool swapped);
    void choose_targets(u32** targets);
    void finish_fold(u32* const* targets);
    Message complete(const LayerSums& sums, const Element& coordinate, bool both, bool swapped) const;
};

}  // namespace blindbook
