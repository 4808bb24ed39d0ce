// What the JSON files of a Hugging Face folder say about a BERT-class sentence encoder.
//
// config.json must be there. Read where they stand: sentence_bert_config.json (max_seq_length, the
// limit in tokens; tokenizer.json has another one, which sentence-transformers ignores, and so do
// we), tokenizer_config.json (case), modules.json and the pooling's config.json. Without
// modules.json the pooling is the mean, as sentence-transformers would have it.
//
// Devices pool by the mean over all tokens and scale to unit length. Whether modules.json asks for
// the latter (Normalize) makes no difference to a cosine and is not looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "kernels/bert.hpp"

namespace troupe::models {

// What a config may ask for at most, whatever its weights are.
namespace bert_limits {
inline constexpr std::uint32_t layers_max = 256;
inline constexpr std::uint32_t width_max = limits::embedding_width_max;
inline constexpr std::uint32_t ffn_width_max = 8 * width_max;
inline constexpr std::uint32_t positions_max = limits::tokens_per_batch_max;
inline constexpr std::uint32_t token_types_max = 1024;
}  // namespace bert_limits

struct EncoderConfig {
  kernels::BertConfig bert;
  bool lower_case = true;
  std::vector<std::string> labels;  // id2label, in the order of its numbers; empty without it
};

// Errors, each with file and key: model_missing, io; model_damaged for what contradicts itself or
// is over a limit; unsupported for what is sound but is not computed here (another architecture, an
// activation other than the exact GELU, another pooling).
Result<EncoderConfig> read_bert_config(const std::string& folder);

}  // namespace troupe::models
