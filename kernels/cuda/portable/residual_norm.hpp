// What follows the attention and the feed-forward part of a layer: hidden = LN(hidden + x + bias).
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

// Rows and columns as in embed.hpp. In place, and yet resumable: a tile reads and writes its own
// rows only.
struct ResidualNorm {
  Number number;  // of `rounded`
  std::uint32_t width;
  std::uint32_t stride;
  std::uint32_t tokens_max;
  float epsilon;
  const Extent* extent;
  const float* x;           // [tokens, stride]
  const float* layer_bias;  // [stride]: of the linear layer that made x
  const float* gain;        // [stride]
  const float* bias;        // [stride]
  float* hidden;            // [tokens, stride]: read and written
  void* rounded;            // as in embed.hpp
  Stage stage;
};
int launch_residual_norm(const ResidualNorm& arguments, Stream stream);

}  // namespace troupe::cuda
