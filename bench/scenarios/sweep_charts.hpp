// The pictures that scenarios of both rigs share: what policies do as the load grows. A scenario
// fills in what it measured; what the pictures look like is decided here, once, so that a policy
// has one colour throughout a report.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/harness/histogram.hpp"
#include "bench/report/chart.hpp"

namespace troupe::bench::scenarios {

// One policy at one load.
struct LoadPoint {
  double load = 0;     // offered, as a share of capacity
  double goodput = 0;  // in time, as a share of capacity
  harness::LatencyHistogram urgent;
  harness::LatencyHistogram ordinary;
  std::map<std::uint32_t, std::uint64_t> batch_tasks;  // batches by their size
};

struct PolicySweep {
  std::string policy;
  std::vector<LoadPoint> points;  // in the order of load
};

// Latency against load (p50 and p99 of both lanes), goodput against load, and, at the load nearest
// to `close_up`, the urgent lane's distribution and our batch sizes. Ours comes first in `sweeps`.
// The charts' names begin with `prefix`; `note` stands under each title.
std::vector<report::Chart> sweep_charts(const std::vector<PolicySweep>& sweeps, double close_up,
                                        const std::string& prefix, const std::string& note);

}  // namespace troupe::bench::scenarios
