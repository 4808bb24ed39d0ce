// A linear layer: y = activation(x * weight^T + bias), for few tokens and for batches that may be
// interrupted; large ones that run in one go are cuBLAS's.
//
// A row's result is bitwise the same whatever the other rows and however many there are.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

// `in` and `out` are multiples of 64; what models do not fill is zero. Half precision multiplies on
// the tensor cores and adds in float32; single precision is float32 all through.
struct Gemm {
  Number number;  // of x and weight
  Number result;  // of y
  Activation activation;
  std::uint32_t in;
  std::uint32_t out;
  std::uint32_t rows_max;
  const std::uint32_t* rows;  // how many there are, in device memory
  const void* x;              // [rows, in]
  const void* weight;         // [out, in]
  const float* bias;          // [out]; none: zeros
  void* y;                    // [rows, out]
  Stage stage;
};
int launch_gemm(const Gemm& arguments, Stream stream);

}  // namespace troupe::cuda
