// What a kernel is launched into on the CPU, where a GPU has a stream.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/cuda/emulation/block.hpp"

namespace troupe::cuda::emulation {

class Queue {
 public:
  Queue() = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  virtual ~Queue() = default;

  // As a launcher's result: 0, or a number that means what CUDA's same one does.
  virtual int launch(const Grid& grid, std::function<void()> kernel) = 0;
};

// Runs each kernel at once, on the calling thread.
class ImmediateQueue final : public Queue {
 public:
  explicit ImmediateQueue(std::uint64_t seed) : machine_(seed) {}

  int launch(const Grid& grid, std::function<void()> kernel) override {
    constexpr int launch_failure = 719;  // cudaErrorLaunchFailure
    fault_ = machine_.run(grid, kernel);
    return fault_.empty() ? 0 : launch_failure;
  }

  void reseed(std::uint64_t seed) { machine_.reseed(seed); }

  // What the last one did wrong.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

 private:
  Machine machine_;
  std::string fault_;
};

}  // namespace troupe::cuda::emulation
