// The urgent lane: a task goes to a device at once, past everything ordinary.
//
// A task is launched on the worker that will be free for urgent work first (by its cost and what
// this lane has given it), alone if there is a free urgent slot. While all slots are taken, urgent
// tasks wait, earliest deadline first, and those of one kind share the next launch: at a high
// urgent rate the lane batches by itself, because launching each alone would starve everybody.
// Tasks whose deadline passes in the queue are refused as expired.
//
// Not thread-safe; one actor (or one simulated world) owns it. Memory: bounded by queue_tasks_max.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "scheduler/event.hpp"

namespace troupe::scheduler {

struct FastLaneOptions {
  std::uint32_t tasks_max = 16;          // per launch
  std::uint32_t units_max = 512;         // per launch; a single larger task goes alone
  std::uint32_t queue_tasks_max = 4096;  // waiting
  std::uint32_t attempts_max = 3;
};

class FastLane {
 public:
  explicit FastLane(const FastLaneOptions& options);
  ~FastLane();
  FastLane(FastLane&&) noexcept;
  FastLane& operator=(FastLane&&) noexcept;

  void handle(Instant now, const Event& event, Actions& out);
  void advance(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_wakeup() const;

  [[nodiscard]] std::size_t queued() const noexcept;
  [[nodiscard]] std::size_t launched() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::scheduler
