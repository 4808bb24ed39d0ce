// Every scenario of the benchmark harness, and every policy that runs in them. A new scenario is a
// source file in this folder, its function declared in scenarios.hpp, and one line in registry.cpp.
#pragma once

#include <span>
#include <string_view>

#include "bench/harness/scenario.hpp"

namespace troupe::bench::scenarios {

// Rig V: a modelled device on a virtual clock.
std::span<const harness::Scenario> sim_scenarios();

// Rig C: this machine.
std::span<const harness::Scenario> lane_scenarios();

// Ours first.
std::span<const std::string_view> policy_names();

}  // namespace troupe::bench::scenarios
