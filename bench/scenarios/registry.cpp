#include "bench/scenarios/registry.hpp"

#include <array>
#include <vector>

#include "bench/rivals/rivals.hpp"
#include "bench/scenarios/scenarios.hpp"

namespace troupe::bench::scenarios {

std::span<const harness::Scenario> sim_scenarios() {
  static constexpr std::array<harness::Scenario, 9> all = {{
      {"urgent", "Urgent latency on a device that is nearly full, and what it costs", run_urgent},
      {"overload", "Goodput and kept promises when more is asked for than can be done",
       run_overload},
      {"deadlines", "How much load 16 models on 4 devices carry with 99 % in time", run_deadlines},
      {"low-load", "What waiting for company costs when there is hardly any", run_low_load},
      {"costs", "How well a batch's cost is predicted, and learned again", run_costs},
      {"tenants", "Shares and latency beside a tenant that asks for ten times as much",
       run_tenants},
      {"repeat", "The same world twice decides the same", run_repeat},
      {"dilemma", "Immediate answers or a busy device: both", run_dilemma},
      {"sweep", "Every policy at every load, for the pictures; takes --trace", run_sweep},
  }};
  return all;
}

std::span<const harness::Scenario> lane_scenarios() {
  static constexpr std::array<harness::Scenario, 6> all = {{
      {"quiet", "How much of this machine's time others take; look here first", run_quiet},
      {"loop", "What a decision costs, on one core", run_scheduler_loop},
      {"encode", "The real model on the CPU: urgent texts beside bulk ones", run_encode},
      {"mixed", "The real node at 95 and 50 % load, ordinary and urgent tasks", run_mixed},
      {"agents", "Agents in a closed loop, and whether the device ever waits", run_agents},
      {"identity", "What the node itself costs: a device that is done at once", run_identity},
  }};
  return all;
}

std::span<const std::string_view> policy_names() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> names = {"troupe"};
    for (const auto& rival : rivals::rivals()) names.push_back(rival.name);
    return names;
  }();
  return all;
}

}  // namespace troupe::bench::scenarios
