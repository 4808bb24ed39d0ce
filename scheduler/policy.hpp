// The scheduler's surface, the same for our own (scheduler.hpp) and for the rivals that the
// benchmarks run beside it (bench/rivals).
//
// A policy has no thread, clock, lock or log. An actor stamps the time and carries the decisions
// out; the simulator does the same on a virtual clock. `now` should not go back between two calls;
// where a clock steps back all the same, the policy goes on from the latest instant it has seen.
// Not thread-safe; one actor (or one simulated world) owns it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/node_load.hpp"
#include "scheduler/event.hpp"

namespace troupe::scheduler {

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // Something happened. The decisions that follow are appended to `out`, to be carried out in that
  // order.
  virtual void handle(Instant now, const Event& event, Actions& out) = 0;
  // Time passed.
  virtual void advance(Instant now, Actions& out) = 0;
  // Call advance() no later than this; none: only an event changes anything.
  [[nodiscard]] virtual std::optional<Instant> next_wakeup() const = 0;

  [[nodiscard]] virtual std::size_t queued() const noexcept = 0;    // tasks waiting
  [[nodiscard]] virtual std::size_t launched() const noexcept = 0;  // tasks on workers
  // For other nodes, which send us tasks by it; one that cannot tell says that it is idle.
  [[nodiscard]] virtual NodeLoad load(Instant /*now*/) const { return {}; }
};

using PolicyFactory = std::function<std::unique_ptr<Policy>()>;

}  // namespace troupe::scheduler
