#include "bench/harness/runner.hpp"

#include <array>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench;
using namespace troupe::bench::harness;

namespace {

report::Figure figure(std::string id, double value) {
  return {std::move(id), "what", value, "", 1, report::Comparison::at_least, "", {}};
}

Result<ScenarioResult> run_good(const RunOptions& options, Progress& progress) {
  progress.at(0.5, options.policies.at(0));
  ScenarioResult result;
  result.figures = {figure("10", 1), figure("light", 0),
                    figure("2", static_cast<double>(options.seed))};
  result.charts = {{"good-chart", "Good", "", report::LineChart{}}};
  return result;
}

Result<ScenarioResult> run_other(const RunOptions&, Progress&) {
  ScenarioResult result;
  result.figures = {figure("1", 1), figure("2", 7)};
  result.text = "what it did";
  return result;
}

Result<ScenarioResult> run_broken(const RunOptions&, Progress&) {
  return Error{ErrorCode::model_missing, "no model", "get one"};
}

constexpr std::array<Scenario, 3> known = {{{"good", "is good", run_good},
                                            {"other", "is another", run_other},
                                            {"broken", "is broken", run_broken}}};
constexpr std::array<std::string_view, 3> policies = {"troupe", "immediate", "eager-edf"};

Progress silent() {
  return {[](std::string_view) {}, [] { return Instant{}; }, false};
}

std::vector<std::string> chosen(const std::vector<std::string>& names) {
  const auto scenarios = choose_scenarios(known, names);
  REQUIRE(scenarios);
  std::vector<std::string> found;
  for (const auto& one : *scenarios) found.emplace_back(one.name);
  return found;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("scenarios are chosen by name, each once; without names all run") {
  CHECK(chosen({}) == Names{"good", "other", "broken"});
  CHECK(chosen({"other", "good", "other"}) == Names{"other", "good"});
  const auto none = choose_scenarios(known, {"good", "goood\x1b"});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::invalid_argument);
  CHECK(none.error().what == "there is no scenario 'goood?'");
  CHECK(none.error().next_step == "use one of: good, other, broken");
}

TEST_CASE("ours always runs, and the rivals that were asked for beside it") {
  CHECK(*choose_policies(policies, {}) == Names{"troupe", "immediate", "eager-edf"});
  CHECK(*choose_policies(policies, {"eager-edf"}) == Names{"troupe", "eager-edf"});
  CHECK(*choose_policies(policies, {"eager-edf", "troupe", "immediate"}) ==
        Names{"troupe", "immediate", "eager-edf"});
  const auto none = choose_policies(policies, {"fastest"});
  REQUIRE_FALSE(none);
  CHECK(none.error().next_step == "use one of: troupe, immediate, eager-edf");
}

TEST_CASE("a report joins what the scenarios measured, by the figures' numbers") {
  RunOptions options;
  options.seed = 3;
  options.policies = {"troupe"};
  Progress progress = silent();
  const auto report = run_scenarios(*choose_scenarios(known, {"good", "other"}), options, progress);
  REQUIRE(report);
  Names ids;
  for (const auto& one : report->set.figures) ids.push_back(one.id);
  CHECK(ids == Names{"1", "2", "2", "10", "light"});
  CHECK(report->set.figures[1].value == 3);
  CHECK(report->set.missed() == 1);
  REQUIRE(report->sections.size() == 2);
  CHECK(report->sections[0].text == "is good");
  CHECK(report->sections[0].charts.size() == 1);
  CHECK(report->sections[1].text == "what it did");
}

TEST_CASE("the first scenario that fails ends the run and is named") {
  RunOptions options;
  options.policies = {"troupe"};
  Progress progress = silent();
  const auto report = run_scenarios({known.begin(), known.end()}, options, progress);
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ErrorCode::model_missing);
  CHECK(report.error().what == "broken: no model");
}

TEST_CASE("a run that was given up ends before the next scenario") {
  std::atomic<bool> interrupted{true};
  RunOptions options;
  options.policies = {"troupe"};
  options.interrupted = &interrupted;
  Progress progress = silent();
  CHECK(run_scenarios({known.begin(), known.end()}, options, progress).error().code ==
        ErrorCode::canceled);
}
