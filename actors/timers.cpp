#include "actors/timers.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace troupe::actors {

namespace {
// As for the lanes: a pending message to itself delays the node's exit.
constexpr Duration step_max = std::chrono::milliseconds(200);
}  // namespace

caf::behavior Timers::make_behavior() {
  return {[this](ArmTimer& timer) {
            armed_timers_.push(std::move(timer));
            arm();
          },
          [this](const Wake&) {
            armed_ = never;
            fire_due();
            arm();
          }};
}

void Timers::fire_due() {
  const Instant at = troupe::now();
  while (!armed_timers_.empty() && armed_timers_.top().at <= at) {
    const ArmTimer& due = armed_timers_.top();
    if (due.restart)
      post(due.shell, Restart{due.incarnation});
    else
      post(due.shell, TimerFired{due.incarnation, due.timer});
    armed_timers_.pop();
  }
}

void Timers::arm() {
  if (armed_timers_.empty() || armed_timers_.top().at >= armed_) return;
  const Instant at = troupe::now();
  const Duration delay = std::clamp(armed_timers_.top().at - at, Duration::zero(), step_max);
  armed_ = at + delay;
  post_self_later(*this, delay, Wake{armed_});
}

}  // namespace troupe::actors
