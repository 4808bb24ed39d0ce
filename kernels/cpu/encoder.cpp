#include "kernels/cpu/encoder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/assert.hpp"

namespace troupe::kernels::cpu {

EncoderWorkspace::EncoderWorkspace(const Tiles& tiles, const BertConfig& config,
                                   Precision precision, std::size_t tokens_max)
    : hidden_(tokens_max * row_stride(config.width)),
      sum_(hidden_.size()),
      qkv_(tokens_max * row_stride(3 * std::size_t{config.width})),
      context_(hidden_.size()),
      ffn_(tokens_max * row_stride(config.ffn_width)),
      logits_(tokens_max * row_stride(config.labels)),
      rounded_(Linear::rounded_size(std::max(config.width, config.ffn_width), precision)),
      mean_(config.width),
      attention_(tiles, config.heads, config.width / config.heads, config.tokens_max) {}

Encoder::Encoder(const Tiles& tiles, std::shared_ptr<const BertModel> model, Precision precision)
    : tiles_(tiles),
      model_(std::move(model)),
      precision_(precision),
      width_(model_->config.width),
      stride_(row_stride(width_)) {
  const std::size_t ffn_width = model_->config.ffn_width;
  layers_.reserve(model_->weights.layers.size());
  for (const auto& from : model_->weights.layers) {
    const std::array projections = {from.query, from.key, from.value};
    Layer layer;
    layer.query_key_value = Linear(tiles, width_, projections, precision);
    layer.attention_out = Linear(tiles, width_, {&from.attention_out, 1}, precision);
    layer.ffn_in = Linear(tiles, width_, {&from.ffn_in, 1}, precision);
    layer.ffn_out = Linear(tiles, ffn_width, {&from.ffn_out, 1}, precision);
    layers_.push_back(std::move(layer));
  }
  // One row for each text: nothing to gain from less than float32.
  if (const auto& head = model_->weights.head) {
    pooler_ = Linear(tiles, width_, {&head->pooler, 1});
    classifier_ = Linear(tiles, width_, {&head->classifier, 1});
  }
}

std::size_t Encoder::tokens_max() const noexcept {
  // Beyond this, speed no longer grows and the activations only leave the caches.
  constexpr std::size_t enough = 512;
  return std::max<std::size_t>(enough, config().tokens_max);
}

std::span<const std::string> Encoder::labels() const noexcept {
  const auto& head = model_->weights.head;
  return head ? std::span<const std::string>(head->names) : std::span<const std::string>();
}

EncoderWorkspace Encoder::make_workspace() const {
  return {tiles_, config(), precision_, tokens_max()};
}

void Encoder::encode(std::span<const Sequence> sequences, EncoderWorkspace& workspace,
                     const YieldHook& yield) const {
  std::size_t tokens = 0;
  for (const auto& sequence : sequences) tokens += sequence.ids.size();
  TROUPE_ASSERT(tokens <= tokens_max(), "a batch larger than its workspace");

  float* hidden = workspace.hidden_.data();
  float* sum = workspace.sum_.data();
  std::size_t token = 0;
  for (const auto& sequence : sequences) {
    embed(sequence.ids, hidden + token * stride_);
    token += sequence.ids.size();
    yield();
  }

  const std::size_t qkv_stride = row_stride(3 * width_);
  const std::size_t ffn_stride = row_stride(config().ffn_width);
  float* ffn = workspace.ffn_.data();
  std::uint16_t* rounded = workspace.rounded_.data();
  const Epilogue plain;
  const Epilogue gelu{Activation::gelu, nullptr, 0};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const BertLayerWeights& weights = model_->weights.layers[i];
    layer.query_key_value.apply(tiles_, hidden, stride_, tokens, plain, workspace.qkv_.data(),
                                qkv_stride, rounded, yield);
    attend(sequences, workspace, yield);
    const Epilogue add_hidden{Activation::none, hidden, stride_};
    layer.attention_out.apply(tiles_, workspace.context_.data(), stride_, tokens, add_hidden, sum,
                              stride_, rounded, yield);
    normalize(weights.attention_norm, tokens, sum);
    std::swap(hidden, sum);
    const Epilogue add_attended{Activation::none, hidden, stride_};
    layer.ffn_in.apply(tiles_, hidden, stride_, tokens, gelu, ffn, ffn_stride, rounded, yield);
    layer.ffn_out.apply(tiles_, ffn, ffn_stride, tokens, add_attended, sum, stride_, rounded,
                        yield);
    normalize(weights.ffn_norm, tokens, sum);
    std::swap(hidden, sum);
    yield();
  }

