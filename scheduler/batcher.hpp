// The ordinary lane: tasks coalesce into batches.
//
// Tasks wait in one queue per kind, earliest deadline first, ties in order of arrival. A batch is
// the front of a queue, as many tasks as fit into tasks_max and units_max. It goes to the worker
// that holds the fewest batches among those with a free slot (of equals the one that should be free
// first, then the one that is cheapest for one unit), as soon as one of these is true:
//   - full: the queue holds tasks_max tasks or units_max units;
//   - overdue: its oldest task has waited delay_max;
//   - pressing: with one more task of the queue's mean size the batch would, by the worker's cost,
//     end at or after the earliest deadline in it;
//   - idle: the worker holds nothing, and eager_when_idle is set.
// Onto a worker that is at work already, an overdue or pressing batch goes only once the worker
// should be free within delay_max: until then it would wait there instead of here, where it can
// still grow and be overtaken by an earlier deadline. Of several kinds that may go, the one with
// the earliest deadline goes first.
//
// Tasks whose deadline comes while they wait are refused as expired. With batching off every task
// is a batch of its own (and so a full one). Admission and lost workers: lane_core.hpp.
//
// The deferral to the latest start is that of Symphony (2023); its learned arrival rate is not
// here.
//
// Not thread-safe; one actor (or one simulated world) owns it. Memory: bounded by queue_tasks_max
// and by what the workers' slots hold. Each event costs O(log n) of the tasks waiting, for each
// task that it moves, and a walk over the kinds and the workers.
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
  bool eager_when_idle = true;  // off: an idle worker waits for one of the other three, too
  std::uint32_t queue_tasks_max = 65536;  // waiting, over all kinds; a further one is refused
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
  [[nodiscard]] std::optional<Instant> next_wakeup() const;  // none: only an event changes anything

  [[nodiscard]] std::size_t queued() const noexcept;    // tasks waiting
  [[nodiscard]] std::size_t launched() const noexcept;  // tasks on workers

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::scheduler
