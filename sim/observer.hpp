// Whoever looks on: sees every call of the policy right after it was made, before its decisions are
// carried out.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "scheduler/event.hpp"

namespace troupe::sim {

struct Step {
  Instant at;                     // as the policy was told
  const scheduler::Event* event;  // null: time passed
  std::span<const scheduler::Action> actions;
  std::optional<Instant> wakeup;  // what the policy then asked for and counted
  std::size_t queued = 0;
  std::size_t launched = 0;
};

class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  // May throw to end the run.
  virtual void see(const Step& step) = 0;
};

}  // namespace troupe::sim
