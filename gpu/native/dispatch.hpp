// Choice of the instruction set.
#pragma once

#include <string>
#include <vector>

#include "gpu/kernels/table.cuh"

namespace blindbook {

// The instruction sets of this build that this processor has, best first.
std::vector<std::string> available_instruction_sets();

// The kernels of an instruction set; throws std::invalid_argument for one that is not available.
const Kernels& find_kernels(const std::string& name);

}  // namespace blindbook
