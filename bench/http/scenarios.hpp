// The scenarios of `troupe bench http`, for registry.cpp: what the HTTP door costs, held against
// the C++ client and against the bare server library. What each measures stands in its source and,
// in one line, in the registry.
#pragma once

#include "bench/harness/scenario.hpp"

namespace troupe::bench::http {

using harness::Progress;
using harness::RunOptions;
using harness::ScenarioResult;

Result<ScenarioResult> run_latency(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_connections(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_idle(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_layer(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_metrics(const RunOptions& options, Progress& progress);

}  // namespace troupe::bench::http
