// The scenarios' functions, for registry.cpp. What each measures stands in its source and, in one
// line, in the registry.
#pragma once

#include "bench/harness/scenario.hpp"

namespace troupe::bench::scenarios {

using harness::Progress;
using harness::RunOptions;
using harness::ScenarioResult;

// --- rig V --------------------------------------------------------------------------------------

Result<ScenarioResult> run_urgent(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_overload(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_deadlines(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_low_load(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_costs(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_tenants(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_repeat(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_dilemma(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_sweep(const RunOptions& options, Progress& progress);

// --- rig C --------------------------------------------------------------------------------------

Result<ScenarioResult> run_quiet(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_scheduler_loop(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_encode(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_mixed(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_agents(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_identity(const RunOptions& options, Progress& progress);

}  // namespace troupe::bench::scenarios
