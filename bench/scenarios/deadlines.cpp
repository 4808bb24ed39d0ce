// overload (figure 2), deadlines (figure 3) and low-load (figure 4), all in one world.
#include "bench/scenarios/deadlines.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/report/number.hpp"
#include "bench/scenarios/scenarios.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr std::uint32_t models = 16;
constexpr std::uint32_t devices = 4;
constexpr double attainment_wanted = 0.99;

// The highest load up to which 99 of 100 tasks are in time, to a hundredth.
double load_met(const std::string& policy, const RunOptions& options, bool tight) {
  const auto is_met = [&](int hundredths) {
    auto world = deadline_world(hundredths / 100.0, options.seed, tight);
    return attained(run_policy(policy, deadline_model(), world)) >= attainment_wanted;
  };
  int met = 0;
  while (met < 120 && is_met(met + 5)) met += 5;
  for (int finer = 0; finer < 4 && is_met(met + 1); ++finer) ++met;
  return met / 100.0;
}

}  // namespace

Model deadline_model() {
  return {std::chrono::milliseconds(2), std::chrono::microseconds(100), 32};
}

double deadline_capacity_per_s() {
  return devices * deadline_model().tasks_per_s();
}

sim::WorldOptions deadline_world(double load, std::uint64_t seed, bool tight) {
  sim::WorldOptions world;
  world.seed = seed;
  world.duration = std::chrono::seconds(6);
  world.devices.assign(devices, device_of(deadline_model()));
  using std::chrono::milliseconds;
  for (std::uint32_t model = 0; model < models; ++model) {
    sim::Stream stream;
    stream.kind.model = ModelId{model};
    stream.rate_per_s = load * deadline_capacity_per_s() / models;
    stream.deadlines = {{0.25, tight ? milliseconds(10) : milliseconds(20)},
                        {0.25, milliseconds(50)},
                        {0.25, milliseconds(100)},
                        {0.25, milliseconds(200)}};
    world.streams.push_back(stream);
  }
  return world;
}

double attained(const sim::RunReport& report) {
  std::uint64_t offered = 0;
  std::uint64_t on_time = 0;
  for (const auto& stream : report.streams) {
    offered += stream.offered;
    on_time += stream.on_time;
  }
  return static_cast<double>(on_time) / static_cast<double>(std::max<std::uint64_t>(offered, 1));
}

double goodput(const sim::RunReport& report) {
  std::uint64_t on_time = 0;
  for (const auto& stream : report.streams) on_time += stream.on_time;
  return static_cast<double>(on_time) * 1e9 / static_cast<double>(report.measured.count()) /
         deadline_capacity_per_s();
}

Result<ScenarioResult> run_overload(const RunOptions& options, Progress& progress) {
  constexpr double loads[] = {0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0};
  ScenarioResult result;
  report::LineChart chart{{"offered load, share of capacity"},
                          {"goodput, share of capacity", report::Scale::linear, 0.0},
                          {},
                          {{1, "capacity"}}};
  std::vector<report::Figure> reached;
  report::Figure broken;
  broken.id = "2";
  broken.what = "accepted but late, the worst of 1.5x, 2x and 3x";
  broken.unit = "%";
  broken.target = 0.1;
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    const std::string& policy = options.policies[i];
    report::Series series{policy, {}};
    series.look = i;
    double worst_percent = 0;
    std::size_t figure = 0;
    for (const double load : loads) {
      if (options.is_interrupted()) return harness::interrupted_error();
      progress.at(static_cast<double>(i) / static_cast<double>(options.policies.size()),
                  policy + " at " + report::tick_text(load));
      const auto world = deadline_world(load, options.seed);
      Promises promises(Duration{
          static_cast<Duration::rep>(static_cast<double>(world.duration.count()) * world.warm_up)});
      const auto run = run_policy(policy, deadline_model(), world, &promises);
      const double good = goodput(run);
      series.points.push_back({load, good});
      if (load < 1.5) continue;
      std::uint64_t late = promises.broken();
      for (const auto& stream : run.streams) late += stream.late;
      const auto accepted = static_cast<double>(std::max<std::uint64_t>(promises.accepted(), 1));
      worst_percent = std::max(worst_percent, 100 * static_cast<double>(late) / accepted);
      if (i == 0) {
        report::Figure one;
        one.id = "2";
        one.what = "goodput at " + report::tick_text(load) + "x / capacity";
        one.value = good;
        one.target = 0.95;
        one.comparison = report::Comparison::at_least;
        reached.push_back(std::move(one));
      } else {
        reached[figure].rivals.push_back({policy, good});
      }
      ++figure;
    }
    if (i == 0)
      broken.value = worst_percent;
    else
      broken.rivals.push_back({policy, worst_percent});
    chart.series.push_back(std::move(series));
  }
  result.figures = std::move(reached);
  result.figures.push_back(std::move(broken));
  result.charts.push_back({"overload-goodput", "Goodput against load",
                           "16 models, 4 devices, deadlines of 20 to 200 ms", std::move(chart)});
  result.text =
      "Sixteen models on four devices, Poisson arrivals, deadlines of 20, 50, 100 and 200 ms.";
  return result;
}

Result<ScenarioResult> run_deadlines(const RunOptions& options, Progress& progress) {
  report::Figure met;
  met.id = "3";
  met.what = "load met at 99 % of deadlines, 16 models, 4 devices";
  met.target = 0.45;
  met.comparison = report::Comparison::at_least;
  report::Figure margin;
  margin.id = "3";
  margin.what = "the same, over the best rival's";
  margin.target = 1;
  margin.comparison = report::Comparison::at_least;
  std::string tight_text;
  double best = 0;
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    const std::string& policy = options.policies[i];
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(static_cast<double>(i) / static_cast<double>(options.policies.size()), policy);
    const double load = load_met(policy, options, false);
    if (i == 0)
      met.value = load;
    else
      met.rivals.push_back({policy, load}), best = std::max(best, load);
    tight_text +=
        (i == 0 ? "" : ", ") + policy + " " + report::tick_text(load_met(policy, options, true));
  }
  met.detail = "with the nearest deadlines at 10 ms instead of 20: " + tight_text;
  margin.value = best > 0 ? met.value / best : std::numeric_limits<double>::quiet_NaN();
  ScenarioResult result;
  result.figures.push_back(met);
  if (best > 0) result.figures.push_back(margin);
  result.text =
      "The highest load up to which 99 of 100 tasks offered end in time; refused is missed.";
  return result;
}

Result<ScenarioResult> run_low_load(const RunOptions& options, Progress& progress) {
  progress.at(0, "0.1 of capacity");
  const auto median = [&](const std::string& policy) {
    const auto run = run_policy(policy, deadline_model(), deadline_world(0.1, options.seed));
    harness::LatencyHistogram all;
    for (const auto& stream : run.streams) all.merge(histogram_of(stream.latencies));
    return all.quantile(0.5);
  };
  const Duration eager = median("eager_edf");
  report::Figure figure;
  figure.id = "4";
  figure.what = "p50 at 0.1 of capacity / eager";
  figure.target = 1.05;
  figure.value = in_ms(median("troupe")) / in_ms(eager);
  figure.detail = "eager " + report::tick_text(in_ms(eager)) + " ms";
  for (std::size_t i = 1; i < options.policies.size(); ++i)
    figure.rivals.push_back(
        {options.policies[i], in_ms(median(options.policies[i])) / in_ms(eager)});
  ScenarioResult result;
  result.figures.push_back(figure);
  result.text = "The world of `deadlines` at a tenth of its capacity.";
  return result;
}

}  // namespace troupe::bench::scenarios
