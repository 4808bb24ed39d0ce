#include "kernels/cuda/policy.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/assert.hpp"
#include "kernels/item_checks.hpp"

namespace troupe::cuda {
namespace {

using kernels::PolicyModel;

Activation activation_of(kernels::PolicyActivation activation) {
  switch (activation) {
    case kernels::PolicyActivation::gelu:
      return Activation::gelu;
    case kernels::PolicyActivation::tanh:
      return Activation::tanh;
    case kernels::PolicyActivation::relu:
      break;
  }
  return Activation::relu;
}

std::uint32_t widest(const PolicyModel& model) {
  return *std::max_element(model.widths.begin(), model.widths.end());
}

// Fewer at a time where observations or scores are wide: a slice takes a few MiB.
std::uint32_t agents_at_once(const PolicyModel& model) {
  constexpr std::uint32_t numbers = 1 << 20;
  return std::clamp(numbers / widest(model), 8U, PolicyRunner::agents_max);
}

// A policy's layers as they will lie at `memory` of the GPU's.
class Image {
 public:
  explicit Image(const PolicyModel& model) : model_(model) {
    places_.take(model.layers.size() * sizeof(PolicyLayer));
    for (const auto& layer : model.layers) {
      weights_.push_back(places_.take(layer.weight.size() * sizeof(float)));
      biases_.push_back(places_.take(layer.bias.size() * sizeof(float)));
    }
  }

  [[nodiscard]] std::size_t bytes() const { return places_.used(); }

  [[nodiscard]] std::vector<std::byte> at(const std::byte* memory) const {
    std::vector<std::byte> image(bytes());
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      const auto& [weight, bias] = model_.layers[i];
      const std::uint32_t in = model_.widths[i];
      const std::uint32_t out = model_.widths[i + 1];
      const PolicyLayer layer{reinterpret_cast<const float*>(memory + weights_[i]),
                              reinterpret_cast<const float*>(memory + biases_[i]), in, out};
      std::memcpy(image.data() + i * sizeof layer, &layer, sizeof layer);
      auto* const turned = reinterpret_cast<float*>(image.data() + weights_[i]);
      for (std::size_t o = 0; o < out; ++o) {
        for (std::size_t k = 0; k < in; ++k) turned[k * out + o] = weight[o * in + k];
      }
      std::memcpy(image.data() + biases_[i], bias.data(), bias.size() * sizeof(float));
    }
    return image;
  }

 private:
  const PolicyModel& model_;
  Places places_;
  std::vector<std::size_t> weights_, biases_;
};

}  // namespace

Result<std::shared_ptr<const Policy>> Policy::open(Gpu& gpu, Stream stream,
                                                   kernels::ServedPolicy policy) {
  if (const auto width = widest(*policy.model); width > PolicyScores::width_max)
    return Error{ErrorCode::unsupported, "a policy with a layer " + std::to_string(width) + " wide",
                 "run this policy on the CPU"};
  std::shared_ptr<Policy> opened(new Policy(std::move(policy)));
  const Image image(opened->model());
  Buffer& memory = opened->memory_;
  if (auto good = memory.allocate(gpu, Buffer::Kind::device, image.bytes(),
                                  "allocating for a policy's weights");
      !good)
    return good.error();
  const char* const doing = "bringing a policy's weights over";
  const auto bytes = image.at(memory.data());
  if (auto good = check(gpu, gpu.copy_in(memory.data(), bytes.data(), bytes.size(), stream), doing);
      !good)
    return good.error();
  if (auto good = check(gpu, gpu.wait(stream), doing); !good) return good.error();
  return std::shared_ptr<const Policy>(std::move(opened));
}

Result<std::unique_ptr<PolicyRunner>> PolicyRunner::open(Gpu& gpu, Stream stream, Bell& bell,
                                                         Policies policies) {
  std::unique_ptr<PolicyRunner> runner(new PolicyRunner(gpu, stream, bell, std::move(policies)));
  if (auto good = runner->allocate(); !good) return good.error();
  return runner;
}

