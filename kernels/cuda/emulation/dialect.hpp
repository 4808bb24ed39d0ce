// CUDA's words for g++: with this in front, a kernel's source is C++ that runs one thread of a
// block (block.hpp). Only what the kernels of kernels/cuda/portable use. Included by
// portable/launch.cuh, nowhere else: the words are macros.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/emulation/block.hpp"
#include "kernels/cuda/half.hpp"

#define __global__
#define __device__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define threadIdx (::troupe::cuda::emulation::place().thread)
#define blockIdx (::troupe::cuda::emulation::place().block)
#define blockDim (::troupe::cuda::emulation::grid().threads)
#define gridDim (::troupe::cuda::emulation::grid().blocks)

#define TROUPE_SHARED(Type, name, count) \
  Type* const name = static_cast<Type*>( \
      ::troupe::cuda::emulation::shared(sizeof(Type) * (count), __FILE__, __LINE__))
#define TROUPE_SHARED_BY_LAUNCH(Type, name) \
  Type* const name = static_cast<Type*>(::troupe::cuda::emulation::shared(0, __FILE__, 0))

using __half = ::troupe::cuda::Half;

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

inline float __half2float(__half value) {
  return ::troupe::cuda::to_float(value);
}
inline __half __float2half(float value) {
  return ::troupe::cuda::to_half(value);
}

inline void __syncthreads(int line = __builtin_LINE()) {
  ::troupe::cuda::emulation::wait_for_block(line);
}
inline void __syncwarp(unsigned = ~0U, int line = __builtin_LINE()) {
  ::troupe::cuda::emulation::exchange(nullptr, 0, line);
}
template <class T>
T __shfl_sync(unsigned, T value, int lane, int line = __builtin_LINE()) {
  const auto* all = ::troupe::cuda::emulation::exchange(&value, sizeof value, line);
  std::memcpy(&value, all + (static_cast<unsigned>(lane) & 31U) * 32, sizeof value);
  return value;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int line = __builtin_LINE()) {
  return __shfl_sync(mask, value, static_cast<int>(threadIdx.x & 31U) ^ bits, line);
}

// One thread runs kernels, but the host may look at what they count.
inline std::uint32_t atomicAdd(std::uint32_t* where, std::uint32_t value) {
  return __atomic_fetch_add(where, value, __ATOMIC_SEQ_CST);
}

// Reads what the host may be writing.
inline std::uint32_t __ldcv(const std::uint32_t* where) {
  return __atomic_load_n(where, __ATOMIC_ACQUIRE);
}

inline float __expf(float x) {
  return std::exp(x);
}
inline float rsqrtf(float x) {
  return 1.0F / std::sqrt(x);
}
inline std::uint32_t __umulhi(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>(std::uint64_t{a} * b >> 32);
}
inline std::uint32_t __float_as_uint(float x) {
  return std::bit_cast<std::uint32_t>(x);
}
