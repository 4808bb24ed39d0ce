#include "kernels/ref/bert.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace troupe::kernels::ref {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

Row linear(const LinearWeights& layer, const Row& x) {
  Row y(layer.bias.size());
  for (std::size_t out = 0; out < y.size(); ++out) {
    y[out] = static_cast<double>(layer.bias[out]);
    for (std::size_t in = 0; in < x.size(); ++in)
      y[out] += static_cast<double>(layer.weight[out * x.size() + in]) * x[in];
  }
  return y;
}

Rows linear(const LinearWeights& layer, const Rows& xs) {
  Rows ys;
  for (const auto& x : xs) ys.push_back(linear(layer, x));
  return ys;
}

Row normalized(const NormWeights& norm, const Row& x, double epsilon) {
  const auto width = static_cast<double>(x.size());
  double mean = 0;
  for (const double value : x) mean += value / width;
  double variance = 0;
  for (const double value : x) variance += (value - mean) * (value - mean) / width;
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = (x[i] - mean) / std::sqrt(variance + epsilon) * static_cast<double>(norm.gain[i]) +
           static_cast<double>(norm.bias[i]);
  return y;
}

double gelu(double x) {
  return x * 0.5 * (1 + std::erf(x / std::numbers::sqrt2));
}

// What token `i` gathers through one head, whose columns start at `first`.
void attend(const Rows& queries, const Rows& keys, const Rows& values, std::size_t i,
            std::size_t first, std::size_t head_width, Row& context) {
  std::vector<double> scores(keys.size());
  for (std::size_t j = 0; j < keys.size(); ++j) {
    for (std::size_t c = first; c < first + head_width; ++c)
      scores[j] += queries[i][c] * keys[j][c];
    scores[j] /= std::sqrt(static_cast<double>(head_width));
  }
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (std::size_t c = first; c < first + head_width; ++c) {
    context[c] = 0;
    for (std::size_t j = 0; j < values.size(); ++j) context[c] += scores[j] / sum * values[j][c];
  }
}

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
    Rows context(ids.size(), Row(config.width));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (std::size_t head = 0; head < config.heads; ++head)
        attend(queries, keys, values, i, head * head_width, head_width, context[i]);
    }
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
