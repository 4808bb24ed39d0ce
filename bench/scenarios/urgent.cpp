// urgent (figure 1): what a device that is nearly full adds to the latency of urgent work, and what
// urgent work costs the rest.
//
// The device takes 50 us + 2 us for each task, batches of at most 256, and can be entered every
// 20 us. Ordinary tasks come at 0.95 of what full batches could do; urgent ones take 1 % of the
// device's time if each runs alone. Unloaded is the same without ordinary tasks.
#include "bench/scenarios/scenarios.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration tile = std::chrono::microseconds(20);
constexpr double urgent_share = 0.01;  // of the device's time

Model small_model() {
  return {std::chrono::microseconds(50), std::chrono::microseconds(2), 256};
}

sim::WorldOptions world_at(double load, std::uint64_t seed) {
  const Model model = small_model();
  sim::WorldOptions world;
  world.seed = seed;
  world.duration = std::chrono::seconds(20);
  world.devices = {device_of(model, tile)};
  sim::Stream urgent;
  urgent.rate_per_s = urgent_share * 1e9 / static_cast<double>(model.of(1).count());
  urgent.lane = Lane::urgent;
  sim::Stream ordinary;
  ordinary.rate_per_s = load * model.tasks_per_s();
  world.streams = {urgent, ordinary};
  return world;
}

struct Outcome {
  double throughput = 0;  // of what full batches could do, when more is asked for
  Duration p99{};
  harness::LatencyHistogram urgent;
};

Outcome measure(const std::string& policy, std::uint64_t seed) {
  const Model model = small_model();
  const auto loaded = run_policy(policy, model, world_at(0.95, seed));
  auto beyond = world_at(1.3, seed);
  beyond.duration = std::chrono::seconds(4);
  const auto full = run_policy(policy, model, beyond);
  Outcome outcome;
  outcome.urgent = histogram_of(loaded.streams[0].latencies);
  outcome.p99 = outcome.urgent.quantile(0.99);
  // What was completed while tasks still came, by the device's time: the backlog at the end counts
  // for nobody.
  double tasks = 0;
  for (std::size_t size = 1; size < full.batch_sizes.size(); ++size)
    tasks += static_cast<double>(full.batch_sizes[size] * size);
  const double all_time_ns = static_cast<double>((full.ended - Instant{}).count());
  outcome.throughput = tasks * 1e9 / all_time_ns / model.tasks_per_s();
  return outcome;
}

}  // namespace

Result<ScenarioResult> run_urgent(const RunOptions& options, Progress& progress) {
  report::Figure latency;
  latency.id = "1";
  latency.what = "urgent p99 / unloaded, ordinary work at 0.95 of capacity";
  latency.target = 2.0;
  report::Figure throughput;
  throughput.id = "1";
  throughput.what = "throughput / that of full batches, with as much urgent work";
  throughput.target = 0.97;
  throughput.comparison = report::Comparison::at_least;
  report::LineChart chart{{"urgent latency, ms", report::Scale::log},
                          {"share of tasks answered within", report::Scale::linear, 0.0, 1.0},
                          {}};
  chart.steps = true;
  // One measure for all: a policy that is slow on an idle device, too, is not the better for it.
  const auto unloaded = run_policy("troupe", small_model(), world_at(0, options.seed));
  const double unloaded_ms = in_ms(histogram_of(unloaded.streams[0].latencies).quantile(0.99));
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    const std::string& policy = options.policies[i];
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(static_cast<double>(i) / static_cast<double>(options.policies.size()), policy);
    const Outcome outcome = measure(policy, options.seed);
    if (i == 0) {
      latency.value = in_ms(outcome.p99) / unloaded_ms;
      latency.detail = "p99 " + std::to_string(in_ms(outcome.p99) * 1e3).substr(0, 5) + " us";
      throughput.value = outcome.throughput;
    } else {
      latency.rivals.push_back({policy, in_ms(outcome.p99) / unloaded_ms});
      throughput.rivals.push_back({policy, outcome.throughput});
    }
    report::Series series{policy, {}};
    series.look = i;
    for (const auto& [value, share] : outcome.urgent.curve())
      series.points.push_back({in_ms(value), share});
    chart.series.push_back(std::move(series));
  }
  ScenarioResult result;
  result.figures = {latency, throughput};
  result.charts.push_back({"urgent-cdf", "Urgent work enters running batches",
                           "50 us + 2 us a task, batches of 256, ordinary work at 0.95", chart});
  result.text =
      "One device of 50 us + 2 us a task that can be entered every 20 us. Throughput is measured "
      "with ordinary tasks at 1.3 times capacity.";
  return result;
}

}  // namespace troupe::bench::scenarios
