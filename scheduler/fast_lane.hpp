// The urgent lane: a task goes to a device at once, past everything ordinary.
//
// While a worker has a free urgent slot, a task is launched on arrival, alone. It goes to the
// worker that should be done with it first, by the worker's cost and what this lane has given it.
// While all slots are taken, urgent tasks wait, earliest deadline first, ties in order of arrival;
// when a slot becomes free, the first one goes, and those of its kind that are next share the
// launch: at a high urgent rate the lane batches by itself, because launching each alone would
// starve everybody.
//
// Tasks whose deadline comes while they wait are refused as expired. Admission and lost workers:
// lane_core.hpp.
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

struct FastLaneOptions {
  std::uint32_t tasks_max = 16;          // per launch
  std::uint32_t units_max = 512;         // per launch; a single larger task goes alone
  std::uint32_t queue_tasks_max = 4096;  // waiting, over all kinds; a further one is refused
  std::uint32_t attempts_max = 3;        // launches of one task, when workers are lost
};

class FastLane {
 public:
  explicit FastLane(const FastLaneOptions& options);
  ~FastLane();
  FastLane(FastLane&&) noexcept;
  FastLane& operator=(FastLane&&) noexcept;

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
