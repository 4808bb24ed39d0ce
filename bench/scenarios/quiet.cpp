// quiet: is this machine fit to measure on? A thread spins and looks at the clock all the time:
// whatever gap it sees, somebody else had the CPU (or the host did, behind a guest's back). Then it
// sleeps until instants that come a thousand times a second, and sees how late it wakes.
//
// Rig C's figures are no better than this one: a p99 cannot be trusted below the gaps seen here.
#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "bench/harness/arrivals.hpp"
#include "bench/harness/latency_recorder.hpp"
#include "bench/harness/usage.hpp"
#include "bench/report/number.hpp"
#include "bench/scenarios/scenarios.hpp"

namespace troupe::bench::scenarios {
namespace {

using harness::LatencyHistogram;

constexpr Duration run_length_usual = std::chrono::seconds(4);
constexpr Duration warm_up = std::chrono::milliseconds(200);
constexpr Duration gap_min = std::chrono::microseconds(5);  // shorter ones are the loop itself
constexpr double taken_share_max = 0.01;

struct Gaps {
  LatencyHistogram lengths;
  Duration taken{};  // by others, in all
  Duration watched{};
};

Gaps spin(Duration length, const RunOptions& options, Progress& progress) {
  Gaps gaps;
  const Instant start = now();
  for (Instant before = start; before - start < length && !options.is_interrupted();) {
    const Instant after = now();
    const Duration gap = after - before;
    gaps.lengths.add(gap);
    if (gap > gap_min) gaps.taken += gap;
    gaps.watched = after - start;
    before = after;
    // Rarely enough that telling is no gap worth mentioning, and not counted as one.
    if (gaps.lengths.count() % 5'000'000 == 0) {
      progress.at(
          0.5 * static_cast<double>(gaps.watched.count()) / static_cast<double>(length.count()),
          "spinning");
      before = now();
    }
  }
  return gaps;
}

Result<LatencyHistogram> wake_ups(Duration length, const RunOptions& options, Progress& progress) {
  auto arrivals = harness::Arrivals::make(harness::Poisson{1000}, options.seed);
  if (!arrivals) return arrivals.error();
  harness::OpenLoop loop(std::move(*arrivals), length);
  harness::LatencyRecorder recorder({warm_up, length});
  const Instant start = now();
  while (const auto due = loop.next_due()) {
    if (options.is_interrupted()) return harness::interrupted_error();
    std::this_thread::sleep_until(std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration((start + *due).time_since_epoch())));
    const Duration woke = now() - start;
    while (const auto arrival = loop.take(woke)) recorder.answered(arrival->at, woke);
    progress.at(0.5 + 0.5 * static_cast<double>(due->count()) / static_cast<double>(length.count()),
                "sleeping");
  }
  return recorder.latency();
}

report::Series curve_of(const std::string& name, const LatencyHistogram& histogram) {
  report::Series series{name, {}};
  for (const auto& [value, share] : histogram.curve())
    series.points.push_back({static_cast<double>(value.count()) / 1e3, share});
  return series;
}

}  // namespace

Result<ScenarioResult> run_quiet(const RunOptions& options, Progress& progress) {
  const Duration length = options.run_length.value_or(run_length_usual) / 2;
  const auto before = harness::thread_usage();
  const Gaps gaps = spin(length, options, progress);
  const auto used = harness::thread_usage() - before;
  if (options.is_interrupted()) return harness::interrupted_error();
  const auto woken = wake_ups(std::max(length, 2 * warm_up), options, progress);
  if (!woken) return woken.error();

  ScenarioResult result;
  report::Figure figure;
  figure.id = "quiet";
  figure.what = "time that others take from a spinning thread";
  figure.value = 100.0 * static_cast<double>(gaps.taken.count()) /
                 static_cast<double>(std::max<Duration::rep>(gaps.watched.count(), 1));
  figure.unit = "%";
  figure.target = 100 * taken_share_max;
  figure.detail = "longest gap " + human_duration(gaps.lengths.max()) + ", " +
                  std::to_string(used.switches_involuntary) +
                  " involuntary switches; a sleeper wakes " + human_duration(woken->quantile(0.5)) +
                  " late at the median, " + human_duration(woken->quantile(0.99)) + " at p99";
  result.figures.push_back(std::move(figure));
  report::LineChart chart{{"lateness, us", report::Scale::log},
                          {"share of wake-ups", report::Scale::linear, 0.0, 1.0},
                          {curve_of("woken from sleep", *woken)}};
  chart.steps = true;
  result.charts.push_back({"quiet-wake-ups", "How late this machine wakes a sleeper",
                           "1000 instants a second, Poisson", std::move(chart)});
  result.text =
      "What the machine itself adds. Percentiles of the other scenarios cannot be trusted below "
      "the "
      "gaps and the lateness seen here.";
  return result;
}

}  // namespace troupe::bench::scenarios
