#include "kernels/cuda/portable/embed.hpp"

#include "kernels/cuda/portable/norm.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

template <class T>
__global__ void embed(Embed e) {
  const unsigned lane = threadIdx.x % lanes;
  const std::uint32_t tokens = e.extent->tokens;
  Tiles tiles(e.stage, (tokens + rows_per_block - 1) / rows_per_block);
  while (tiles.next()) {
    const std::size_t token = tiles.tile() * rows_per_block + threadIdx.x / lanes;
    if (token >= tokens) continue;
    const T* word = static_cast<const T*>(e.words) + std::size_t(e.ids[token]) * e.stride;
    const T* position =
        static_cast<const T*>(e.position_rows) + std::size_t(e.positions[token]) * e.stride;
    const T* type = static_cast<const T*>(e.type_row);
    float* row = e.hidden + token * e.stride;
    for (std::uint32_t i = lane; i < e.width; i += lanes)
      row[i] = load(word + i) + load(position + i) + load(type + i);
    T* rounded = e.rounded == nullptr ? nullptr : static_cast<T*>(e.rounded) + token * e.stride;
    normalize_row(row, rounded, e.gain, e.bias, e.width, e.stride, e.epsilon);
  }
}

}  // namespace

int launch_embed(const Embed& arguments, Stream stream) {
  const Shape shape{
      blocks_for(arguments.stage, (arguments.tokens_max + rows_per_block - 1) / rows_per_block),
      rows_per_block * lanes};
  return launch(arguments.number == Number::f16 ? embed<__half> : embed<float>, shape, stream,
                arguments);
}

}  // namespace troupe::cuda
