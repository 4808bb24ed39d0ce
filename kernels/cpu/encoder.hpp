// A BERT-class text encoder on the CPU: token ids in, one unit vector for each text out, or the
// scores of a classification head, or both.
//
// The tokens of a batch are packed one behind the other, without padding; only attention looks at
// where sequences begin and end. A sequence's vector is bitwise the same whoever shares its batch
// and however often the batch was interrupted, for one instruction set and precision.
//
// Source: Devlin et al., "BERT", NAACL 2019; mean pooling and normalisation as in Reimers and
// Gurevych, "Sentence-BERT", EMNLP 2019.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "kernels/bert.hpp"
#include "kernels/cpu/attention.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::kernels::cpu {

// One text of a batch, and where what is wanted of it goes.
struct Sequence {
  std::span<const std::int32_t> ids;
  float* vector = nullptr;  // room for the model's width; none: no embedding
  float* logits = nullptr;  // room for the model's labels; none: no classification
};

// The activations of one batch at a time, allocated once and never grown: room for
// Encoder::tokens_max() tokens.
class EncoderWorkspace {
 public:
  EncoderWorkspace(const Tiles& tiles, const BertConfig& config, Precision precision,
                   std::size_t tokens_max);

 private:
  friend class Encoder;
  FloatBuffer hidden_;                  // [tokens, width]: what the next layer reads
  FloatBuffer sum_;                     // [tokens, width]: a sublayer's output plus its input
  FloatBuffer qkv_;                     // [tokens, 3 width]
  FloatBuffer context_;                 // [tokens, width]: attention's output
  FloatBuffer ffn_;                     // [tokens, ffn_width]
  FloatBuffer logits_;                  // [tokens, labels]: a text has one token at least
  std::vector<std::uint16_t> rounded_;  // what a layer reads, in bf16
  std::vector<double> mean_;
  Attention attention_;
};

// Immutable after it is made; shared by threads as long as each has its own workspace.
class Encoder {
 public:
  // Packs a copy of the linear weights and keeps the model for the rest. The model passed
  // check_model().
  Encoder(const Tiles& tiles, std::shared_ptr<const BertModel> model,
          Precision precision = Precision::f32);

  // How many tokens one call of encode() takes: enough for the matrix products to run at full
  // speed, and at least the longest text.
  [[nodiscard]] std::size_t tokens_max() const noexcept;
  [[nodiscard]] const BertConfig& config() const noexcept { return model_->config; }
  // The names of config().labels.
  [[nodiscard]] std::span<const std::string> labels() const noexcept;
  [[nodiscard]] EncoderWorkspace make_workspace() const;

  // Every sequence has 1 to config().tokens_max ids, all of them below config().vocabulary, and
  // together they have at most tokens_max(); logits are asked for only where config().labels > 0.
  // The vector of a sequence comes out with unit length, or not finite if the weights make it so.
  // `yield` runs between tiles.
  void encode(std::span<const Sequence> sequences, EncoderWorkspace& workspace,
              const YieldHook& yield) const;

 private:
  struct Layer {
    Linear query_key_value, attention_out, ffn_in, ffn_out;
  };

  void embed(std::span<const std::int32_t> ids, float* hidden) const;
  void attend(std::span<const Sequence> sequences, EncoderWorkspace& workspace,
              const YieldHook& yield) const;
  void classify(std::span<const Sequence> sequences, const float* hidden,
                EncoderWorkspace& workspace, const YieldHook& yield) const;
  void pool(std::size_t tokens, const float* hidden, std::vector<double>& mean,
            float* vector) const;
  void normalize(const NormWeights& norm, std::size_t tokens, float* hidden) const;

  const Tiles& tiles_;
  std::shared_ptr<const BertModel> model_;
  Precision precision_;
  std::vector<Layer> layers_;
  Linear pooler_;  // these two empty without a head
  Linear classifier_;
  std::size_t width_;
  std::size_t stride_;  // of rows `width_` wide
};

}  // namespace troupe::kernels::cpu
