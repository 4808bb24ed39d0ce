// The layers that models are made of, in float64 and as the textbook writes them: what each kernel
// of a device is compared with.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/bert.hpp"

namespace troupe::kernels::ref {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

Row linear(const LinearWeights& layer, const Row& x);
Rows linear(const LinearWeights& layer, const Rows& xs);

Row normalized(const NormWeights& norm, const Row& x, double epsilon);

double gelu(double x);  // the exact one

// Of one sequence, every head_width columns by themselves.
Rows attention(const Rows& queries, const Rows& keys, const Rows& values, std::size_t head_width);

}  // namespace troupe::kernels::ref
