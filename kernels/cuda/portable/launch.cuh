// The ground under every portable kernel: CUDA's words from nvcc, or from the emulation when g++
// compiles the same source, and how a kernel is launched in either world.
//
// Portable means: shuffles, barriers, shared memory below 48 KiB, mma.sync; nothing that only one
// architecture has.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

#if defined(__CUDACC__)

#include <cuda_fp16.h>
#include <cuda_runtime.h>

// An array in shared memory, its size known when compiling, or given by the launch.
#define TROUPE_SHARED(Type, name, count) __shared__ Type name[count]
#define TROUPE_SHARED_BY_LAUNCH(Type, name)                     \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  Type* const name = reinterpret_cast<Type*>(name##_bytes)

#else

#include "kernels/cuda/emulation/dialect.hpp"
#include "kernels/cuda/emulation/queue.hpp"

#endif

namespace troupe::cuda {

constexpr unsigned lanes = 32;

// Blocks in one dimension: kernels count their work in tiles (tiles.cuh).
struct Shape {
  unsigned blocks = 1;
  unsigned threads = lanes;
  unsigned shared_bytes = 0;
};

// Returns cudaGetLastError(). No blocks are no launch.
template <class Arguments>
int launch(void (*kernel)(Arguments), const Shape& shape, Stream stream,
           const Arguments& arguments) {
  if (shape.blocks == 0) return 0;
#if defined(__CUDACC__)
  kernel<<<shape.blocks, shape.threads, shape.shared_bytes, static_cast<cudaStream_t>(stream)>>>(
      arguments);
  return static_cast<int>(cudaGetLastError());
#else
  return static_cast<emulation::Queue*>(stream)->launch(
      {{shape.blocks}, {shape.threads}, shape.shared_bytes},
      [kernel, arguments] { kernel(arguments); });
#endif
}

}  // namespace troupe::cuda
