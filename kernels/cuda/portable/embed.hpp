// The first stage of an encoder: each token's three embeddings, summed and normalised.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

// Rows are `stride` numbers apart, a multiple of 64; columns from `width` on are zero in all tables
// and come out zero.
struct Embed {
  Number number;  // of the tables and of `rounded`
  std::uint32_t width;
  std::uint32_t stride;
  std::uint32_t tokens_max;  // what the launch is made for
  float epsilon;
  const Extent* extent;
  const std::int32_t* ids;        // [tokens], all within the vocabulary
  const std::int32_t* positions;  // [tokens]
  const void* words;              // [vocabulary, stride]
  const void* position_rows;      // [positions, stride]
  const void* type_row;           // [stride]: of type 0, to which a single text belongs
  const float* gain;              // [stride]
  const float* bias;              // [stride]
  float* hidden;                  // [tokens, stride]
  void* rounded;                  // the same in `number`; none in f32, where layers read `hidden`
  Stage stage;
};
int launch_embed(const Embed& arguments, Stream stream);

}  // namespace troupe::cuda
