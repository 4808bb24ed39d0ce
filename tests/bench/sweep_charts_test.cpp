#include "bench/scenarios/sweep_charts.hpp"

#include <cmath>
#include <set>

#include "bench/report/svg.hpp"
#include "tests/bench/well_formed.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench;
using namespace troupe::bench::scenarios;
using namespace std::chrono_literals;

namespace {

std::vector<PolicySweep> measured() {
  std::vector<PolicySweep> sweeps(2);
  sweeps[0].policy = "troupe";
  sweeps[1].policy = "immediate";
  for (auto& sweep : sweeps)
    for (const double load : {0.5, 0.9}) {
      LoadPoint point;
      point.load = load;
      point.goodput = load / 2;
      for (int i = 1; i <= 100; ++i) point.ordinary.add(i * (load < 0.6 ? 1ms : 2ms));
      if (load < 0.6) point.urgent.add(5ms);
      point.batch_tasks = {{1, 3}, {4, 7}};
      sweep.points.push_back(std::move(point));
    }
  return sweeps;
}

const report::Chart& named(const std::vector<report::Chart>& charts, const std::string& name) {
  for (const auto& chart : charts)
    if (chart.name == name) return chart;
  FAIL("no chart " + name);
  return charts.front();
}

const report::LineChart& lines(const report::Chart& chart) {
  return std::get<report::LineChart>(chart.body);
}

}  // namespace

TEST_CASE("what was measured stands in the charts, each policy a line") {
  const auto charts = sweep_charts(measured(), 0.5, "sweep", "a note");
  std::set<std::string> names;
  for (const auto& chart : charts) {
    CHECK(names.insert(chart.name).second);
    CHECK_FALSE(tests::markup_mistake(report::to_svg(chart)));
  }
  const auto& p99 = lines(named(charts, "sweep-ordinary-p99"));
  REQUIRE(p99.series.size() == 2);
  CHECK(p99.series[1].name == "immediate");
  CHECK(p99.series[0].points[0].x == 0.5);
  CHECK(p99.series[0].points[0].y == Approx(99).epsilon(0.002));
  CHECK(p99.series[0].points[1].y == Approx(198).epsilon(0.002));
  CHECK(lines(named(charts, "sweep-ordinary-p50")).series[0].points[0].y ==
        Approx(50).epsilon(0.002));
  CHECK(lines(named(charts, "sweep-goodput")).series[0].points[1].y == Approx(0.45));
}

TEST_CASE("where nothing was answered there is a gap, not a latency of zero") {
  const auto charts = sweep_charts(measured(), 0.9, "sweep", "");
  const auto& urgent = lines(named(charts, "sweep-urgent-p99"));
  CHECK(urgent.series[0].points[0].y == Approx(5).epsilon(0.002));
  CHECK(std::isnan(urgent.series[0].points[1].y));
  CHECK(lines(named(charts, "sweep-urgent-latencies")).series[0].points.empty());
}

TEST_CASE("batch sizes that never came are shown as none") {
  const auto charts = sweep_charts(measured(), 0.5, "sweep", "");
  const auto& bars = std::get<report::BarChart>(named(charts, "sweep-batch-sizes").body);
  CHECK(bars.categories == std::vector<std::string>{"1", "2", "3", "4"});
  REQUIRE(bars.series.size() == 1);
  CHECK(bars.series[0].values == std::vector<double>{3, 0, 0, 7});
}

TEST_CASE("a sweep of nothing has charts that say so") {
  for (const auto& chart : sweep_charts({}, 0.5, "sweep", "")) {
    const auto svg = report::to_svg(chart);
    CHECK(svg.find("nothing was measured") != std::string::npos);
  }
}
