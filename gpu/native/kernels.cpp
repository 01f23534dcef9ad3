// The kernel table of one instruction set: this file is compiled once for each (see CMakeLists.txt).
#include "gpu/kernels/conversion.cuh"
#include "gpu/kernels/merkle.cuh"
#include "gpu/kernels/ntt.cuh"
#include "gpu/kernels/table.cuh"
#include "gpu/kernels/univariate.cuh"

#define BLINDBOOK_STRING_OF(name) #name
#define BLINDBOOK_STRING(name) BLINDBOOK_STRING_OF(name)

namespace blindbook::BLINDBOOK_ISA {

const Kernels& kernels() {
    static constexpr Kernels table = {
        .name = BLINDBOOK_STRING(BLINDBOOK_ISA),
        .to_montgomery = to_montgomery,
        .from_montgomery = from_montgomery,
        .transform = transform,
        .poseidon2_permute = poseidon2_permute_all,
        .keccak_permute = keccak_permute_all,
        .poseidon2_leaves = poseidon2_leaves,
        .poseidon2_nodes = poseidon2_nodes,
        .poseidon2_node_pairs = poseidon2_node_pairs,
        .poseidon2_grind = poseidon2_grind,
        .keccak_leaves = keccak_leaves,
        .keccak_nodes = keccak_nodes,
        .keccak_node_pairs = keccak_node_pairs,
        .keccak_grind = keccak_grind,
        .weighted_runs = weighted_runs,
        .base_dots = base_dots,
        .multiply_base = multiply_base,
        .multiply_extension = multiply_extension,
    };
    return table;
}

}  // namespace blindbook::BLINDBOOK_ISA