  token = 0;
  for (const auto& sequence : sequences) {
    if (sequence.vector != nullptr)
      pool(sequence.ids.size(), hidden + token * stride_, workspace.mean_, sequence.vector);
    token += sequence.ids.size();
    yield();
  }
  classify(sequences, hidden, workspace, yield);
}

void Encoder::embed(std::span<const std::int32_t> ids, float* hidden) const {
  const BertWeights& weights = model_->weights;
  const float* type = weights.type_embeddings.data();  // a single text is all of type 0
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const float* word = weights.word_embeddings.data() + static_cast<std::size_t>(ids[i]) * width_;
    const float* position = weights.position_embeddings.data() + i * width_;
    float* row = hidden + i * stride_;
    for (std::size_t j = 0; j < width_; ++j) row[j] = word[j] + position[j] + type[j];
  }
  normalize(weights.embedding_norm, ids.size(), hidden);
}

void Encoder::attend(std::span<const Sequence> sequences, EncoderWorkspace& workspace,
                     const YieldHook& yield) const {
  const std::size_t qkv_stride = row_stride(3 * width_);
  std::size_t token = 0;
  for (const auto& sequence : sequences) {
    workspace.attention_.run(workspace.qkv_.data() + token * qkv_stride, qkv_stride,
                             sequence.ids.size(), workspace.context_.data() + token * stride_,
                             stride_, yield);
    token += sequence.ids.size();
  }
}

void Encoder::classify(std::span<const Sequence> sequences, const float* hidden,
                       EncoderWorkspace& workspace, const YieldHook& yield) const {
  // The first tokens' rows side by side, in a buffer that attention no longer needs.
  float* firsts = workspace.context_.data();
  std::size_t rows = 0;
  for (const auto& sequence : sequences) {
    if (sequence.logits != nullptr) std::copy_n(hidden, width_, firsts + rows++ * stride_);
    hidden += sequence.ids.size() * stride_;
  }
  if (rows == 0) return;
  TROUPE_ASSERT(config().labels > 0, "a classification by a model that has no classifier");
  const Epilogue tanh{Activation::tanh, nullptr, 0};
  float* pooled = workspace.qkv_.data();
  const std::size_t logits_stride = row_stride(config().labels);
  float* logits = workspace.logits_.data();
  pooler_.apply(tiles_, firsts, stride_, rows, tanh, pooled, stride_, nullptr, yield);
  classifier_.apply(tiles_, pooled, stride_, rows, {}, logits, logits_stride, nullptr, yield);
  for (const auto& sequence : sequences) {
    if (sequence.logits == nullptr) continue;
    std::copy_n(logits, config().labels, sequence.logits);
    logits += logits_stride;
  }
}

void Encoder::pool(std::size_t tokens, const float* hidden, std::vector<double>& mean,
                   float* vector) const {
  std::fill(mean.begin(), mean.end(), 0.0);
  for (std::size_t i = 0; i < tokens; ++i) {
    const float* row = hidden + i * stride_;
    for (std::size_t j = 0; j < width_; ++j) mean[j] += static_cast<double>(row[j]);
  }
  // Dividing by the length makes dividing by the number of tokens needless.
  double squares = 0;
  for (const double sum : mean) squares += sum * sum;
  const double length = std::sqrt(squares);
  for (std::size_t j = 0; j < width_; ++j) vector[j] = static_cast<float>(mean[j] / length);
}

void Encoder::normalize(const NormWeights& norm, std::size_t tokens, float* hidden) const {
  tiles_.normalize(hidden, stride_, tokens, width_, norm.gain.data(), norm.bias.data(),
                   config().layer_norm_epsilon);
}

}  // namespace troupe::kernels::cpu
