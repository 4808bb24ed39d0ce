#include "kernels/bert.hpp"

#include <cmath>
#include <string>

#include "base/limits.hpp"

namespace troupe::kernels {
namespace {

constexpr std::uint32_t layers_max = 512;
constexpr std::uint32_t ffn_width_max = 8 * limits::embedding_width_max;

Error damaged(std::string what) {
  return {ErrorCode::model_damaged, std::move(what), "get the model again or choose another one"};
}

Status check_sizes(const BertConfig& config) {
  if (config.layers == 0 || config.layers > layers_max)
    return damaged("an encoder of " + std::to_string(config.layers) + " layers");
  if (config.width == 0 || config.width > limits::embedding_width_max)
    return damaged("an encoder " + std::to_string(config.width) + " wide");
  if (config.heads == 0 || config.width % config.heads != 0)
    return damaged(std::to_string(config.heads) + " heads do not divide a width of " +
                   std::to_string(config.width));
  if (config.ffn_width == 0 || config.ffn_width > ffn_width_max)
    return damaged("a feed-forward layer " + std::to_string(config.ffn_width) + " wide");
  if (config.vocabulary == 0 || config.token_types == 0)
    return damaged("an encoder without a vocabulary or token types");
  if (config.tokens_max == 0 || config.tokens_max > config.positions ||
      config.tokens_max > limits::tokens_per_batch_max)
    return damaged("texts of " + std::to_string(config.tokens_max) + " tokens with " +
                   std::to_string(config.positions) + " positions");
  if (config.labels > limits::labels_max)
    return damaged("a classifier of " + std::to_string(config.labels) + " labels");
  if (!(config.layer_norm_epsilon >= 0) || !std::isfinite(config.layer_norm_epsilon))
    return damaged("a layer-norm epsilon that is negative or not finite");
  return {};
}

// Collects the first tensor whose size is not what the config says.
class SizeCheck {
 public:
  void tensor(const char* name, std::span<const float> values, std::size_t rows,
              std::size_t columns) {
    if (!wrong_.empty() || values.size() == rows * columns) return;
    wrong_ = std::string(name) + " holds " + std::to_string(values.size()) + " numbers, not " +
             std::to_string(rows) + " x " + std::to_string(columns);
  }
  void linear(const char* name, const LinearWeights& layer, std::size_t out, std::size_t in) {
    tensor(name, layer.weight, out, in);
    tensor(name, layer.bias, out, 1);
  }
  void norm(const char* name, const NormWeights& layer, std::size_t width) {
    tensor(name, layer.gain, width, 1);
    tensor(name, layer.bias, width, 1);
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  std::string wrong_;
};

}  // namespace

Status check_model(const BertModel& model) {
  const BertConfig& config = model.config;
  const BertWeights& weights = model.weights;
  if (auto sizes = check_sizes(config); !sizes) return sizes;
  if (weights.layers.size() != config.layers)
    return damaged("weights for " + std::to_string(weights.layers.size()) + " layers, not " +
                   std::to_string(config.layers));
  const std::size_t width = config.width;
  SizeCheck check;
  check.tensor("word_embeddings", weights.word_embeddings, config.vocabulary, width);
  check.tensor("position_embeddings", weights.position_embeddings, config.positions, width);
  check.tensor("type_embeddings", weights.type_embeddings, config.token_types, width);
  check.norm("embedding_norm", weights.embedding_norm, width);
  for (const auto& layer : weights.layers) {
    check.linear("query", layer.query, width, width);
    check.linear("key", layer.key, width, width);
    check.linear("value", layer.value, width, width);
    check.linear("attention_out", layer.attention_out, width, width);
    check.norm("attention_norm", layer.attention_norm, width);
    check.linear("ffn_in", layer.ffn_in, config.ffn_width, width);
    check.linear("ffn_out", layer.ffn_out, width, config.ffn_width);
    check.norm("ffn_norm", layer.ffn_norm, width);
  }
  if (weights.head.has_value() != (config.labels > 0))
    return damaged("a classifier without labels, or labels without a classifier");
  if (weights.head) {
    check.linear("pooler", weights.head->pooler, width, width);
    check.linear("classifier", weights.head->classifier, config.labels, width);
  }
  if (weights.head && weights.head->names.size() != config.labels)
    return damaged(std::to_string(weights.head->names.size()) + " names for " +
                   std::to_string(config.labels) + " labels");
  if (!check.wrong().empty()) return damaged(check.wrong());
  return {};
}

}  // namespace troupe::kernels
