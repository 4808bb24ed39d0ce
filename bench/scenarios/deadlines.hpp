// The world of figures 2, 3 and 4: sixteen models on four devices, tasks with mixed deadlines.
//
// A batch takes 2 ms + 0.1 ms for each task, at most 32; full batches on all four devices do
// 24,615 tasks a second. A quarter of the tasks each is wanted within 20, 50, 100 and 200 ms: from
// four to forty times what a full batch takes. `tight` halves the nearest of these.
#pragma once

#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {

Model deadline_model();
double deadline_capacity_per_s();
sim::WorldOptions deadline_world(double load, std::uint64_t seed, bool tight = false);

// Tasks in time, over the tasks offered.
double attained(const sim::RunReport& report);
// Tasks in time each second, over capacity.
double goodput(const sim::RunReport& report);

}  // namespace troupe::bench::scenarios
