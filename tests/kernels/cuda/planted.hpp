// Kernels with a bug in each, to see that the emulation finds it.
#pragma once

#include <cstdint>

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda::test {

struct Planted {
  const float* x;  // [256]
  float* y;        // [1]
  std::uint32_t count;
};

int launch_block_sum(const Planted& arguments, Stream stream);  // the one without a bug
int launch_missing_barrier(const Planted& arguments, Stream stream);
int launch_unwritten_shared_memory(const Planted& arguments, Stream stream);
int launch_divergent_barrier(const Planted& arguments, Stream stream);
int launch_barriers_at_two_places(const Planted& arguments, Stream stream);
int launch_shuffle_in_a_branch(const Planted& arguments, Stream stream);
int launch_shuffle_after_leaving(const Planted& arguments, Stream stream);
int launch_shared_overrun(const Planted& arguments, Stream stream);  // writes x[count] of count
int launch_shared_overrun_read(const Planted& arguments, Stream stream);  // reads there
int launch_too_much_shared_memory(const Planted& arguments, Stream stream);

}  // namespace troupe::cuda::test
