// The tensor cores' product of two small matrices, held by a warp together: D[16 x 8] in float32 +=
// A[16 x 16] * B[16 x 8] in half precision. Lane l holds, with row = l / 4 and column = 2 * (l %
// 4):
//   a[0], a[1]  A at (row, column) and (row + 8, column), each with its right neighbour
//   a[2], a[3]  the same eight columns on
//   b[0], b[1]  B at (column, row) and (column + 8, row), each with the one below
//   d[0..3]     D at (row, column), (row, column + 1), (row + 8, column), (row + 8, column + 1)
//
// Source: "mma.m16n8k16" in NVIDIA's PTX ISA; any GPU since compute capability 8.0.
#pragma once

#include "kernels/cuda/portable/launch.cuh"

namespace troupe::cuda {

#if !defined(__CUDACC__)

// A warp's part on the CPU: what all lanes brought, turned into what each takes away.
inline void multiply_fragments(std::byte* slots) {
  struct Lane {
    std::uint16_t a[8];
    std::uint16_t b[4];
  };
  float a[16][16];
  float b[8][16];
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Lane from;
    std::memcpy(&from, slots + lane * emulation::exchange_bytes, sizeof from);
    const unsigned row = lane / 4;
    const unsigned column = lane % 4 * 2;
    for (unsigned i = 0; i < 8; ++i)
      a[row + i / 2 % 2 * 8][column + i % 2 + i / 4 * 8] = to_float({from.a[i]});
    for (unsigned i = 0; i < 4; ++i) b[row][column + i % 2 + i / 2 * 8] = to_float({from.b[i]});
  }
  for (unsigned lane = 0; lane < lanes; ++lane) {
    float sums[4];
    for (unsigned i = 0; i < 4; ++i) {
      const float* const x = a[lane / 4 + i / 2 * 8];
      const float* const w = b[lane % 4 * 2 + i % 2];
      sums[i] = 0;
      for (unsigned k = 0; k < 16; ++k) sums[i] += x[k] * w[k];
    }
    std::memcpy(slots + lane * emulation::exchange_bytes, sums, sizeof sums);
  }
}

#endif

__device__ __forceinline__ void multiply_add(float (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  const std::uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const std::byte* all = emulation::exchange(mine, sizeof mine, __LINE__, multiply_fragments);
  float sums[4];
  std::memcpy(sums, all + threadIdx.x % lanes * emulation::exchange_bytes, sizeof sums);
  for (int i = 0; i < 4; ++i) d[i] += sums[i];
#endif
}

// Two halves in one word, the first in the lower part.
__device__ __forceinline__ std::uint32_t pack(__half low, __half high) {
  std::uint16_t bits[2];
  memcpy(&bits[0], &low, sizeof low);
  memcpy(&bits[1], &high, sizeof high);
  return bits[0] | static_cast<std::uint32_t>(bits[1]) << 16;
}
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  return pack(__float2half(low), __float2half(high));
}

// Two neighbours at an even place.
__device__ __forceinline__ std::uint32_t load_pair(const __half* from) {
  return *reinterpret_cast<const std::uint32_t*>(from);
}

}  // namespace troupe::cuda