Status PolicyRunner::allocate() {
  std::size_t observations = 0;
  std::size_t scores = 0;
  std::size_t agents = 0;
  for (const auto& policy : policies_) {
    const PolicyModel& model = policy->model();
    const std::size_t at_once = agents_at_once(model);
    agents = std::max(agents, at_once);
    observations = std::max(observations, at_once * model.observation_width());
    scores = std::max(scores, at_once * model.actions());
  }
  if (agents == 0) return {};
  Places places;
  observations_ = places.take(observations * sizeof(float));
  decisions_ = places.take(agents * sizeof(Decision));
  actions_ = places.take(agents * sizeof(std::int32_t));
  scores_ = places.used();
  const char* const doing = "allocating for decisions";
  if (auto good = pinned_.allocate(gpu_, Buffer::Kind::pinned, places.used(), doing); !good)
    return good;
  places.take(scores * sizeof(float));
  return device_.allocate(gpu_, Buffer::Kind::device, places.used(), doing);
}

Status PolicyRunner::act(ModelId policy, std::span<const kernels::Decision* const> decisions,
                         std::vector<Result<std::uint32_t>>& actions, const Yield& yield) {
  TROUPE_ASSERT(policy.value < policies_.size(), "a batch for a policy nobody checked");
  const Policy& runs = *policies_[policy.value];
  actions.assign(decisions.size(), 0U);
  std::vector<std::size_t> slice;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (auto good = kernels::check_observation(decisions[i]->observation, runs.model()); !good)
      actions[i] = good.error();
    else if (auto fits = kernels::check_step(decisions[i]->key); !fits)
      actions[i] = fits.error();
    else
      slice.push_back(i);
    if (slice.empty() || (slice.size() < agents_at_once(runs.model()) && i + 1 < decisions.size()))
      continue;
    if (yield.give_way) yield.give_way();
    if (auto good = run_slice(runs, decisions, slice, actions, yield); !good) return good;
    slice.clear();
  }
  return {};
}

Status PolicyRunner::run_slice(const Policy& policy,
                               std::span<const kernels::Decision* const> decisions,
                               std::span<const std::size_t> items,
                               std::vector<Result<std::uint32_t>>& actions, const Yield& yield) {
  const PolicyModel& model = policy.model();
  const kernels::Sampling& sampling = policy.sampling();
  const auto agents = static_cast<std::uint32_t>(items.size());
  const std::size_t in = model.observation_width();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& [observation, key] = *decisions[items[i]];
    std::copy(observation.begin(), observation.end(), pinned_.at<float>(observations_) + i * in);
    pinned_.at<Decision>(decisions_)[i] = {key.agent,
                                           key.step,
                                           sampling.seed,
                                           sampling.temperature,
                                           static_cast<std::uint32_t>(sampling.rule),
                                           0};
  }
  const auto copy_in = [&](std::size_t place, std::size_t bytes) {
    return check(gpu_, gpu_.copy_in(device_.data() + place, pinned_.data() + place, bytes, stream_),
                 "bringing observations over");
  };
  if (auto good = copy_in(observations_, agents * in * sizeof(float)); !good) return good;
  if (auto good = copy_in(decisions_, agents * sizeof(Decision)); !good) return good;
  auto* const scores = device_.at<float>(scores_);
  if (auto good = check(gpu_,
                        gpu_.policy_scores({static_cast<std::uint32_t>(model.layers.size()),
                                            widest(model), activation_of(model.activation), agents,
                                            policy.memory_.at<const PolicyLayer>(0),
                                            device_.at<const float>(observations_), scores},
                                           stream_),
                        "launching a policy");
      !good)
    return good;
  if (auto good = check(gpu_,
                        gpu_.policy_choice({agents, model.actions(), scores,
                                            device_.at<const Decision>(decisions_),
                                            device_.at<std::int32_t>(actions_)},
                                           stream_),
                        "launching a policy's choice");
      !good)
    return good;
  if (auto good = check(gpu_,
                        gpu_.copy_out(pinned_.data() + actions_, device_.data() + actions_,
                                      agents * sizeof(std::int32_t), stream_),
                        "bringing actions back");
      !good)
    return good;
  if (auto good = end_.mark(gpu_, stream_); !good) return good;
  if (auto good = end_.wait(gpu_, stream_, yield); !good) return good;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int32_t action = pinned_.at<std::int32_t>(actions_)[i];
    if (action == PolicyChoice::not_finite)
      actions[items[i]] = kernels::scores_not_finite();
    else
      actions[items[i]] = static_cast<std::uint32_t>(action);
  }
  return {};
}

}  // namespace troupe::cuda
