// All agents' timers in one actor: a heap, and one delayed message for its earliest entry, because
// a timer per agent would be a message in CAF's clock for each. Fires within about 0.1 ms of the
// time asked for.
#pragma once

#include <queue>
#include <vector>

#include "actors/caf.hpp"
#include "actors/messages.hpp"

namespace troupe::actors {

class Timers final : public Actor {
 public:
  using Actor::Actor;

  [[nodiscard]] const char* name() const override { return "timers"; }
  caf::behavior make_behavior() override;
  void on_exit() override { armed_timers_ = {}; }  // lets the agents' handles go

 private:
  struct Later {
    bool operator()(const ArmTimer& a, const ArmTimer& b) const noexcept { return a.at > b.at; }
  };

  void fire_due();
  void arm();

  std::priority_queue<ArmTimer, std::vector<ArmTimer>, Later> armed_timers_;
  Instant armed_ = never;
};

}  // namespace troupe::actors
