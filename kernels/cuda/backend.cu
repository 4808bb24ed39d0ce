#include "kernels/cuda/backend.h"

#include <cuda_runtime.h>

#include <cstdio>

namespace {

// Appends to a text of bounded size; the rest is cut.
template <class... Values>
void append(char* text, size_t size, size_t& used, const char* pattern, Values... values) {
  if (used >= size) return;
  const int written = std::snprintf(text + used, size - used, pattern, values...);
  if (written > 0) used += static_cast<size_t>(written);
}

constexpr double gib = 1024.0 * 1024.0 * 1024.0;

}  // namespace

int troupe_cuda_describe(char* text, size_t size) {
  if (text == nullptr || size == 0) return -1;
  text[0] = '\0';
  size_t used = 0;
  int count = 0;
  if (const auto status = cudaGetDeviceCount(&count); status != cudaSuccess) {
    append(text, size, used, "%s", cudaGetErrorString(status));
    return -1;
  }
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    if (const auto status = cudaGetDeviceProperties(&properties, device); status != cudaSuccess) {
      append(text, size, used, "%d: %s\n", device, cudaGetErrorString(status));
      continue;
    }
    append(text, size, used, "%d: %s, %.0f GiB, compute capability %d.%d\n", device,
           properties.name, static_cast<double>(properties.totalGlobalMem) / gib, properties.major,
           properties.minor);
  }
  return count;
}
