// The whole judgement over one configuration: it runs, twice, under the checkers; and a failing one
// is made smaller for as long as it fails in the same way.
#pragma once

#include "sim/report.hpp"
#include "tests/sim/checker.hpp"

namespace troupe::sim {

struct Judgement {
  std::optional<Violation> violation;
  Coverage coverage;
  RunReport report;  // of a run without violation
};

// The production scheduler, once.
Judgement judge_once(const Configuration& configuration);
// The same, and once more to see that the decisions are the same.
Judgement judge(const Configuration& configuration);

// Fewer tasks, streams, devices, faults, as long as the same checker speaks.
Configuration shrink(Configuration failing, const std::string& checker);

}  // namespace troupe::sim
