#include "bench/link/registry.hpp"

#include <array>

#include "bench/link/scenarios.hpp"

namespace troupe::bench::link {

std::span<const harness::Scenario> link_scenarios() {
  static constexpr std::array<harness::Scenario, 6> all = {{
      {"round-trip", "A letter between agents on two nodes and back", run_round_trip},
      {"messages", "Small letters a second between agents on two nodes", run_messages},
      {"bulk", "Large letters a second over the link", run_bulk},
      {"urgent", "Urgent letters on a link that is full of bulk", run_urgent_lane},
      {"shaped", "The same over a wire of 1 Gbit/s; needs root", run_shaped},
      {"kill", "How long tasks take when one of two nodes is killed", run_kill},
  }};
  return all;
}

}  // namespace troupe::bench::link
