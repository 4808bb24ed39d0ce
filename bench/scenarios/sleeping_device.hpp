// The device of `mixed` and `agents`: a real thread that takes as long as a batch would, and
// computes nothing.
//
// One batch at a time, in the order they came; it takes fixed + per_task * n from the moment that
// the device takes it up, so whatever the node needs to hand a batch over is lost time, as with a
// real device. It sleeps and spins through the last 50 us, so that it ends to the microsecond.
//
// With a tile it can be entered: an urgent batch begins at the next multiple of the tile in the
// running one, which then goes on where it stood.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/scenarios/virtual.hpp"
#include "kernels/device.hpp"

namespace troupe::bench::scenarios {

// When a device had nothing to do although tasks waited for it. Thread-safe.
class IdleWatch {
 public:
  // A task is submitted, just before it is.
  void asked(Instant at);
  // The device was given so many tasks, or has nothing more.
  void given(Instant at, std::size_t tasks);
  void idle(Instant at);

  // What was seen is forgotten, what waits is not: the measured time begins.
  void begin();

  struct Gaps {
    std::uint64_t over_1_ms = 0;
    Duration longest{};
  };
  [[nodiscard]] Gaps gaps() const;

 private:
  mutable std::mutex mutex_;
  std::int64_t waiting_ = 0;
  bool idle_ = true;
  Instant since_;  // both are true
  Gaps gaps_;
};

// For each task of the batch an outcome without anything in it.
std::vector<kernels::ItemResult> empty_results(const kernels::Batch& batch);

class SleepingDevice final : public kernels::Device {
 public:
  // `watch` outlives the device; may be null.
  SleepingDevice(const Model& model, Duration tile, IdleWatch* watch = nullptr);
  ~SleepingDevice() override;

  [[nodiscard]] const kernels::DeviceInfo& info() const noexcept override { return info_; }
  Status submit(kernels::Batch batch, kernels::Completion completion) override;
  Status submit_urgent(kernels::Batch batch, kernels::Completion completion) override;
  [[nodiscard]] kernels::Cost cost(ModelId) const noexcept override { return recall_cost(); }
  [[nodiscard]] kernels::Cost recall_cost() const noexcept override {
    return {model_.fixed, model_.per_task};
  }
  void stop() override;

  struct Counts {
    std::uint64_t batches = 0;
    std::uint64_t tasks = 0;
    std::uint64_t inside = 0;  // of the batches
    Duration busy{};
  };
  // Since it began.
  [[nodiscard]] Counts counts() const;

 private:
  struct Job {
    kernels::Batch batch;
    kernels::Completion completion;
  };

  Status take(std::deque<Job>& jobs, std::size_t limit, kernels::Batch&& batch,
              kernels::Completion&& completion);
  void run();
  Duration run_urgent();
  void run_in_turn(Job job);
  bool pass_until(Instant at);
  void conclude(Job& job, kernels::BatchReport&& report, bool inside);

  const Model model_;
  kernels::DeviceInfo info_;
  IdleWatch* const watch_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> urgent_;  // guarded by mutex_, as all to the thread
  std::deque<Job> in_turn_;
  std::size_t running_ = 0;  // of those in turn
  bool stopping_ = false;
  Counts counts_;
  std::atomic<bool> has_urgent_{false};  // of urgent_, for a look while spinning
  std::thread thread_;
};

}  // namespace troupe::bench::scenarios
