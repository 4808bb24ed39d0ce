// mixed (figures 11 and 12): the real node under an open loop of ordinary and urgent tasks.
//
// The device takes 2 ms + 0.05 ms for each task, batches of at most 32: 8,889 tasks a second. It
// exists once as one that cannot be entered, and once with tiles of 20 us. Ours runs for half a
// minute at each load; the rivals for ten seconds each.
#include <limits>

#include "bench/report/number.hpp"
#include "bench/scenarios/real.hpp"
#include "bench/scenarios/sleeping_device.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration run_length_usual = std::chrono::seconds(32);
constexpr Duration rival_length_max = std::chrono::seconds(11);
constexpr Duration warm_up = std::chrono::seconds(1);
constexpr Duration sla = std::chrono::milliseconds(3);

struct Condition {
  const char* name;   // of its chart
  const char* words;  // in a figure
  double load = 0;
  double urgent_share = 0;
  Duration tile{};
};

constexpr Condition nearly_full{"full", "95 % load", 0.95, 0.02, {}};
constexpr Condition half{"half", "50 % load", 0.5, 0.02, {}};
constexpr Condition entered{"entered", "50 % load, entered at 20 us tiles", 0.5, 0.005,
                            std::chrono::microseconds(20)};

TaskRequest ordinary_task(std::uint64_t) {
  return small_task();
}
TaskRequest urgent_task(std::uint64_t) {
  TaskRequest task = small_task();
  task.lane = Lane::urgent;
  return task;
}

struct Measured {
  RealRun run;
  SleepingDevice::Counts counts;
  Duration length{};
  [[nodiscard]] const RealStreamResult& ordinary() const { return run.streams[0]; }
  [[nodiscard]] const RealStreamResult& urgent() const { return run.streams[1]; }
};

Result<Measured> measure(const std::string& policy, const Condition& condition, Duration length,
                         const RunOptions& options) {
  const Model model = mixed_model();
  const auto device = std::make_shared<SleepingDevice>(model, condition.tile);
  auto real = RealNode::start({policy, model.tasks_max, device, ""});
  if (!real) return real.error();
  const double rate = condition.load * model.tasks_per_s();
  auto run = run_open_loop(**real,
                           {{rate * (1 - condition.urgent_share), ordinary_task},
                            {rate * condition.urgent_share, urgent_task}},
                           std::min(warm_up, length / 4), length, options);
  if (!run) return run.error();
  return Measured{std::move(*run), device->counts(), length};
}

struct Wanted {
  const char* id;
  bool urgent;
  double q;
  double target_ms;
};

std::string detail_of(const Measured& measured, const Condition& condition, bool urgent) {
  const auto& counts = measured.counts;
  const auto batches = static_cast<double>(std::max<std::uint64_t>(counts.batches, 1));
  std::string text = "one run of " + std::to_string(measured.length / std::chrono::seconds(1)) +
                     " s; batches of " +
                     report::number_text(static_cast<double>(counts.tasks) / batches) +
                     ", device busy " +
                     report::number_text(100.0 * static_cast<double>(counts.busy.count()) /
                                         static_cast<double>(measured.length.count())) +
                     " %; ";
  if (condition.tile > Duration::zero() && urgent)
    text += report::number_text(100 * measured.urgent().latency.share_within(sla)) +
            " % of the urgent within 3 ms; ";
  if (const auto lost = measured.ordinary().lost + measured.urgent().lost; lost > 0)
    text += std::to_string(lost) + " refused or unanswered; ";
  return text + conditions_of(measured.run);
}

Status run_condition(const Condition& condition, std::span<const Wanted> wanted, double share_from,
                     const RunOptions& options, Progress& progress, ScenarioResult& result) {
  const std::size_t first = result.figures.size();
  report::LineChart chart{{"urgent latency, ms", report::Scale::log},
                          {"share of tasks answered within", report::Scale::linear, 0.0, 1.0},
                          {}};
  chart.steps = true;
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    const std::string& policy = options.policies[i];
    progress.at(
        share_from + static_cast<double>(i) / static_cast<double>(options.policies.size()) / 3,
        policy + " at " + condition.words);
    Duration length = options.run_length.value_or(run_length_usual);
    if (i > 0) length = std::min(length, rival_length_max);
    const auto measured = measure(policy, condition, length, options);
    if (!measured) return measured.error();
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      const auto& stream = wanted[w].urgent ? measured->urgent() : measured->ordinary();
      const double value = quantile_ms(stream, wanted[w].q);
      if (i > 0) {
        result.figures[first + w].rivals.push_back({policy, value});
        continue;
      }
      report::Figure figure;
      figure.id = wanted[w].id;
      figure.what = std::string(condition.words) + ": " +
                    (wanted[w].urgent ? "urgent" : "ordinary") +
                    (wanted[w].q == 0.5 ? " p50" : " p99");
      figure.value = value;
      figure.unit = "ms";
      figure.target = wanted[w].target_ms;
      figure.detail = detail_of(*measured, condition, wanted[w].urgent);
      result.figures.push_back(std::move(figure));
    }
    report::Series series{policy, {}};
    series.look = i;
    for (const auto& [value, share] : measured->urgent().latency.curve())
      series.points.push_back({in_ms(value), share});
    chart.series.push_back(std::move(series));
  }
  result.charts.push_back({std::string("mixed-") + condition.name,
                           std::string("Urgent latency of the real node, ") + condition.words,
                           "2 ms + 0.05 ms a task, batches of 32, Poisson arrivals",
                           std::move(chart)});
  return {};
}

}  // namespace

Result<ScenarioResult> run_mixed(const RunOptions& options, Progress& progress) {
  constexpr Wanted at_full[] = {{"11", false, 0.99, 12}, {"11", true, 0.99, 7.3}};
  constexpr Wanted at_half[] = {
      {"12", true, 0.5, 3.6}, {"12", true, 0.99, 5.4}, {"12", false, 0.99, 6.2}};
  constexpr Wanted at_entered[] = {{"12", true, 0.5, 2.2},
                                   {"12", true, 0.99, 3.7},
                                   {"12", false, 0.5, 4.3},
                                   {"12", false, 0.99, 8.2}};
  ScenarioResult result;
  if (auto ran = run_condition(nearly_full, at_full, 0, options, progress, result); !ran)
    return ran.error();
  if (auto ran = run_condition(half, at_half, 1.0 / 3, options, progress, result); !ran)
    return ran.error();
  if (auto ran = run_condition(entered, at_entered, 2.0 / 3, options, progress, result); !ran)
    return ran.error();
  result.text =
      "The real node with a device that sleeps (and spins through the last 50 us) for 2 ms + 0.05 "
      "ms a task. Latency counts from the intended arrival to the outcome in the client, which is "
      "in the same process. Urgent tasks ask for the urgent lane and have no deadline.";
  return result;
}

}  // namespace troupe::bench::scenarios
