// A policy on the CPU: observations in, an action for each of them out, on the matrix tiles that
// the encoder runs on.
//
// An agent's scores are bitwise the same whoever shares its batch, for one instruction set; so is
// its action, by kernels/sampler.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/tensor.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/tiles.hpp"
#include "kernels/policy.hpp"
#include "kernels/sampler.hpp"

namespace troupe::kernels::cpu {

// What one agent sees before it acts.
struct Observation {
  std::span<const float> values;  // the policy's observation_width()
  DecisionKey key;
};

// Immutable after it is made; shared by threads as long as each has its own workspace.
class Policy {
 public:
  // How many observations go through the layers together; more run in slices, which changes
  // nothing.
  static constexpr std::size_t rows_max = 192;

  // Packs a copy of the weights. The model passed check_policy().
  Policy(const Tiles& tiles, std::shared_ptr<const PolicyModel> model);

  [[nodiscard]] const PolicyModel& model() const noexcept { return *model_; }

 private:
  friend class PolicyRunner;

  const Tiles& tiles_;
  std::shared_ptr<const PolicyModel> model_;
  std::vector<Linear> layers_;
};

// Runs batches of one policy; owns the activations of rows_max observations, allocated once. One
// thread at a time.
class PolicyRunner {
 public:
  explicit PolicyRunner(std::shared_ptr<const Policy> policy);

  // One action for each observation, in their order. `yield` runs between tiles. The sampling
  // passed check_sampling(). Errors of single observations: invalid_argument (width, values that
  // are not finite, a step that is too large), model_damaged (scores that are not finite).
  std::vector<Result<std::uint32_t>> act(std::span<const Observation> observations,
                                         const Sampling& sampling, const YieldHook& yield);

  // The scores of at most rows_max observations, all of the right width and finite; row i starts at
  // i * logits_stride() and stays until the next call.
  std::span<const float> logits(std::span<const Observation* const> observations,
                                const YieldHook& yield);
  [[nodiscard]] std::size_t logits_stride() const noexcept { return stride_; }

 private:
  std::shared_ptr<const Policy> policy_;
  std::size_t stride_;
  FloatBuffer x_;  // [rows_max, stride_]: what the next layer reads
  FloatBuffer y_;
};

}  // namespace troupe::kernels::cpu
