// Blocked extension arrays ([element / 16][5][16]) and eq tables on the host.
#pragma once

#include <vector>

#include "gpu/kernels/extension.cuh"
#include "gpu/native/buffer.hpp"
#include "gpu/native/threads.hpp"

namespace blindbook {

using portable::BLOCK;
using portable::Element;
using portable::EXT_BLOCK;
using portable::Fp;

inline usize blocked_words(usize count) { return (count + BLOCK - 1) / BLOCK * EXT_BLOCK; }

inline usize blocked_index(usize index) { return index / BLOCK * EXT_BLOCK + index % BLOCK; }

inline Element get_blocked(const u32* array, usize index) { return Element::load(array + blocked_index(index), BLOCK); }

inline void set_blocked(u32* array, usize index, const Element& value) {
    value.store(array + blocked_index(index), BLOCK);
}

inline Element interpolate(const Element& low, const Element& high, const Element& challenge) {
    return low + (high - low) * challenge;
}

// eq(point[0..variables), y) = inner[y mod 2^inner_bits] * outer[y >> inner_bits]. Rows of one `outer` entry form a
// chunk.
class EqTable {
  public:
    static constexpr int INNER_BITS_MAX = 10;

    EqTable(const std::vector<Element>& point, int variables);

    // Blocked; a table of fewer than 16 entries is filled with zeros.
    const u32* inner() const { return inner_.data(); }
    const std::vector<Element>& outer() const { return outer_; }
    usize chunk() const { return usize{1} << inner_bits_; }
    usize chunk_blocks() const { return (chunk() + BLOCK - 1) / BLOCK; }

  private:
    int inner_bits_;
    Buffer inner_;
    std::vector<Element> outer_;
};

// All eq(point[first..last), b).
std::vector<Element> eq_vector(const std::vector<Element>& point, int first, int last);

}  // namespace blindbook
