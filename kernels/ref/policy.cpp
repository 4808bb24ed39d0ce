#include "kernels/ref/policy.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace troupe::kernels::ref {
namespace {

double activated(PolicyActivation activation, double x) {
  switch (activation) {
    case PolicyActivation::gelu:
      return x * 0.5 * (1 + std::erf(x / std::numbers::sqrt2));
    case PolicyActivation::tanh:
      return std::tanh(x);
    case PolicyActivation::relu:
      break;
  }
  return std::max(x, 0.0);
}

}  // namespace

std::vector<double> logits(const PolicyModel& model, std::span<const float> observation) {
  std::vector<double> x(observation.begin(), observation.end());
  for (const auto& layer : model.layers) {
    std::vector<double> y(layer.bias.begin(), layer.bias.end());
    for (std::size_t out = 0; out < y.size(); ++out) {
      for (std::size_t in = 0; in < x.size(); ++in)
        y[out] += static_cast<double>(layer.weight[out * x.size() + in]) * x[in];
      if (&layer != &model.layers.back()) y[out] = activated(model.activation, y[out]);
    }
    x = std::move(y);
  }
  return x;
}

std::vector<double> probabilities(std::span<const double> logits, double temperature) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double logit : logits) {
    shares.push_back(std::exp((logit - largest) / temperature));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

}  // namespace troupe::kernels::ref
