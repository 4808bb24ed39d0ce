// encode (figure 9): urgent texts beside bulk ones, on the CPU device with the real model.
//
// Bulk texts come at 0.9 of what the device does of them when it always has enough, urgent ones ten
// times a second; all arrivals are Poisson. What the device does is measured with our policy before
// each loaded run: a shared machine may be half as fast a minute later, and 0.9 of what it did then
// is an overload now. Unloaded is the same without bulk. Pairs of an unloaded and a loaded run, in
// turns; each rival is loaded once.
#include "bench/compute/material.hpp"
#include "bench/harness/paired.hpp"
#include "bench/report/number.hpp"
#include "bench/scenarios/real.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

// So long that what still waits at its end is little beside what was answered.
constexpr Duration run_length_usual = std::chrono::seconds(16);
constexpr Duration warm_up = std::chrono::seconds(1);
constexpr double load = 0.9;
constexpr double urgent_per_s = 10;
constexpr double flood_per_s = 4000;  // more than a core can do, and not more than can wait
constexpr Duration flood_length = std::chrono::seconds(3);
constexpr std::uint32_t tasks_max = 64;

TaskRequest encode(const std::string& text) {
  TaskRequest task;
  task.model = "encoder";
  task.work = Encode{text};
  return task;
}
TaskRequest bulk_task(std::uint64_t number) {
  return encode(compute::sentences()[number % compute::sentences().size()]);
}
TaskRequest urgent_task(std::uint64_t) {
  TaskRequest task = encode("Where does the river reach the sea?");
  task.lane = Lane::urgent;
  return task;
}

struct Bench {
  std::string model;
  Duration length{};
  const RunOptions& options;
  std::vector<double> capacities;  // texts/s, before each loaded run

  // Urgent texts are the last stream.
  [[nodiscard]] Result<RealRun> run(const std::string& policy, std::vector<RealStream> streams,
                                    Duration this_long) const {
    RealOptions node;
    node.policy = policy;
    node.tasks_max = tasks_max;
    node.model_folder = model;
    auto real = RealNode::start(std::move(node));
    if (!real) return real.error();
    return run_open_loop(**real, streams, std::min(warm_up, this_long / 4), this_long, options);
  }
  [[nodiscard]] Result<RealRun> unloaded() const {
    return run(options.policies.front(), {{urgent_per_s, urgent_task}}, length);
  }
  [[nodiscard]] Result<RealRun> loaded(const std::string& policy) {
    const auto flood =
        run(options.policies.front(), {{flood_per_s, bulk_task}}, std::min(flood_length, length));
    if (!flood) return flood.error();
    capacities.push_back(flood->answers_per_s);
    const double bulk_per_s = load * flood->answers_per_s;
    return run(policy, {{bulk_per_s, bulk_task}, {urgent_per_s, urgent_task}}, length);
  }
};

// Bulk answered in the measured time, over what came in it.
double kept_up(const RealRun& run, Duration length) {
  const double seconds = in_ms(length - std::min(warm_up, length / 4)) / 1e3;
  return run.answers_per_s * seconds /
         static_cast<double>(std::max<std::uint64_t>(run.streams[0].offered, 1));
}

}  // namespace

