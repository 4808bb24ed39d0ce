// Every scenario of `troupe bench http`. A new one is a source file in this folder, its function
// declared in scenarios.hpp, and one line in registry.cpp.
#pragma once

#include <span>

#include "bench/harness/scenario.hpp"

namespace troupe::bench::http {

std::span<const harness::Scenario> http_scenarios();

}  // namespace troupe::bench::http
