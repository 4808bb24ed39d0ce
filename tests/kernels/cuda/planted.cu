#include "tests/kernels/cuda/planted.hpp"

#include "kernels/cuda/portable/number.cuh"

namespace troupe::cuda::test {
namespace {

constexpr unsigned threads = 256;
constexpr unsigned warps = threads / lanes;

template <bool with_barrier, bool all_written>
__global__ void block_sum(Planted p) {
  TROUPE_SHARED(float, sums, warps);
  const unsigned warp = threadIdx.x / lanes;
  const float sum = warp_sum(p.x[threadIdx.x]);
  if (threadIdx.x % lanes == 0 && (all_written || warp > 0)) sums[warp] = sum;
  if (with_barrier) __syncthreads();
  if (threadIdx.x != 0) return;
  float all = 0;
  for (unsigned i = 0; i < warps; ++i) all += sums[i];
  p.y[0] = all;
}

__global__ void divergent_barrier(Planted p) {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    p.y[0] = warp_sum(1.0F);
}

__global__ void barriers_at_two_places(Planted p) {
  if (threadIdx.x < 64) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  p.y[0] = 1;
}

__global__ void shuffle_in_a_branch(Planted p) {
  if (threadIdx.x % 2 == 0) p.y[0] = __shfl_xor_sync(~0U, 1.0F, 2);
}

__global__ void shuffle_after_leaving(Planted p) {
  if (threadIdx.x == 7) return;
  p.y[0] = warp_sum(1.0F);
}

__global__ void shared_overrun(Planted p) {
  TROUPE_SHARED(float, squares, threads);
  if (threadIdx.x <= p.count) squares[threadIdx.x < p.count ? threadIdx.x : threads] = 1;
  __syncthreads();
  p.y[0] = squares[0];
}

__global__ void shared_overrun_read(Planted p) {
  TROUPE_SHARED(float, squares, threads);
  squares[threadIdx.x] = 1;
  __syncthreads();
  p.y[0] = squares[p.count + threads];
}

__global__ void too_much_shared_memory(Planted p) {
  TROUPE_SHARED(float, squares, 13 * 1024);
  squares[threadIdx.x] = 1;
  p.y[0] = squares[threadIdx.x];
}

constexpr Shape one_block{1, threads};

}  // namespace

int launch_block_sum(const Planted& arguments, Stream stream) {
  return launch(block_sum<true, true>, one_block, stream, arguments);
}
int launch_missing_barrier(const Planted& arguments, Stream stream) {
  return launch(block_sum<false, true>, one_block, stream, arguments);
}
int launch_unwritten_shared_memory(const Planted& arguments, Stream stream) {
  return launch(block_sum<true, false>, one_block, stream, arguments);
}
int launch_divergent_barrier(const Planted& arguments, Stream stream) {
  return launch(divergent_barrier, one_block, stream, arguments);
}
int launch_barriers_at_two_places(const Planted& arguments, Stream stream) {
  return launch(barriers_at_two_places, one_block, stream, arguments);
}
int launch_shuffle_in_a_branch(const Planted& arguments, Stream stream) {
  return launch(shuffle_in_a_branch, one_block, stream, arguments);
}
int launch_shuffle_after_leaving(const Planted& arguments, Stream stream) {
  return launch(shuffle_after_leaving, one_block, stream, arguments);
}
int launch_shared_overrun(const Planted& arguments, Stream stream) {
  return launch(shared_overrun, one_block, stream, arguments);
}
int launch_shared_overrun_read(const Planted& arguments, Stream stream) {
  return launch(shared_overrun_read, one_block, stream, arguments);
}
int launch_too_much_shared_memory(const Planted& arguments, Stream stream) {
  return launch(too_much_shared_memory, one_block, stream, arguments);
}

}  // namespace troupe::cuda::test
