#include "gpu/native/extension_array.hpp"

#include <algorithm>

namespace blindbook {

std::vector<Element> eq_vector(const std::vector<Element>& point, int first, int last) {
    std::vector<Element> table = {Element::one()};
    table.reserve(usize{1} << (last - first));
    for (int i = first; i < last; ++i) {
        const usize size = table.size();
        const portable::Factor<Fp> coordinate(point[static_cast<usize>(i)]);
        for (usize b = 0; b < size; ++b) {
            const Element upper = table[b] * coordinate;
            table.push_back(upper);
            table[b] = table[b] - upper;
        }
    }
    return table;
}

EqTable::EqTable(const std::vector<Element>& point, int variables)
    : inner_bits_(std::min(variables, INNER_BITS_MAX)),
      inner_(blocked_words(usize{1} << inner_bits_)),
      outer_(eq_vector(point, inner_bits_, variables)) {
    inner_.clear();
    const std::vector<Element> inner = eq_vector(point, 0, inner_bits_);
    for (usize i = 0; i < inner.size(); ++i) set_blocked(inner_.data(), i, inner[i]);
}

}  // namespace blindbook
