// Attention over packed sequences of different lengths: nothing is padded, nobody attends to
// another text.
//
// Source: the online softmax of Milakov and Gimelshein, "Online normalizer calculation for
// softmax", 2018, tiled as in Dao et al., "FlashAttention", NeurIPS 2022.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

constexpr std::uint32_t queries_per_block = 64;

// Up to queries_per_block neighbouring queries of one sequence.
struct QueryBlock {
  std::uint32_t first;   // token of the sequence
  std::uint32_t length;  // of the sequence
  std::uint32_t query;   // first query, counted within the sequence
  std::uint32_t unused;
};

// The columns of a query, a key or a value are heads * head_width; the three lie side by side in a
// row of qkv, each `stride` (a multiple of 64) numbers wide. head_width is at most head_width_max.
struct Attention {
  static constexpr std::uint32_t head_width_max = 128;

  Number number;
  std::uint32_t heads;
  std::uint32_t head_width;
  std::uint32_t stride;
  std::uint32_t query_blocks_max;
  float scale;  // of scores: 1 / sqrt(head_width)
  const Extent* extent;
  const QueryBlock* blocks;  // [query_blocks]
  const void* qkv;           // [tokens, 3 * stride]
  void* context;             // [tokens, stride]; columns beyond the heads are not written
  Stage stage;
};
int launch_attention(const Attention& arguments, Stream stream);

}  // namespace troupe::cuda
