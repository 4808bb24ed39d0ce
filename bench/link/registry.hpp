// Every scenario of `troupe bench link`. A new one is a source file in this folder, its function
// declared in scenarios.hpp, and one line in registry.cpp.
#pragma once

#include <span>

#include "bench/harness/scenario.hpp"

namespace troupe::bench::link {

std::span<const harness::Scenario> link_scenarios();

}  // namespace troupe::bench::link
