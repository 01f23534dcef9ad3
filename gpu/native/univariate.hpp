// Evaluation of univariate polynomials with base coefficients at extension points.
#pragma once

#include "gpu/kernels/table.cuh"
#include "gpu/native/extension_array.hpp"

namespace blindbook {

// sum_b values[b] point^b.
Element evaluate_univariate(const Kernels& kernels, const u32* values, usize size, const Element& point);

}  // namespace blindbook
