// Which lane a task takes: by what it asks for, else by its laxity, the time it could still wait
// (deadline - now - predicted cost). A flag alone would let everybody be urgent.
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
