#include "scheduler/lane_choice.hpp"

#include <algorithm>

namespace troupe::scheduler {

Lane choose_lane(const LaneOptions& options, std::optional<Lane> requested, Instant now,
                 Instant deadline, Duration predicted_cost) noexcept {
  if (!options.enabled) return Lane::ordinary;
  if (requested) return *requested;
  // Compared from the sum's side: `deadline - now - cost` could overflow, later() cannot.
  const Instant soonest_end = later(now, std::max(predicted_cost, Duration::zero()));
  const Instant urgent_before =
      later(soonest_end, std::max(options.urgent_laxity, Duration::zero()));
  return deadline < urgent_before ? Lane::urgent : Lane::ordinary;
}

}  // namespace troupe::scheduler
