// The last stage of an encoder: each sequence's rows, added up and brought to unit length; or, for
// classifiers, the row of its first token.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

struct Pool {
  std::uint32_t width;
  std::uint32_t stride;  // of hidden's rows and of the result's
  std::uint32_t sequences_max;
  const Extent* extent;
  const std::uint32_t* starts;  // [sequences + 1]: where each begins, and where the last ends
  const float* hidden;          // [tokens, stride]
  float* vectors;               // [sequences, stride]: columns up to `width` are written
  Stage stage;
};
int launch_pool(const Pool& arguments, Stream stream);

struct GatherFirst {
  Number number;  // of rows
  std::uint32_t stride;
  std::uint32_t sequences_max;
  const Extent* extent;
  const std::uint32_t* starts;
  const float* hidden;
  void* rows;  // [sequences, stride]
  Stage stage;
};
int launch_gather_first(const GatherFirst& arguments, Stream stream);

}  // namespace troupe::cuda
