// The permutation of the guest: the Poseidon2 coprocessor (proof system 20, call 3). Included before the hasher.
#pragma once

#include "blindbook_guest.hpp"
#include "matching/types.hpp"

namespace matching {

inline void permute(u32* state) { guest::p2_permute(std::span<std::uint32_t, 16>(state, 16)); }
inline void permute_node(u32* state) { guest::p2_node(std::span<std::uint32_t, 16>(state, 16)); }

}  // namespace matching
