// A policy: a multi-layer perceptron that turns what an agent observes into a score (logit) for
// each action it may take. models/ fills it from a checkpoint; devices run it; kernels/sampler.hpp
// picks an action from the scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "kernels/linear_weights.hpp"
#include "kernels/sampler.hpp"

namespace troupe::kernels {

// Between two layers; the scores come out of the last layer as they are. GELU is the exact one.
enum class PolicyActivation : std::uint8_t { relu, gelu, tanh };

// One checkpoint, shared by every device that runs it. `storage` keeps alive what the spans point
// into.
struct PolicyModel {
  static constexpr std::size_t layers_max = 64;
  static constexpr std::uint32_t width_max = 65536;  // of observations, layers and actions

  std::vector<std::uint32_t> widths;  // observation, hidden layers, actions: one more than layers
  PolicyActivation activation = PolicyActivation::relu;
  std::vector<LinearWeights> layers;
  std::shared_ptr<const void> storage;

  [[nodiscard]] std::uint32_t observation_width() const noexcept { return widths.front(); }
  [[nodiscard]] std::uint32_t actions() const noexcept { return widths.back(); }
};

// A policy as devices serve it: all of its actions are picked in one way.
struct ServedPolicy {
  std::shared_ptr<const PolicyModel> model;
  Sampling sampling;
};

// Whether a device can run the model: at least one layer, sizes within limits, weights of exactly
// those sizes. Errors: model_damaged.
Status check_policy(const PolicyModel& model);

// The same of the model and its sampling. Errors: model_damaged, invalid_argument.
Status check_policy(const ServedPolicy& policy);

}  // namespace troupe::kernels
