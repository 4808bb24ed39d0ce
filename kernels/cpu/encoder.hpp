// A BERT-class text encoder on the CPU: token ids in, one unit vector for each text out.
//
// The tokens of a batch are packed one behind the other, without padding; only attention looks at
// where sequences begin and end. A sequence's vector is bitwise the same whoever shares its batch
// and however often the batch was interrupted, for one instruction set.
//
// Source: Devlin et al., "BERT", NAACL 2019; mean pooling and normalisation as in Reimers and
// Gurevych, "Sentence-BERT", EMNLP 2019.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/tensor.hpp"
#include "kernels/bert.hpp"
#include "kernels/cpu/attention.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::kernels::cpu {

// One text of a batch. `vector` has room for the model's width.
struct Sequence {
  std::span<const std::int32_t> ids;
  float* vector = nullptr;
};

// The activations of one batch at a time, allocated once and never grown: room for
// Encoder::tokens_max() tokens.
class EncoderWorkspace {
 public:
  EncoderWorkspace(const Tiles& tiles, const BertConfig& config, std::size_t tokens_max);

 private:
  friend class Encoder;
  FloatBuffer hidden_;   // [tokens, width]: what the next layer reads
  FloatBuffer sum_;      // [tokens, width]: a sublayer's output plus its input
  FloatBuffer qkv_;      // [tokens, 3 width]
  FloatBuffer context_;  // [tokens, width]: attention's output
  FloatBuffer ffn_;      // [tokens, ffn_width]
  std::vector<double> mean_;
  Attention attention_;
};

// Immutable after it is made; shared by threads as long as each has its own workspace.
class Encoder {
 public:
  // Packs a copy of the linear weights and keeps the model for the rest. The model passed
  // check_model().
  Encoder(const Tiles& tiles, std::shared_ptr<const BertModel> model);

  // How many tokens one call of encode() takes: enough for the matrix products to run at full
  // speed, and at least the longest text.
  [[nodiscard]] std::size_t tokens_max() const noexcept;
  [[nodiscard]] const BertConfig& config() const noexcept { return model_->config; }
  [[nodiscard]] EncoderWorkspace make_workspace() const;

  // Every sequence has 1 to config().tokens_max ids, all of them below config().vocabulary, and
  // together they have at most tokens_max(). The vector of a sequence comes out with unit length,
  // or not finite if the weights make it so. `yield` runs between tiles.
  void encode(std::span<const Sequence> sequences, EncoderWorkspace& workspace,
              const YieldHook& yield) const;

 private:
  struct Layer {
    Linear query_key_value, attention_out, ffn_in, ffn_out;
  };

  void embed(std::span<const std::int32_t> ids, float* hidden) const;
  void attend(std::span<const Sequence> sequences, EncoderWorkspace& workspace,
              const YieldHook& yield) const;
  void pool(std::size_t tokens, const float* hidden, std::vector<double>& mean,
            float* vector) const;
  void normalize(const NormWeights& norm, std::size_t tokens, float* hidden) const;

  const Tiles& tiles_;
  std::shared_ptr<const BertModel> model_;
  std::vector<Layer> layers_;
  std::size_t width_;
  std::size_t stride_;  // of rows `width_` wide
};

}  // namespace troupe::kernels::cpu
