// The scheduler, judged: every seed keeps every promise, and the seeds reach every rule.
//
// One seed again, with all that was drawn:  TROUPE_SIM_SEED=17 build/dev/tests/sim/test_sim
// More of them:                             TROUPE_SIM_SEEDS=20000 build/dev/tests/sim/test_sim
#include <cstdlib>
#include <string>

#include "tests/catch.hpp"
#include "tests/sim/judge.hpp"

using namespace troupe;
using namespace troupe::sim;

namespace {

std::uint64_t from_environment(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("every seed keeps every promise, and together they reach every rule") {
  const std::uint64_t only = from_environment("TROUPE_SIM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : from_environment("TROUPE_SIM_SEEDS", 1000);
  Coverage coverage;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Configuration drawn = draw_configuration(seed);
    if (only != 0) WARN(describe(drawn));
    const Judgement judgement = judge(drawn);
    for (const auto& [place, times] : judgement.coverage) coverage[place] += times;
    if (!judgement.violation) continue;
    const Violation& violation = *judgement.violation;
    const Configuration small = shrink(drawn, violation.checker);
    const auto again = judge(small).violation;
    FAIL("seed " << seed << " broke '" << violation.checker << "' at "
                 << (violation.at - Instant{}).count() << " ns: " << violation.what
                 << "\n  drawn:   " << describe(drawn) << "\n  smaller: " << describe(small)
                 << "\n  there:   " << (again ? again->what : "") << " at "
                 << (again ? (again->at - Instant{}).count() : 0)
                 << " ns\n  again:   TROUPE_SIM_SEED=" << seed << " " << TROUPE_BINARY_DIR
                 << "/tests/sim/test_sim");
  }
  if (only != 0) return;
  for (const char* place : {"full",
                            "pressing",
                            "enough",
                            "urgent",
                            "ride",
                            "unbatched",
                            "inside",
                            "into a spare slot",
                            "pause",
                            "raised",
                            "refused queue_full",
                            "refused expired",
                            "refused infeasible",
                            "infeasible after all",
                            "refused canceled",
                            "refused unreachable",
                            "task of a lost worker",
                            "cancel while waiting",
                            "cancel on a worker",
                            "duplicate submit",
                            "worker updated",
                            "report of an unknown batch",
                            "promised"}) {
    INFO("place: " << place << ", times: " << coverage[place]);
    CHECK(coverage[place] >= 20);
  }
  if (from_environment("TROUPE_SIM_COVERAGE", 0) != 0)
    for (const auto& [place, times] : coverage) WARN(place << ": " << times);
}
