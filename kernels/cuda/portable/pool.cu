#include "kernels/cuda/portable/pool.hpp"

#include "kernels/cuda/portable/number.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

constexpr unsigned threads = 128;
constexpr unsigned warps = threads / lanes;

// A tile is one sequence. Dividing by the length makes dividing by the number of tokens needless.
__global__ void pool(Pool p) {
  TROUPE_SHARED(float, squares, warps);
  Tiles tiles(p.stage, p.extent->sequences);
  while (tiles.next()) {
    const std::uint32_t first = p.starts[tiles.tile()];
    const std::uint32_t end = p.starts[tiles.tile() + 1];
    float* const vector = p.vectors + std::size_t(tiles.tile()) * p.stride;
    float mine = 0;
    for (std::uint32_t c = threadIdx.x; c < p.width; c += threads) {
      float sum = 0;
      for (std::uint32_t token = first; token < end; ++token)
        sum += p.hidden[std::size_t(token) * p.stride + c];
      // As a mean, so that its square cannot overflow where the mean's does not.
      sum /= static_cast<float>(end - first);
      vector[c] = sum;
      mine += sum * sum;
    }
    mine = warp_sum(mine);
    if (threadIdx.x % lanes == 0) squares[threadIdx.x / lanes] = mine;
    __syncthreads();
    float all = 0;
    for (unsigned i = 0; i < warps; ++i) all += squares[i];
    const float length = sqrtf(all);
    for (std::uint32_t c = threadIdx.x; c < p.width; c += threads) vector[c] /= length;
  }
}

template <class T>
__global__ void gather_first(GatherFirst g) {
  Tiles tiles(g.stage, g.extent->sequences);
  while (tiles.next()) {
    const float* const from = g.hidden + std::size_t(g.starts[tiles.tile()]) * g.stride;
    T* const to = static_cast<T*>(g.rows) + std::size_t(tiles.tile()) * g.stride;
    for (std::uint32_t c = threadIdx.x; c < g.stride; c += threads) store(to + c, from[c]);
  }
}

}  // namespace

int launch_pool(const Pool& arguments, Stream stream) {
  const Shape shape{blocks_for(arguments.stage, arguments.sequences_max), threads};
  return launch(pool, shape, stream, arguments);
}

int launch_gather_first(const GatherFirst& arguments, Stream stream) {
  const Shape shape{blocks_for(arguments.stage, arguments.sequences_max), threads};
  return launch(arguments.number == Number::f16 ? gather_first<__half> : gather_first<float>, shape,
                stream, arguments);
}

}  // namespace troupe::cuda
