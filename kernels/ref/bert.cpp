#include "kernels/ref/bert.hpp"

#include <cmath>

#include "kernels/ref/layers.hpp"

namespace troupe::kernels::ref {
namespace {

// LN(residual + x), token by token.
Rows added_and_normalized(const Rows& residual, const Rows& x, const NormWeights& norm,
                          double epsilon) {
  Rows result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Row sum(x[i].size());
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] = residual[i][c] + x[i][c];
    result.push_back(normalized(norm, sum, epsilon));
  }
  return result;
}

Rows embedded(const BertModel& model, std::span<const std::int32_t> ids) {
  const auto width = model.config.width;
  Rows rows;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Row sum(width);
    for (std::size_t c = 0; c < width; ++c) {
      const auto word = static_cast<std::size_t>(ids[i]) * width + c;
      sum[c] = static_cast<double>(model.weights.word_embeddings[word]) +
               static_cast<double>(model.weights.position_embeddings[i * width + c]) +
               static_cast<double>(model.weights.type_embeddings[c]);
    }
    rows.push_back(normalized(model.weights.embedding_norm, sum,
                              static_cast<double>(model.config.layer_norm_epsilon)));
  }
  return rows;
}

// What comes out of the last layer.
Rows transformed(const BertModel& model, std::span<const std::int32_t> ids) {
  const BertConfig& config = model.config;
  const auto epsilon = static_cast<double>(config.layer_norm_epsilon);
  const std::size_t head_width = config.width / config.heads;
  Rows hidden = embedded(model, ids);
  for (const auto& layer : model.weights.layers) {
    const Rows queries = linear(layer.query, hidden);
    const Rows keys = linear(layer.key, hidden);
    const Rows values = linear(layer.value, hidden);
    const Rows context = attention(queries, keys, values, head_width);
    hidden = added_and_normalized(hidden, linear(layer.attention_out, context),
                                  layer.attention_norm, epsilon);
    Rows wide = linear(layer.ffn_in, hidden);
    for (auto& row : wide) {
      for (double& value : row) value = gelu(value);
    }
    hidden = added_and_normalized(hidden, linear(layer.ffn_out, wide), layer.ffn_norm, epsilon);
  }
  return hidden;
}

}  // namespace

std::vector<double> encode(const BertModel& model, std::span<const std::int32_t> ids) {
  const Rows hidden = transformed(model, ids);
  std::vector<double> vector(model.config.width);
  for (const auto& row : hidden) {
    for (std::size_t c = 0; c < vector.size(); ++c)
      vector[c] += row[c] / static_cast<double>(hidden.size());
  }
  double squares = 0;
  for (const double value : vector) squares += value * value;
  for (double& value : vector) value /= std::sqrt(squares);
  return vector;
}

std::vector<double> classify(const BertModel& model, std::span<const std::int32_t> ids) {
  Row pooled = linear(model.weights.head->pooler, transformed(model, ids).front());
  for (double& value : pooled) value = std::tanh(value);
  return linear(model.weights.head->classifier, pooled);
}

}  // namespace troupe::kernels::ref
