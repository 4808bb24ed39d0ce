#include "kernels/cuda/portable/bias_activation.hpp"

#include "kernels/cuda/portable/number.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

constexpr unsigned threads = 256;

// A tile is one token.
template <class T>
__global__ void bias_activation(BiasActivation b) {
  const Stage in_one_go;
  Tiles tiles(in_one_go, b.extent->tokens);
  while (tiles.next()) {
    T* row = static_cast<T*>(b.y) + std::size_t(tiles.tile()) * b.stride;
    for (std::uint32_t i = threadIdx.x; i < b.stride; i += threads)
      store(row + i, activate(b.activation, load(row + i) + b.bias[i]));
  }
}

}  // namespace

int launch_bias_activation(const BiasActivation& arguments, Stream stream) {
  const Shape shape{blocks_for(Stage(), arguments.tokens_max), threads};
  return launch(arguments.number == Number::f16 ? bias_activation<__half> : bias_activation<float>,
                shape, stream, arguments);
}

}  // namespace troupe::cuda
