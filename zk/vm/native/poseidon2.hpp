// Poseidon2 over KoalaBear, width 16 (proof system, section 3). Plain canonical arithmetic: the executor's share of the
// time is small, and this is not the prover's kernel.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace blindbook::vm {

constexpr std::uint32_t field_order = 0x7f000001;

using PermutationState = std::array<std::uint32_t, 16>;

struct Poseidon2Constants {
    std::array<PermutationState, 8> full;  // four first, four last rounds
    std::array<std::uint32_t, 20> partial;
    PermutationState diagonal;  // of the internal layer
};

void permute(PermutationState& state, const Poseidon2Constants& constants);

}  // namespace blindbook::vm
