// A worker: the actor that owns a device. Ordinary batches reach the device through it; urgent ones
// go to the device directly (the fast lane must not wait for anybody's mailbox). When it ends, the
// device finishes what it took and stops.
#pragma once

#include <memory>

#include "actors/caf.hpp"
#include "actors/messages.hpp"
#include "base/clock.hpp"

namespace troupe::actors {

// What a device that refuses a batch leaves its tasks with: the batch's report, as if it had run.
inline kernels::BatchReport failed_report(const kernels::Batch& batch, const Error& why) {
  kernels::BatchReport report{batch.id, {}, now(), now(), {}, 0};
  for (const auto& item : batch.items) report.results.push_back({item.task, why});
  return report;
}

class Worker final : public Actor {
 public:
  Worker(caf::actor_config& config, WorkerId id, std::shared_ptr<kernels::Device> device,
         caf::actor batcher, Log& log)
      : Actor(config, log), id_(id), device_(std::move(device)), batcher_(std::move(batcher)) {}

  [[nodiscard]] const char* name() const override { return "worker"; }

  caf::behavior make_behavior() override {
    return {[this](RunBatch& run) {
      // The device takes the batch with it; a refusal must still name the tasks.
      kernels::Batch names{run.batch.id, run.batch.model, {}};
      for (const auto& item : run.batch.items) names.items.push_back({item.task, Recall{}});
      const auto taken = device_->submit(
          std::move(run.batch), [batcher = batcher_, id = id_](kernels::BatchReport&& report) {
            post(batcher, BatchDone{id, std::move(report)});
          });
      if (taken) return;
      log().warn("a device refused a batch", taken.error());
      post(batcher_, BatchDone{id_, failed_report(names, taken.error())});
    }};
  }

  void on_exit() override { batcher_ = nullptr; }

 private:
  WorkerId id_;
  std::shared_ptr<kernels::Device> device_;
  caf::actor batcher_;
};

}  // namespace troupe::actors
