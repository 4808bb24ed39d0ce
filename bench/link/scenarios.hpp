// The scenarios of `troupe bench link`, for registry.cpp: what the link between nodes costs, held
// against raw TCP and against ZeroMQ alone. What each measures stands in its source and, in one
// line, in the registry.
#pragma once

#include "bench/harness/scenario.hpp"

namespace troupe::bench::link {

using harness::Progress;
using harness::RunOptions;
using harness::ScenarioResult;

Result<ScenarioResult> run_round_trip(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_messages(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_bulk(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_urgent_lane(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_shaped(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_kill(const RunOptions& options, Progress& progress);

}  // namespace troupe::bench::link
