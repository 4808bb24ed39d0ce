// A BERT-class text encoder: its sizes and its weights, as float32 on the host. models/ fills these
// from a checkpoint; devices run them.
//
// Source: Devlin et al., "BERT", NAACL 2019; the layout is that of Hugging Face's BertModel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernels/linear_weights.hpp"

namespace troupe::kernels {

// What a device may calculate the layers' matrix products with weights in; everything else, the
// head included, is float32.
enum class Precision : std::uint8_t {
  f32,
  // Weights and their inputs rounded to bfloat16, products added in float32. Embeddings of
  // all-MiniLM-L6-v2 are then off by 0.4 % of their length on average and by 1 % at worst.
  bf16,
};

struct BertConfig {
  std::uint32_t layers = 0;
  std::uint32_t width = 0;      // hidden_size
  std::uint32_t heads = 0;      // width is a multiple of it
  std::uint32_t ffn_width = 0;  // intermediate_size
  std::uint32_t vocabulary = 0;
  std::uint32_t positions = 0;  // max_position_embeddings
  std::uint32_t token_types = 0;
  std::uint32_t tokens_max = 0;  // per text, special tokens included; at most `positions`
  std::uint32_t labels = 0;      // of the head; 0 without one
  float layer_norm_epsilon = 0;
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

// What a BERT that was tuned to classify adds: scores (logits) of its labels from the first token,
// classifier(tanh(pooler(hidden[0]))).
struct BertHead {
  LinearWeights pooler;            // [width, width]
  LinearWeights classifier;        // [labels, width]
  std::vector<std::string> names;  // of the labels
};

struct BertWeights {
  std::span<const float> word_embeddings;      // [vocabulary, width]
  std::span<const float> position_embeddings;  // [positions, width]
  std::span<const float> type_embeddings;      // [token_types, width]
  NormWeights embedding_norm;
  std::vector<BertLayerWeights> layers;
  std::optional<BertHead> head;  // none: the model gives embeddings only
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
