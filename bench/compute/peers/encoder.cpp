#include "bench/compute/peers/encoder.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "kernels/cpu/linear.hpp"

namespace troupe::bench::compute::peers {

using kernels::cpu::row_stride;

PeerEncoder::PeerEncoder(const Library& library, const kernels::cpu::Tiles& tiles,
                         std::shared_ptr<const kernels::BertModel> model, std::size_t tokens_max)
    : tiles_(tiles),
      model_(std::move(model)),
      width_(model_->config.width),
      stride_(row_stride(width_)),
      attention_(tiles, model_->config.heads, width_ / model_->config.heads,
                 model_->config.tokens_max),
      hidden_(tokens_max * stride_),
      out_(hidden_.size()),
      qkv_(tokens_max * row_stride(3 * width_)),
      ffn_(tokens_max * row_stride(model_->config.ffn_width)) {
  for (const auto& from : model_->weights.layers) {
    const std::array projections = {from.query, from.key, from.value};
    layers_.push_back({library.make(width_, projections),
                       library.make(width_, {&from.attention_out, 1}),
                       library.make(width_, {&from.ffn_in, 1}),
                       library.make(model_->config.ffn_width, {&from.ffn_out, 1})});
  }
}

void PeerEncoder::encode(const std::vector<Ids>& texts) {
  const std::size_t tokens = tokens_of(texts);
  const std::size_t qkv_stride = row_stride(3 * width_);
  const std::size_t ffn_stride = row_stride(model_->config.ffn_width);
  embed(texts);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const auto& weights = model_->weights.layers[i];
    layer.query_key_value->apply(hidden_.data(), stride_, tokens, qkv_.data(), qkv_stride);
    std::size_t token = 0;
    for (const auto& ids : texts) {
      attention_.run(qkv_.data() + token * qkv_stride, qkv_stride, ids.size(),
                     ffn_.data() + token * stride_, stride_, [] {});
      token += ids.size();
    }
    layer.attention_out->apply(ffn_.data(), stride_, tokens, out_.data(), stride_);
    add_and_normalize(weights.attention_norm, tokens, out_.data(), hidden_.data());
    layer.ffn_in->apply(hidden_.data(), stride_, tokens, ffn_.data(), ffn_stride);
    gelu(tokens);
    layer.ffn_out->apply(ffn_.data(), ffn_stride, tokens, out_.data(), stride_);
    add_and_normalize(weights.ffn_norm, tokens, out_.data(), hidden_.data());
  }
  pool(texts);
}

void PeerEncoder::embed(const std::vector<Ids>& texts) {
  const auto& weights = model_->weights;
  const float* type = weights.type_embeddings.data();
  float* row = hidden_.data();
  for (const auto& ids : texts) {
    for (std::size_t i = 0; i < ids.size(); ++i, row += stride_) {
      const float* word =
          weights.word_embeddings.data() + static_cast<std::size_t>(ids[i]) * width_;
      const float* position = weights.position_embeddings.data() + i * width_;
      for (std::size_t j = 0; j < width_; ++j) row[j] = word[j] + position[j] + type[j];
    }
  }
  const auto& norm = weights.embedding_norm;
  tiles_.normalize(hidden_.data(), stride_, tokens_of(texts), width_, norm.gain.data(),
                   norm.bias.data(), model_->config.layer_norm_epsilon);
}

void PeerEncoder::add_and_normalize(const kernels::NormWeights& norm, std::size_t tokens,
                                    const float* more, float* hidden) const {
  for (std::size_t i = 0; i < tokens * stride_; ++i) hidden[i] += more[i];
  tiles_.normalize(hidden, stride_, tokens, width_, norm.gain.data(), norm.bias.data(),
                   model_->config.layer_norm_epsilon);
}

// A product of no depth: the epilogue alone, with the vectors that ours uses.
void PeerEncoder::gelu(std::size_t tokens) {
  const std::size_t ffn_width = model_->config.ffn_width;
  kernels::cpu::GemmTile tile;
  tile.rows = tokens;
  tile.columns = tiles_.panel_columns;
  tile.residual_stride = tile.result_stride = row_stride(ffn_width);
  tile.activation = kernels::cpu::Activation::gelu;
  for (std::size_t column = 0; column < ffn_width; column += tile.columns) {
    tile.residual = tile.result = ffn_.data() + column;
    tiles_.gemm(tile);
  }
}

void PeerEncoder::pool(const std::vector<Ids>& texts) {
  if (vectors_.size() < texts.size() * width_) vectors_.resize(texts.size() * width_);
  const float* row = hidden_.data();
  std::vector<double> sums(width_);
  for (std::size_t text = 0; text < texts.size(); ++text) {
    sums.assign(width_, 0);
    for (std::size_t i = 0; i < texts[text].size(); ++i, row += stride_)
      for (std::size_t j = 0; j < width_; ++j) sums[j] += static_cast<double>(row[j]);
    double squares = 0;
    for (const double sum : sums) squares += sum * sum;
    for (std::size_t j = 0; j < width_; ++j)
      vectors_[text * width_ + j] = static_cast<float>(sums[j] / std::sqrt(squares));
  }
}

}  // namespace troupe::bench::compute::peers
