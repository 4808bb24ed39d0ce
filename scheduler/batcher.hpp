// The ordinary lane: tasks coalesce into batches.
//
// Tasks wait in one queue per kind, earliest deadline first, ties in order of arrival. A queue is
// launched on a worker with a free slot when
//   - it fills a batch (tasks_max or units_max), or
//   - its oldest task has waited delay_max, or
//   - a deadline presses: waiting any longer would, by the worker's cost, miss it, or
//   - the worker has nothing at all to do and no kind would gain from waiting (eager: see
//     BatcherOptions::eager_when_idle).
// Tasks whose deadline passes in the queue are refused as expired. With batching off every task is
// a batch of its own.
//
// Not thread-safe; one actor (or one simulated world) owns it. Memory: bounded by queue_tasks_max.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "scheduler/event.hpp"

namespace troupe::scheduler {

struct BatcherOptions {
  bool enabled = true;             // off: batches of one
  std::uint32_t tasks_max = 64;    // per batch
  std::uint32_t units_max = 2048;  // per batch; a single larger task goes alone
  Duration delay_max = std::chrono::milliseconds(2);
  bool eager_when_idle = true;
  std::uint32_t queue_tasks_max = 65536;  // waiting, over all kinds
  std::uint32_t attempts_max = 3;         // launches of one task, when workers are lost
};

class Batcher {
 public:
  explicit Batcher(const BatcherOptions& options);
  ~Batcher();
  Batcher(Batcher&&) noexcept;
  Batcher& operator=(Batcher&&) noexcept;

  void handle(Instant now, const Event& event, Actions& out);
  void advance(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_wakeup() const;

  [[nodiscard]] std::size_t queued() const noexcept;    // tasks waiting
  [[nodiscard]] std::size_t launched() const noexcept;  // tasks on workers

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::scheduler
