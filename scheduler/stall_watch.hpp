// Which workers no longer finish what they were given: the difference between slow and stuck.
//
// A worker is given up when a batch has taken `least` and `factor` times its predicted cost. For a
// batch in turn that counts from when the one before it ended, and not while batches are inside;
// for one inside, from its launch, with those that were inside before it. Both are far beyond what
// a cost model may be wrong by: giving up costs the worker's tasks a launch each.
//
// Time counts only while somebody looks: each call passes at most an eighth of `least`, so that a
// process that was stopped for a minute, or a clock that jumps, makes no worker look stuck. Whoever
// uses it calls stalled() by next_look().
//
// Pure and not thread-safe; whoever carries launches out owns it.
#pragma once

#include <optional>
#include <vector>

#include "scheduler/event.hpp"

namespace troupe::scheduler {

struct Patience {
  Duration least = std::chrono::seconds(10);
  double factor = 20;
};

class StallWatch {
 public:
  explicit StallWatch(Patience patience = {}) : patience_(patience) {}

  void launched(Instant now, const Launch& launch);
  // Unknown batches and workers are ignored.
  void finished(Instant now, WorkerId worker, BatchId batch);
  void left(WorkerId worker);

  // A worker to be given up; call left() and ask again.
  [[nodiscard]] std::optional<WorkerId> stalled(Instant now);
  // None is stuck before; `never` while no worker holds anything.
  [[nodiscard]] Instant next_look() const noexcept;

 private:
  struct Held {
    WorkerId worker;
    BatchId batch;
    Entry entry = Entry::in_turn;
    Duration predicted{};
    Instant launched;     // these two by the watch's own time
    Instant due = never;  // of those that have begun, as far as we know
  };

  void pass(Instant now) noexcept;
  void begin_next(WorkerId worker) noexcept;
  [[nodiscard]] Duration step_max() const noexcept { return patience_.least / 8; }
  [[nodiscard]] Instant due(Duration predicted) const noexcept;

  Patience patience_;
  Instant last_ = never;  // call; `never`: none yet
  Instant seen_;          // the watch's own time
  std::vector<Held> held_;
};

}  // namespace troupe::scheduler
