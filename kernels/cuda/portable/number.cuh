// Numbers as they lie in memory, half or single precision, and as kernels calculate: in float32.
#pragma once

#include "kernels/cuda/portable/launch.cuh"

namespace troupe::cuda {

__device__ __forceinline__ float load(const __half* from) {
  return __half2float(*from);
}
__device__ __forceinline__ float load(const float* from) {
  return *from;
}
__device__ __forceinline__ void store(__half* to, float value) {
  *to = __float2half(value);
}
__device__ __forceinline__ void store(float* to, float value) {
  *to = value;
}

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int bits = 16; bits > 0; bits >>= 1) value += __shfl_xor_sync(~0U, value, bits);
  return value;
}
__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int bits = 16; bits > 0; bits >>= 1) value = fmaxf(value, __shfl_xor_sync(~0U, value, bits));
  return value;
}

__device__ __forceinline__ float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::gelu:
      return 0.5F * x * (1.0F + erff(x * 0.70710678118654752F));
    case Activation::relu:
      return fmaxf(x, 0.0F);
    case Activation::tanh:
      return tanhf(x);
    case Activation::none:
      break;
  }
  return x;
}

}  // namespace troupe::cuda
