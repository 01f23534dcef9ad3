// The kernel table of one instruction set: this file is compiled once for each (see CMakeLists.txt).
#include "gpu/kernels/conversion.cuh"
#include "gpu/kernels/fraction.cuh"
#include "gpu/kernels/merkle.cuh"
#include "gpu/kernels/ntt.cuh"
#include "gpu/kernels/opening.cuh"
#include "gpu/kernels/table.cuh"
#include "gpu/kernels/univariate.cuh"
#include "gpu/kernels/zerocheck.cuh"

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
        .fraction_parents = fraction_parents,
        .leaf_parents = leaf_parents,
        .mixed_parents = mixed_parents,
        .layer_first_round = layer_first_round,
        .leaf_first_round = leaf_first_round,
        .mixed_first_round = mixed_first_round,
        .pad_first_round = pad_first_round,
        .layer_next_round = layer_next_round,
        .leaf_next_round = leaf_next_round,
        .mixed_next_round = mixed_next_round,
        .pad_next_round = pad_next_round,
        .zerocheck_base_round = zerocheck_base_round,
        .zerocheck_extension_round = zerocheck_extension_round,
        .zerocheck_base_fold = zerocheck_base_fold,
        .extension_fold = extension_fold,
        .combine_columns = combine_columns,
        .add_tables = add_tables,
        .add_base_powers = add_base_powers,
        .weighted_round = weighted_round,
        .weighted_next_round = weighted_next_round,
        .planes_fold = planes_fold,
        .multiply_base = multiply_base,
        .multiply_extension = multiply_extension,
    };
    return table;
}

}  // namespace blindbook::BLINDBOOK_ISA
