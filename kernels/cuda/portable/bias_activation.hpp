// y = activation(y + bias), in place: what follows a matrix product of cuBLAS, whose own GELU is
// the approximate one. The portable product (gemm.hpp) does this by itself.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

// Runs in one go: it goes with cuBLAS, which does so too.
struct BiasActivation {
  Number number;
  Activation activation;
  std::uint32_t stride;  // a multiple of 64; all of it is worked on
  std::uint32_t tokens_max;
  const Extent* extent;
  const float* bias;  // [stride]
  void* y;            // [tokens, stride]
};
int launch_bias_activation(const BiasActivation& arguments, Stream stream);

}  // namespace troupe::cuda
