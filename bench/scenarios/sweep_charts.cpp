#include "bench/scenarios/sweep_charts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/report/number.hpp"

namespace troupe::bench::scenarios {
namespace {

using harness::LatencyHistogram;
using report::Chart;
using report::LineChart;
using report::Scale;
using report::Series;

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

template <class ValueOf>
std::vector<Series> against_load(const std::vector<PolicySweep>& sweeps, ValueOf value_of) {
  std::vector<Series> all;
  for (const auto& sweep : sweeps) {
    Series series{sweep.policy, {}};
    for (const auto& point : sweep.points) series.points.push_back({point.load, value_of(point)});
    all.push_back(std::move(series));
  }
  return all;
}

Chart latency_chart(const std::vector<PolicySweep>& sweeps, const std::string& lane,
                    LatencyHistogram LoadPoint::*histogram, double q, const std::string& prefix,
                    const std::string& note) {
  const auto value_of = [&](const LoadPoint& point) {
    const auto& latency = point.*histogram;
    // Nothing was answered: a gap, not a latency of zero.
    return latency.count() == 0 ? std::numeric_limits<double>::quiet_NaN()
                                : ms(latency.quantile(q));
  };
  const std::string percentile = "p" + report::tick_text(q * 100);
  LineChart body{{"offered load, share of capacity"},
                 {lane + " " + percentile + ", ms", Scale::log},
                 against_load(sweeps, value_of),
                 {{1, "capacity", true}}};
  return {prefix + "-" + lane + "-" + percentile,
          "Latency against load: " + lane + " " + percentile, note, std::move(body)};
}

const LoadPoint* nearest(const PolicySweep& sweep, double load) {
  const auto closer = [load](const LoadPoint& a, const LoadPoint& b) {
    return std::abs(a.load - load) < std::abs(b.load - load);
  };
  const auto found = std::min_element(sweep.points.begin(), sweep.points.end(), closer);
  return found == sweep.points.end() ? nullptr : &*found;
}

Chart distribution_chart(const std::vector<PolicySweep>& sweeps, double close_up,
                         const std::string& name, const std::string& note) {
  LineChart body{{"urgent latency, ms", Scale::log},
                 {"share of tasks answered within", Scale::linear, 0.0, 1.0},
                 {}};
  body.steps = true;
  for (const auto& sweep : sweeps) {
    Series series{sweep.policy, {}};
    if (const LoadPoint* point = nearest(sweep, close_up))
      for (const auto& [value, share] : point->urgent.curve())
        series.points.push_back({ms(value), share});
    body.series.push_back(std::move(series));
  }
  return {name, "All urgent latencies at " + report::tick_text(close_up) + " of capacity", note,
          std::move(body)};
}

Chart batch_chart(const PolicySweep& ours, double close_up, const std::string& name,
                  const std::string& note) {
  report::BarChart body{"tasks in a batch", {"batches"}, {}, {}};
  const LoadPoint* point = nearest(ours, close_up);
  if (point != nullptr && !point->batch_tasks.empty()) {
    report::BarSeries bars{"", {}};
    // Every size up to the largest, so that gaps are seen as gaps.
    for (std::uint32_t size = 1; size <= point->batch_tasks.rbegin()->first; ++size) {
      const auto found = point->batch_tasks.find(size);
      body.categories.push_back(std::to_string(size));
      bars.values.push_back(found == point->batch_tasks.end() ? 0
                                                              : static_cast<double>(found->second));
    }
    body.series.push_back(std::move(bars));
  }
  return {name,
          "Batch sizes of " + ours.policy + " at " + report::tick_text(close_up) + " of capacity",
          note, std::move(body)};
}

}  // namespace

std::vector<Chart> sweep_charts(const std::vector<PolicySweep>& sweeps, double close_up,
                                const std::string& prefix, const std::string& note) {
  std::vector<Chart> charts;
  for (const double q : {0.5, 0.99}) {
    charts.push_back(latency_chart(sweeps, "urgent", &LoadPoint::urgent, q, prefix, note));
    charts.push_back(latency_chart(sweeps, "ordinary", &LoadPoint::ordinary, q, prefix, note));
  }
  LineChart goodput{{"offered load, share of capacity"},
                    {"in time, share of capacity"},
                    against_load(sweeps, [](const LoadPoint& point) { return point.goodput; }),
                    {{1, "capacity", true}}};
  charts.push_back({prefix + "-goodput", "Goodput against load", note, std::move(goodput)});
  charts.push_back(distribution_chart(sweeps, close_up, prefix + "-urgent-latencies", note));
  if (!sweeps.empty())
    charts.push_back(batch_chart(sweeps.front(), close_up, prefix + "-batch-sizes", note));
  return charts;
}

}  // namespace troupe::bench::scenarios
