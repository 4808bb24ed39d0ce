#include "kernels/ref/layers.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace troupe::kernels::ref {
namespace {

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

}  // namespace

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

Rows attention(const Rows& queries, const Rows& keys, const Rows& values, std::size_t head_width) {
  Rows context(queries.size(), Row(queries.front().size()));
  for (std::size_t i = 0; i < queries.size(); ++i) {
    for (std::size_t first = 0; first < context[i].size(); first += head_width)
      attend(queries, keys, values, i, first, head_width, context[i]);
  }
  return context;
}

}  // namespace troupe::kernels::ref
