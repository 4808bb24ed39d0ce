// Agents of a real node, each of which submits its next task when it has an outcome: the workload
// of `agents` and `identity`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bench/harness/histogram.hpp"
#include "bench/harness/usage.hpp"
#include "bench/scenarios/scenarios.hpp"
#include "kernels/device.hpp"

namespace troupe::bench::scenarios {

class IdleWatch;

struct ClosedLoop {
  std::string policy = "troupe";
  std::shared_ptr<kernels::Device> device;
  std::uint32_t tasks_max = 32;  // per batch
  std::uint32_t agents = 1;
  std::uint32_t window = 1;         // tasks that an agent has out at a time
  std::uint32_t urgent_one_in = 0;  // of the tasks; zero: all are ordinary
  bool timed = false;               // latency is measured, which costs two looks at the clock
  Duration warm_up{};
  Duration length{};  // measured, after the warm-up
  IdleWatch* watch = nullptr;
};

struct ClosedLoopResult {
  double tasks_per_s = 0;
  Duration cpu_per_task{};            // of the whole process
  harness::LatencyHistogram latency;  // if timed; from the submission to the agent's handler
  harness::Usage used;
};

// Errors: those of starting a node; canceled; internal if a task failed.
Result<ClosedLoopResult> run_closed_loop(const ClosedLoop& loop, const RunOptions& options);

}  // namespace troupe::bench::scenarios