Result<ScenarioResult> run_encode(const RunOptions& options, Progress& progress) {
  ScenarioResult result;
  auto latency = report::figure("9", "real encode, bulk at 0.9 of capacity: urgent p99 / unloaded",
                                report::Comparison::at_most, 2.0);
  auto throughput = report::figure("9", "bulk answered / bulk offered, in the same runs",
                                   report::Comparison::at_least, 0.95);

  Bench bench{compute::model_folder(), options.run_length.value_or(run_length_usual), options, {}};
  if (bench.model.empty()) {
    const std::string why =
        "there is no model: run tools/get-model, or set TROUPE_MODEL_DIR to its folder";
    result.figures = {report::unmeasured(std::move(latency), why),
                      report::unmeasured(std::move(throughput), why)};
    return result;
  }
  const std::size_t runs = 2 * options.pairs + options.policies.size() - 1;
  const auto tell = [&](std::size_t done, const std::string& what) {
    progress.at(static_cast<double>(done) / static_cast<double>(runs), what);
  };
  const auto pairs = harness::run_pairs<RealRun>(
      options.pairs, [&] { return bench.loaded(options.policies.front()); },
      [&] { return bench.unloaded(); },
      [&](std::size_t done) { tell(done, "loaded and unloaded"); });
  if (!pairs) return pairs.error();

  std::vector<std::pair<double, double>> p99s_ms;
  std::vector<double> kept;
  harness::LatencyHistogram unloaded_all;
  harness::LatencyHistogram loaded_all;
  std::uint64_t switches = 0;
  for (const auto& [with, without] : *pairs) {
    p99s_ms.emplace_back(quantile_ms(with.streams[1], 0.99), quantile_ms(without.streams[0], 0.99));
    kept.push_back(kept_up(with, bench.length));
    loaded_all.merge(with.streams[1].latency);
    unloaded_all.merge(without.streams[0].latency);
    switches += with.used.switches_involuntary + without.used.switches_involuntary;
  }
  const auto compared = harness::compare(p99s_ms);
  latency.value = compared.ratio.median;
  latency.detail =
      "median and range of " + std::to_string(p99s_ms.size()) +
      " pairs: " + harness::spread_text(compared.ratio) + "; loaded " +
      harness::spread_text(compared.a) + " ms, unloaded " + harness::spread_text(compared.b) +
      " ms; all runs together " +
      report::number_text(in_ms(loaded_all.quantile(0.99)) / in_ms(unloaded_all.quantile(0.99))) +
      " at p99, " +
      report::number_text(in_ms(loaded_all.quantile(0.5)) / in_ms(unloaded_all.quantile(0.5))) +
      " at p50; " + std::to_string(switches) + " involuntary switches";
  const auto kept_spread = harness::spread_of(kept);
  throughput.value = kept_spread.median;
  throughput.detail = harness::spread_text(kept_spread) + "; the device can do " +
                      harness::spread_text(harness::spread_of(bench.capacities)) + " texts/s";

  report::LineChart chart{{"urgent latency, ms", report::Scale::log},
                          {"share of tasks answered within", report::Scale::linear, 0.0, 1.0},
                          {}};
  chart.steps = true;
  const auto draw = [&](const std::string& name, const harness::LatencyHistogram& histogram) {
    report::Series series{name, {}};
    for (const auto& [value, share] : histogram.curve())
      series.points.push_back({in_ms(value), share});
    chart.series.push_back(std::move(series));
  };
  draw(options.policies.front(), loaded_all);
  for (std::size_t i = 1; i < options.policies.size(); ++i) {
    const std::string& policy = options.policies[i];
    tell(2 * options.pairs + i - 1, policy);
    const auto run = bench.loaded(policy);
    if (!run) return run.error();
    latency.rivals.push_back(
        {policy, quantile_ms(run->streams[1], 0.99) / in_ms(unloaded_all.quantile(0.99))});
    throughput.rivals.push_back({policy, kept_up(*run, bench.length)});
    draw(policy, run->streams[1].latency);
  }
  draw("unloaded", unloaded_all);
  chart.series.back().dashed = true;

  result.figures = {latency, throughput};
  result.charts.push_back({"encode-urgent-cdf", "Urgent texts beside bulk ones, real model",
                           "all-MiniLM-L6-v2 on one CPU device, bulk at 0.9 of its capacity",
                           std::move(chart)});
  result.text =
      "The real node, its CPU device and the real model. Bulk texts of 8 to 30 tokens at 0.9 of "
      "the measured capacity, ten urgent ones a second, latency from the intended arrival.";
  return result;
}

}  // namespace troupe::bench::scenarios
