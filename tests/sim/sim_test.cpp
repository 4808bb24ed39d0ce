// The simulator's own test: every seed keeps every promise, the seeds reach every rule, and the
// lanes do what they are for.
//
// One seed again, with all that was drawn:  TROUPE_SIM_SEED=17 build/dev/tests/sim/test_sim
// More of them:                             TROUPE_SIM_SEEDS=20000 build/dev/tests/sim/test_sim
#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/catch.hpp"
#include "tests/sim/world.hpp"

using namespace troupe;
using namespace troupe::sim;

namespace {

std::uint64_t from_environment(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

Duration percentile(std::vector<Duration> values, double share) {
  REQUIRE(!values.empty());
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace

TEST_CASE("every seed keeps every promise, and together they reach every rule") {
  const std::uint64_t only = from_environment("TROUPE_SIM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : from_environment("TROUPE_SIM_SEEDS", 1000);
  Coverage coverage;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const RunReport report = run_seed(seed);
    for (const auto& [place, times] : report.coverage) coverage[place] += times;
    if (only != 0) WARN("seed " << seed << ": " << describe(draw_options(seed)));
    if (!report.violation) continue;
    FAIL("seed " << seed << " broke '" << report.violation->checker << "' at "
                 << (report.violation->at - Instant{}).count() << " ns: " << report.violation->what
                 << "\n  drawn: " << describe(draw_options(seed)) << "\n  again: TROUPE_SIM_SEED="
                 << seed << " " << TROUPE_BINARY_DIR << "/tests/sim/test_sim");
  }
  if (only != 0) return;
  for (const char* place : {"full by tasks",
                            "full by units",
                            "eager",
                            "overdue when idle",
                            "pressing when idle",
                            "overdue into a spare slot",
                            "pressing into a spare slot",
                            "urgent alone",
                            "urgent shared",
                            "urgent by laxity",
                            "yield",
                            "refused queue_full",
                            "refused expired",
                            "refused canceled",
                            "refused unreachable",
                            "task of a lost worker",
                            "cancel while waiting",
                            "cancel on a worker",
                            "duplicate submit",
                            "worker updated",
                            "report of an unknown batch"}) {
    INFO("place: " << place << ", times: " << coverage[place]);
    CHECK(coverage[place] >= 20);
  }
}

namespace {

// One worker at half load; batches take milliseconds, urgent tasks a fraction of one.
SimOptions mixed_load() {
  SimOptions options;
  options.seed = 1;
  options.tasks = 4000;
  options.gap_mean = std::chrono::microseconds(250);
  options.task_units_max = 1;
  options.asks_urgent_share = 0.02;
  options.asks_ordinary_share = 0.98;
  options.deadline_share = 0;
  options.ordinary.tasks_max = 32;
  options.cost_fixed_max = std::chrono::milliseconds(2);
  return options;
}

RunReport run_clean(const SimOptions& options) {
  RunReport report = run(options);
  REQUIRE_FALSE(report.violation);
  return report;
}

}  // namespace

TEST_CASE("an urgent task waits for a tile, not for the batch that runs") {
  const RunReport lanes_on = run_clean(mixed_load());
  SimOptions options = mixed_load();
  options.lanes.enabled = false;
  const RunReport lanes_off = run_clean(options);

  const auto alone = options.cost_fixed_max + options.cost_per_unit_max;
  CHECK(percentile(lanes_on.asked_urgent, 0.5) <= alone + options.tile);
  CHECK(percentile(lanes_on.asked_urgent, 0.99) * 2 < percentile(lanes_off.asked_urgent, 0.99));
}

TEST_CASE("coalescing carries a load that tasks one by one cannot") {
  SimOptions options = mixed_load();
  options.asks_urgent_share = 0;
  options.asks_ordinary_share = 1;
  const RunReport batched = run_clean(options);
  options.ordinary.enabled = false;
  const RunReport one_by_one = run_clean(options);

  const Duration arrivals = options.gap_mean * options.tasks;
  CHECK(batched.ended - Instant{} < arrivals * 11 / 10);
  CHECK(one_by_one.ended - Instant{} > arrivals * 7);
}

TEST_CASE("the simulated device lets urgent work in at a tile and loses no ordinary work") {
  SimDevice device(Duration{20});
  device.submit(Instant{Duration{0}}, Lane::ordinary, BatchId{1}, Duration{100});
  device.submit(Instant{Duration{25}}, Lane::urgent, BatchId{2}, Duration{7});

  CHECK(device.next() == Instant{Duration{40}});
  CHECK_FALSE(device.advance(Instant{Duration{40}}));
  CHECK(device.next() == Instant{Duration{47}});
  CHECK(device.advance(Instant{Duration{47}})->batch == BatchId{2});
  CHECK(device.next() == Instant{Duration{107}});
  CHECK(device.advance(Instant{Duration{107}})->batch == BatchId{1});
  CHECK_FALSE(device.next());
}
