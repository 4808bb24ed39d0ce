// The scenarios of `troupe bench encode`, `act` and `recall`, for registry.cpp: what the CPU
// kernels do, on one thread, held against what this machine can do at best and against the
// libraries that others would use. What each measures stands in its source and, in one line, in the
// registry.
#pragma once

#include "bench/harness/scenario.hpp"

namespace troupe::bench::compute {

using harness::Progress;
using harness::RunOptions;
using harness::ScenarioResult;

// --- encode -------------------------------------------------------------------------------------

Result<ScenarioResult> run_products(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_speed(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_precision(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_packing(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_yielding(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_tokenizer(const RunOptions& options, Progress& progress);
Result<ScenarioResult> run_peers(const RunOptions& options, Progress& progress);

// --- act ----------------------------------------------------------------------------------------

Result<ScenarioResult> run_policy(const RunOptions& options, Progress& progress);

// --- recall -------------------------------------------------------------------------------------

Result<ScenarioResult> run_scan(const RunOptions& options, Progress& progress);

}  // namespace troupe::bench::compute
