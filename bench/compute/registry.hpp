// Every scenario of the compute benches. A new one is a source file in this folder, its function
// declared in scenarios.hpp, and one line in registry.cpp.
#pragma once

#include <span>

#include "bench/harness/scenario.hpp"

namespace troupe::bench::compute {

std::span<const harness::Scenario> encode_scenarios();
std::span<const harness::Scenario> act_scenarios();
std::span<const harness::Scenario> recall_scenarios();

}  // namespace troupe::bench::compute
