// Which lane a task takes: the one it asks for, else by its laxity, the time it could still wait
// (deadline - now - predicted cost). So nobody has to ask for the right thing: a task is urgent
// when its deadline makes it so, whatever its model costs. With lanes off everything is ordinary.
//
// A pure function. How much urgent work one tenant may ask for is not decided here.
#pragma once

#include <optional>

#include "base/lane.hpp"
#include "base/time.hpp"

namespace troupe::scheduler {

struct LaneOptions {
  bool enabled = true;                                      // off: everything is ordinary
  Duration urgent_laxity = std::chrono::milliseconds(100);  // below it a task is urgent
};

Lane choose_lane(const LaneOptions& options, std::optional<Lane> requested, Instant now,
                 Instant deadline, Duration predicted_cost) noexcept;

}  // namespace troupe::scheduler
