// Attention of one sequence, head by head: softmax(Q K^T / sqrt(d)) V, over the sequence's own
// tokens only, so that a batch needs no padding and no mask.
//
// Source: Vaswani et al., "Attention is all you need", NIPS 2017. Keys and values of a head are
// packed into panels and both products run on the device's microkernel.
#pragma once

#include <cstddef>

#include "base/tensor.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::kernels::cpu {

// Owns the buffers one sequence needs, made once for the longest. One thread at a time.
class Attention {
 public:
  Attention(const Tiles& tiles, std::size_t heads, std::size_t head_width, std::size_t length_max);

  // `qkv` holds `length` rows of queries, keys and values side by side, each heads * head_width
  // wide; `context` gets `length` rows of heads * head_width. 1 <= length <= length_max.
  void run(const float* qkv, std::size_t qkv_stride, std::size_t length, float* context,
           std::size_t context_stride, const YieldHook& yield);

 private:
  void pack_keys(const float* keys, std::size_t stride, std::size_t length);
  void pack_values(const float* values, std::size_t stride, std::size_t length);
  void attend(const float* queries, std::size_t stride, std::size_t rows, std::size_t length);

  const Tiles& tiles_;
  const std::size_t heads_;
  const std::size_t head_width_;
  const std::size_t value_columns_;  // head_width_ in whole vectors
  FloatBuffer keys_;                 // panels of [head_width, panel_columns]
  FloatBuffer values_;               // panels of [length, up to panel_columns]
  FloatBuffer scores_;               // [rows, length in whole panels]
  FloatBuffer context_;              // [rows, value_columns_]
};

}  // namespace troupe::kernels::cpu
