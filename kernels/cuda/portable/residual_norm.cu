#include "kernels/cuda/portable/residual_norm.hpp"

#include "kernels/cuda/portable/norm.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

template <class T>
__global__ void residual_norm(ResidualNorm r) {
  const unsigned lane = threadIdx.x % lanes;
  const std::uint32_t tokens = r.extent->tokens;
  Tiles tiles(r.stage, (tokens + rows_per_block - 1) / rows_per_block);
  while (tiles.next()) {
    const std::size_t token = tiles.tile() * rows_per_block + threadIdx.x / lanes;
    if (token >= tokens) continue;
    const float* x = r.x + token * r.stride;
    float* row = r.hidden + token * r.stride;
    for (std::uint32_t i = lane; i < r.width; i += lanes) row[i] += x[i] + r.layer_bias[i];
    T* rounded = r.rounded == nullptr ? nullptr : static_cast<T*>(r.rounded) + token * r.stride;
    normalize_row(row, rounded, r.gain, r.bias, r.width, r.stride, r.epsilon);
  }
}

}  // namespace

int launch_residual_norm(const ResidualNorm& arguments, Stream stream) {
  const Shape shape{
      blocks_for(arguments.stage, (arguments.tokens_max + rows_per_block - 1) / rows_per_block),
      rows_per_block * lanes};
  return launch(arguments.number == Number::f16 ? residual_norm<__half> : residual_norm<float>,
                shape, stream, arguments);
}

}  // namespace troupe::cuda
