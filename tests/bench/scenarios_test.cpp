// The scenarios of rig V: what they say of policies of which the answer is known.
#include <algorithm>

#include "bench/report/svg.hpp"
#include "bench/scenarios/deadlines.hpp"
#include "bench/scenarios/registry.hpp"
#include "bench/scenarios/virtual.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench;

namespace {

harness::ScenarioResult run(std::string_view name, std::vector<std::string> policies) {
  const auto scenarios = scenarios::sim_scenarios();
  const auto found = std::ranges::find(scenarios, name, &harness::Scenario::name);
  REQUIRE(found != scenarios.end());
  harness::RunOptions options;
  options.policies = std::move(policies);
  harness::Progress progress([](std::string_view) {}, [] { return Instant{}; }, false);
  auto result = found->run(options, progress);
  REQUIRE(result);
  return std::move(*result);
}

}  // namespace

TEST_CASE("all policies have names, ours first") {
  const auto names = scenarios::policy_names();
  REQUIRE(names.size() >= 6);
  CHECK(names.front() == "troupe");
  for (const auto name : names) CHECK(scenarios::make_policy(std::string(name), 8) != nullptr);
}

TEST_CASE("every policy has a look of its own in the pictures") {
  const auto policies = scenarios::policy_names();
  report::LineChart chart{{"load"}, {"latency"}, {}};
  for (const auto policy : policies)
    chart.series.push_back(report::Series{std::string(policy), {{0, 1}, {1, 2}}});
  const std::string svg = report::to_svg({"lines", "Lines", "", std::move(chart)});
  for (std::size_t i = 0; i < policies.size(); ++i) {
    INFO(policies[i]);
    CHECK(svg.find("class=\"line stroke" + std::to_string(i) + "\"") != std::string::npos);
  }
}

TEST_CASE("a queue with a fixed service time waits as theory says") {
  // M/D/1 at a load of one half: the mean wait is half the service time.
  const scenarios::Model model{std::chrono::milliseconds(1), Duration{0}, 1};
  sim::WorldOptions world;
  world.duration = std::chrono::seconds(200);
  world.devices = {scenarios::device_of(model)};
  sim::Stream stream;
  stream.rate_per_s = 500;
  world.streams = {stream};
  const auto report = scenarios::run_policy("immediate", model, world);
  const auto mean = scenarios::histogram_of(report.streams[0].latencies).mean();
  CHECK(scenarios::in_ms(mean) == Approx(1.5).epsilon(0.02));
  CHECK(report.busy_share() == Approx(0.5).epsilon(0.02));
}

TEST_CASE("broken promises are told from refusals") {
  const auto world = scenarios::deadline_world(2.0, 1);
  scenarios::Promises ours(std::chrono::milliseconds(600));
  scenarios::run_policy("troupe", scenarios::deadline_model(), world, &ours);
  scenarios::Promises eager(std::chrono::milliseconds(600));
  scenarios::run_policy("eager_edf", scenarios::deadline_model(), world, &eager);
  CHECK(ours.accepted() > 100'000);
  CHECK(ours.broken() * 1000 <= ours.accepted());
  // It takes everything in and then gives up most of it.
  CHECK(eager.broken() > eager.accepted() / 3);
}

TEST_CASE("a scenario's figures have targets, and rivals beside them") {
  for (const char* name : {"tenants", "costs", "repeat", "low-load"}) {
    const auto result = run(name, {"troupe", "eager_edf"});
    REQUIRE_FALSE(result.figures.empty());
    for (const auto& figure : result.figures) {
      INFO(figure.what);
      CHECK_FALSE(figure.id.empty());
      CHECK(figure.ok());
    }
  }
}
