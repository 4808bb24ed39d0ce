// A policy and the choice of an action: a small multi-layer perceptron, all its layers in one
// kernel, the activations in shared memory; then, by kernels/sampler.hpp's rules and with its
// random numbers, an action from each agent's scores.
//
// Scores are bitwise the same whoever shares the batch. The same scores give the same action as on
// the CPU, but for what the last bit of a logarithm or an exponential may turn.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

struct PolicyLayer {
  const float* weight;  // [in, out]: the other way round than in the file
  const float* bias;    // [out]
  std::uint32_t in;
  std::uint32_t out;
};

struct PolicyScores {
  static constexpr std::uint32_t width_max = 6136;  // of observations, layers and actions

  std::uint32_t layers_count;
  std::uint32_t width;  // the largest of all
  Activation activation;
  std::uint32_t agents;
  const PolicyLayer* layers;  // [layers_count]
  const float* observations;  // [agents, in of the first layer]
  float* scores;              // [agents, out of the last layer]
};
int launch_policy_scores(const PolicyScores& arguments, Stream stream);

// What one agent's choice depends on beside its scores.
struct Decision {
  std::uint64_t agent;
  std::uint64_t step;  // below 2^48
  std::uint64_t seed;
  double temperature;
  std::uint32_t rule;  // SamplingRule
  std::uint32_t unused;
};

struct PolicyChoice {
  static constexpr std::int32_t not_finite = -1;

  std::uint32_t agents;
  std::uint32_t actions_count;
  const float* scores;        // [agents, actions_count]
  const Decision* decisions;  // [agents]
  std::int32_t* actions;      // [agents]: the choice, or not_finite
};
int launch_policy_choice(const PolicyChoice& arguments, Stream stream);

}  // namespace troupe::cuda
