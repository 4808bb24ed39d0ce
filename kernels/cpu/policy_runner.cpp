#include "kernels/cpu/policy_runner.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "kernels/item_checks.hpp"

namespace troupe::kernels::cpu {
namespace {

Activation activation_of(PolicyActivation activation) {
  switch (activation) {
    case PolicyActivation::gelu:
      return Activation::gelu;
    case PolicyActivation::tanh:
      return Activation::tanh;
    case PolicyActivation::relu:
      break;
  }
  return Activation::relu;
}

}  // namespace

Policy::Policy(const Tiles& tiles, std::shared_ptr<const PolicyModel> model)
    : tiles_(tiles), model_(std::move(model)) {
  layers_.reserve(model_->layers.size());
  for (std::size_t i = 0; i < model_->layers.size(); ++i)
    layers_.emplace_back(tiles, model_->widths[i], std::span(&model_->layers[i], 1));
}

PolicyRunner::PolicyRunner(std::shared_ptr<const Policy> policy)
    : policy_(std::move(policy)),
      stride_(row_stride(
          *std::max_element(policy_->model().widths.begin(), policy_->model().widths.end()))),
      x_(Policy::rows_max * stride_),
      y_(x_.size()) {}

std::vector<Result<std::uint32_t>> PolicyRunner::act(std::span<const Observation> observations,
                                                     const Sampling& sampling,
                                                     const YieldHook& yield) {
  const PolicyModel& model = policy_->model();
  std::vector<Result<std::uint32_t>> actions(observations.size(), 0U);
  std::vector<const Observation*> slice;
  slice.reserve(std::min(observations.size(), Policy::rows_max));
  const auto run_slice = [&] {
    const auto scores = logits(slice, yield);
    for (std::size_t row = 0; row < slice.size(); ++row)
      actions[static_cast<std::size_t>(slice[row] - observations.data())] =
          sample(scores.subspan(row * stride_, model.actions()), sampling, slice[row]->key);
    slice.clear();
  };
  for (std::size_t i = 0; i < observations.size(); ++i) {
    if (auto good = check_observation(observations[i].values, model); !good) {
      actions[i] = good.error();
      continue;
    }
    slice.push_back(&observations[i]);
    if (slice.size() == Policy::rows_max) run_slice();
  }
  if (!slice.empty()) run_slice();
  return actions;
}

std::span<const float> PolicyRunner::logits(std::span<const Observation* const> observations,
                                            const YieldHook& yield) {
  TROUPE_ASSERT(observations.size() <= Policy::rows_max, "a batch larger than its workspace");
  float* x = x_.data();
  float* y = y_.data();
  for (std::size_t row = 0; row < observations.size(); ++row)
    std::copy(observations[row]->values.begin(), observations[row]->values.end(),
              x + row * stride_);
  const auto& layers = policy_->layers_;
  const Epilogue hidden{activation_of(policy_->model().activation), nullptr, 0};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    layers[i].apply(policy_->tiles_, x, stride_, observations.size(), last ? Epilogue{} : hidden, y,
                    stride_, nullptr, yield);
    std::swap(x, y);
  }
  return {x, observations.size() * stride_};
}

}  // namespace troupe::kernels::cpu
