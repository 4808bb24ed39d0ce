// Layer normalisation of one row by one warp, in float32.
#pragma once

#include "kernels/cuda/portable/number.cuh"

namespace troupe::cuda {

constexpr unsigned rows_per_block = 4;  // of kernels where each warp has a row

// Normalises row[0..width), which this warp has written, in place; a copy goes to `rounded` if
// there is one. Columns up to `stride` come out as the bias has them: zero.
template <class T>
__device__ void normalize_row(float* row, T* rounded, const float* gain, const float* bias,
                              std::uint32_t width, std::uint32_t stride, float epsilon) {
  const unsigned lane = threadIdx.x % lanes;
  float sum = 0;
  for (std::uint32_t i = lane; i < width; i += lanes) sum += row[i];
  const float mean = warp_sum(sum) / static_cast<float>(width);
  float squares = 0;
  for (std::uint32_t i = lane; i < width; i += lanes) squares += (row[i] - mean) * (row[i] - mean);
  const float scale = rsqrtf(warp_sum(squares) / static_cast<float>(width) + epsilon);
  for (std::uint32_t i = lane; i < stride; i += lanes) {
    const float y = i < width ? (row[i] - mean) * scale * gain[i] + bias[i] : 0.0F;
    row[i] = y;
    if (rounded != nullptr) store(rounded + i, y);
  }
}

}  // namespace troupe::cuda
