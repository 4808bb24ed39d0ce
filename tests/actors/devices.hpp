// Devices for tests of the dispatcher: one that is done at once, and one that is done when the test
// says so.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "kernels/device.hpp"

namespace troupe::tests {

inline kernels::BatchReport done_report(const kernels::Batch& batch) {
  kernels::BatchReport report{batch.id, {}, now(), now(), {}, 0};
  report.results.reserve(batch.items.size());
  for (const auto& item : batch.items) {
    auto& result = report.results.emplace_back();
    result.task = item.task;
    result.output = Output{Embedding{{1.0F}, 1, false}};
  }
  return report;
}

class IdentityDevice : public kernels::Device {
 public:
  IdentityDevice() { info_.name = "identity"; }
  [[nodiscard]] const kernels::DeviceInfo& info() const noexcept override { return info_; }
  Status submit(kernels::Batch batch, kernels::Completion completion) override {
    completion(done_report(batch));
    return {};
  }
  Status submit_urgent(kernels::Batch batch, kernels::Completion completion) override {
    return submit(std::move(batch), std::move(completion));
  }
  [[nodiscard]] kernels::Cost cost(ModelId) const noexcept override {
    return {std::chrono::microseconds(1), std::chrono::nanoseconds(1)};
  }
  void stop() override {}

 private:
  kernels::DeviceInfo info_;
};

// Holds what it is given until complete_one().
class HeldDevice final : public kernels::Device {
 public:
  explicit HeldDevice(kernels::Cost cost = {std::chrono::milliseconds(1),
                                            std::chrono::microseconds(1)})
      : cost_(cost) {
    info_.name = "held";
    info_.queue_batches_max = 1;
    info_.tile = std::chrono::microseconds(20);
  }
  [[nodiscard]] const kernels::DeviceInfo& info() const noexcept override { return info_; }
  Status submit(kernels::Batch batch, kernels::Completion completion) override {
    return hold(std::move(batch), std::move(completion), false);
  }
  Status submit_urgent(kernels::Batch batch, kernels::Completion completion) override {
    return hold(std::move(batch), std::move(completion), true);
  }
  [[nodiscard]] kernels::Cost cost(ModelId) const noexcept override { return cost_; }
  void stop() override {
    while (complete_one()) continue;
  }

  enum class Manner { well, twice, without_results, gone };

  // The oldest, urgent ones first. False if it holds none.
  bool complete_one(Manner manner = Manner::well) {
    Job job;
    {
      const std::lock_guard lock(mutex_);
      auto& jobs = !urgent_.empty() ? urgent_ : ordinary_;
      if (jobs.empty()) return false;
      job = std::move(jobs.front());
      jobs.pop_front();
    }
    auto report = done_report(job.first);
    if (manner == Manner::without_results) report.results.clear();
    if (manner == Manner::gone)
      for (auto& one : report.results)
        one.output = Error{ErrorCode::unreachable, "the device is gone", ""};
    if (manner == Manner::twice) job.second(kernels::BatchReport(report));
    job.second(std::move(report));
    return true;
  }

  // From now on it is done at once, with what it holds and with what comes.
  void release() {
    {
      const std::lock_guard lock(mutex_);
      released_ = true;
    }
    while (complete_one()) continue;
  }

  void refuse(bool refusing, ErrorCode why = ErrorCode::queue_full) {
    const std::lock_guard lock(mutex_);
    refusing_ = refusing;
    refusal_ = why;
  }

  // Until it holds that many, or for long enough to give up a broken test.
  void wait_held(std::size_t batches) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20),
                      [&] { return ordinary_.size() + urgent_.size() >= batches; });
  }

 private:
  using Job = std::pair<kernels::Batch, kernels::Completion>;

  Status hold(kernels::Batch&& batch, kernels::Completion&& completion, bool urgent) {
    std::unique_lock lock(mutex_);
    if (refusing_) return Error{refusal_, "the device takes nothing", ""};
    if (released_) {
      lock.unlock();
      completion(done_report(batch));
      return {};
    }
    (urgent ? urgent_ : ordinary_).emplace_back(std::move(batch), std::move(completion));
    changed_.notify_all();
    return {};
  }

  kernels::Cost cost_;
  kernels::DeviceInfo info_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> ordinary_;
  std::deque<Job> urgent_;
  bool refusing_ = false;
  ErrorCode refusal_ = ErrorCode::queue_full;
  bool released_ = false;
};

}  // namespace troupe::tests
