#include "poseidon2.hpp"

namespace blindbook::vm {
namespace {

std::uint32_t reduce(std::uint64_t x) { return static_cast<std::uint32_t>(x % field_order); }

std::uint32_t cube(std::uint32_t x) {
    const std::uint64_t square = reduce(std::uint64_t{x} * x);
    return reduce(square * x);
}

// M4 = [[2,3,1,1],[1,2,3,1],[1,1,2,3],[3,1,1,2]] on each block of four lanes, then the column sums are added.
void external_layer(PermutationState& s) {
    std::array<std::uint64_t, 16> t{};
    for (std::size_t block = 0; block < 16; block += 4) {
        const std::uint64_t a = s[block], b = s[block + 1], c = s[block + 2], d = s[block + 3];
        const std::uint64_t sum = a + b + c + d;
        t[block] = sum + a + 2 * b;
        t[block + 1] = sum + b + 2 * c;
        t[block + 2] = sum + c + 2 * d;
        t[block + 3] = sum + d + 2 * a;
    }
    for (std::size_t column = 0; column < 4; ++column) {
        const std::uint64_t sum = t[column] + t[column + 4] + t[column + 8] + t[column + 12];
        for (std::size_t lane = column; lane < 16; lane += 4) s[lane] = reduce(t[lane] + sum);
    }
}

void internal_layer(PermutationState& s, const PermutationState& diagonal) {
    std::uint64_t sum = 0;
    for (const std::uint32_t lane : s) sum += lane;
    for (std::size_t lane = 0; lane < 16; ++lane) s[lane] = reduce(sum + std::uint64_t{diagonal[lane]} * s[lane]);
}

void full_round(PermutationState& s, const PermutationState& constants) {
    for (std::size_t lane = 0; lane < 16; ++lane) s[lane] = cube(reduce(std::uint64_t{s[lane]} + constants[lane]));
    external_layer(s);
}

}  // namespace

void permute(PermutationState& state, const Poseidon2Constants& constants) {
    external_layer(state);
    for (std::size_t round = 0; round < 4; ++round) full_round(state, constants.full[round]);
    for (const std::uint32_t constant : constants.partial) {
        state[0] = cube(reduce(std::uint64_t{state[0]} + constant));
        internal_layer(state, constants.diagonal);
    }
    for (std::size_t round = 4; round < 8; ++round) full_round(state, constants.full[round]);
}

}  // namespace blindbook::vm
