// What a node says of itself to others: how long a task that comes now would wait there until it
// begins. `Duration::max()` where nothing can run at all; across the wire that is a year.
#pragma once

#include "base/lane.hpp"
#include "base/time.hpp"

namespace troupe {

struct NodeLoad {
  Duration ordinary{};
  Duration urgent{};
  [[nodiscard]] Duration of(Lane lane) const noexcept {
    return lane == Lane::urgent ? urgent : ordinary;
  }
  bool operator==(const NodeLoad&) const = default;
};

}  // namespace troupe
