// Policies on the GPU: their weights there, and what runs batches of them.
//
// Scores are bitwise the same whoever shares the batch. The same scores give the same action as on
// the CPU, but for what the last bit of a logarithm or an exponential may turn. One thread at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "kernels/cuda/buffer.hpp"
#include "kernels/cuda/gpu.hpp"
#include "kernels/cuda/stream_end.hpp"
#include "kernels/device.hpp"
#include "kernels/policy.hpp"

namespace troupe::cuda {

class Policy {
 public:
  // Brings the weights over. The policy passed check_policy(). Errors: too_large (device memory),
  // unsupported (layers too wide), unreachable.
  static Result<std::shared_ptr<const Policy>> open(Gpu& gpu, Stream stream,
                                                    kernels::ServedPolicy policy);

  [[nodiscard]] const kernels::PolicyModel& model() const noexcept { return *policy_.model; }
  [[nodiscard]] const kernels::Sampling& sampling() const noexcept { return policy_.sampling; }

 private:
  friend class PolicyRunner;
  explicit Policy(kernels::ServedPolicy policy) : policy_(std::move(policy)) {}

  kernels::ServedPolicy policy_;
  Buffer memory_;  // layers, then their weights and biases
};

using Policies = std::vector<std::shared_ptr<const Policy>>;  // by ModelId

class PolicyRunner {
 public:
  static constexpr std::uint32_t agents_max = 1024;  // at a time; more run in slices

  // Takes room for what the largest policy needs. Errors: too_large, unreachable.
  static Result<std::unique_ptr<PolicyRunner>> open(Gpu& gpu, Stream stream, Bell& bell,
                                                    Policies policies);

  // One action for each decision, in their order. Errors of single ones: invalid_argument (the
  // observation's width, numbers that are not finite, a step that is too large), model_damaged
  // (scores that are not finite). Returned is what is wrong with the GPU.
  Status act(ModelId policy, std::span<const kernels::Decision* const> decisions,
             std::vector<Result<std::uint32_t>>& actions, const Yield& yield);

 private:
  PolicyRunner(Gpu& gpu, Stream stream, Bell& bell, Policies policies)
      : gpu_(gpu), stream_(stream), policies_(std::move(policies)), end_(bell) {}
  Status allocate();
  // Items are the slice's places among the decisions.
  Status run_slice(const Policy& policy, std::span<const kernels::Decision* const> decisions,
                   std::span<const std::size_t> items, std::vector<Result<std::uint32_t>>& actions,
                   const Yield& yield);

  Gpu& gpu_;
  Stream stream_;
  Policies policies_;
  StreamEnd end_;
  // Places in both buffers; `scores_` in device memory only.
  std::size_t observations_ = 0, decisions_ = 0, actions_ = 0, scores_ = 0;
  Buffer device_;
  Buffer pinned_;
};

}  // namespace troupe::cuda
