// Picks an action from a policy's scores (logits). A pick depends on the scores, the sampling, the
// agent and the step, and on nothing else: the same action whatever the batch, the order and the
// device's lane.
//
// Two ways lead to the same distribution, softmax(logits / temperature). Gumbel-max adds a random
// number to each score and takes the largest: no sum over the actions, so it suits devices that see
// the scores piece by piece. Softmax looks up one random number among the summed probabilities.
//
// Source: Gumbel-max after Maddison, Tarlow and Minka, "A* sampling", NIPS 2014. Arithmetic is
// float64; logarithm and exponential are libm's, whose last bit may differ between machines.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace troupe::kernels {

enum class SamplingRule : std::uint8_t {
  greedy,   // the largest score, the first of equals
  softmax,  // one random number
  gumbel,   // one random number for each action
};

struct Sampling {
  SamplingRule rule = SamplingRule::greedy;
  double temperature = 1;  // above zero; the larger, the more even. Greedy ignores it.
  std::uint64_t seed = 0;
  bool operator==(const Sampling&) const = default;
};

// Who picks, and for the how manieth time: what random numbers are counted by.
struct DecisionKey {
  static constexpr std::uint64_t step_max = (std::uint64_t{1} << 48) - 1;

  std::uint64_t agent = 0;
  std::uint64_t step = 0;  // at most step_max
};

// An agent's number for its keys, from its name ("game/7"): base/fnv1a.hpp, the same on every
// machine.
std::uint64_t agent_number(std::string_view agent) noexcept;

// Errors: invalid_argument for a temperature that is not above zero and finite.
Status check_sampling(const Sampling& sampling);

// Errors: invalid_argument for a step that is too large.
Status check_step(const DecisionKey& key);

// What is said of a policy's scores that are not finite: model_damaged.
Error scores_not_finite();

// The number of an action. The sampling passed check_sampling(); 1 to PolicyModel::width_max
// logits. Errors: model_damaged for a logit that is not finite, invalid_argument for a step that is
// too large.
Result<std::uint32_t> sample(std::span<const float> logits, const Sampling& sampling,
                             const DecisionKey& key);

}  // namespace troupe::kernels
