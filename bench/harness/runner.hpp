// Runs the scenarios that were asked for, one after the other, and joins what they measured into
// one report. Which scenarios and policies there are, the clock and the screen are given.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "bench/harness/progress.hpp"
#include "bench/harness/scenario.hpp"
#include "bench/report/html.hpp"

namespace troupe::bench::harness {

// Those of `names`, each once, in that order; no names: all. An unknown one is an invalid_argument
// that lists the known ones.
Result<std::vector<Scenario>> choose_scenarios(std::span<const Scenario> known,
                                               const std::vector<std::string>& names);

// The policies to run beside each other: the first of `known`, which is ours, and those of `names`;
// no names: all. Errors as above.
Result<std::vector<std::string>> choose_policies(std::span<const std::string_view> known,
                                                 const std::vector<std::string>& names);

// The figures are in the order of their numbers, those with names behind. The first scenario that
// fails ends the run with its error, its name in front; canceled when interrupted.
Result<report::Report> run_scenarios(const std::vector<Scenario>& scenarios,
                                     const RunOptions& options, Progress& progress);

}  // namespace troupe::bench::harness
