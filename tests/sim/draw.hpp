// What a seed stands for: a world, and the scheduler's settings in it. Every seed gives a different
// mixture, harsh ones among them, so that together they reach every rule.
#pragma once

#include <cstdint>
#include <string>

#include "scheduler/scheduler.hpp"
#include "sim/options.hpp"

namespace troupe::sim {

struct Configuration {
  WorldOptions world;
  scheduler::SchedulerOptions scheduler;
};

Configuration draw_configuration(std::uint64_t seed);

// One line for a failure report.
std::string describe(const Configuration& configuration);

}  // namespace troupe::sim
