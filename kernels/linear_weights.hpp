// The weights of one linear layer as views into a checkpoint: y = x * W^T + b.
#pragma once

#include <span>

namespace troupe::kernels {

struct LinearWeights {
  std::span<const float> weight;  // [out, in], row-major, as in the file
  std::span<const float> bias;    // [out]
};

}  // namespace troupe::kernels
