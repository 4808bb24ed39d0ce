// A BERT-class text encoder: its sizes and its weights, as float32 on the host. models/ fills these
// from a checkpoint; devices run them.
//
// Source: Devlin et al., "BERT", NAACL 2019; the layout is that of Hugging Face's BertModel.
// Linear weights are [out, in] row-major, as in the file: y = x * W^T + b.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace troupe::kernels {

struct BertConfig {
  std::uint32_t layers = 0;
  std::uint32_t width = 0;      // hidden_size
  std::uint32_t heads = 0;      // width is a multiple of it
  std::uint32_t ffn_width = 0;  // intermediate_size
  std::uint32_t vocabulary = 0;
  std::uint32_t positions = 0;  // max_position_embeddings
  std::uint32_t token_types = 0;
  std::uint32_t tokens_max = 0;  // per text, special tokens included; at most `positions`
  float layer_norm_epsilon = 0;
};

struct LinearWeights {
  std::span<const float> weight;  // [out, in]
  std::span<const float> bias;    // [out]
};

struct NormWeights {
  std::span<const float> gain;  // [width]
  std::span<const float> bias;
};

struct BertLayerWeights {
  LinearWeights query, key, value, attention_out;
  NormWeights attention_norm;
  LinearWeights ffn_in, ffn_out;
  NormWeights ffn_norm;
};

struct BertWeights {
  std::span<const float> word_embeddings;      // [vocabulary, width]
  std::span<const float> position_embeddings;  // [positions, width]
  std::span<const float> type_embeddings;      // [token_types, width]
  NormWeights embedding_norm;
  std::vector<BertLayerWeights> layers;
};

// One checkpoint, shared by every device that runs it. `storage` keeps alive what the spans point
// into (a file's mapping, converted copies).
struct BertModel {
  BertConfig config;
  BertWeights weights;
  std::shared_ptr<const void> storage;
};

// Whether a device can run the model: sizes that make sense together and lie within
// base/limits.hpp, weights of exactly those sizes. Every device asks before it opens. Errors:
// model_damaged.
Status check_model(const BertModel& model);

}  // namespace troupe::kernels
