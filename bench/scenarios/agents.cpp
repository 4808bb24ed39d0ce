// agents (figure 13): real agents in a closed loop, and whether the device ever waits for the node.
//
// The device of `mixed`; 1 to 256 agents, each with one task out; one configuration for all. A gap
// is a time in which the device has nothing while a task has been submitted and not handed to it.
#include "bench/report/number.hpp"
#include "bench/scenarios/closed_loop.hpp"
#include "bench/scenarios/sleeping_device.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration run_length_usual = std::chrono::seconds(5);
constexpr Duration rival_length_max = std::chrono::seconds(3);
constexpr Duration warm_up = std::chrono::seconds(1);

struct Step {
  std::uint32_t agents;
  double target_per_s;
};
constexpr Step steps[] = {{1, 460}, {8, 2900}, {32, 8300}, {64, 8600}, {256, 8600}};

struct Measured {
  ClosedLoopResult loop;
  IdleWatch::Gaps gaps;
  SleepingDevice::Counts counts;
};

Result<Measured> measure(const std::string& policy, std::uint32_t agents, Duration length,
                         const RunOptions& options) {
  IdleWatch watch;
  const Model model = mixed_model();
  const auto device = std::make_shared<SleepingDevice>(model, Duration::zero(), &watch);
  ClosedLoop loop;
  loop.policy = policy;
  loop.device = device;
  loop.tasks_max = model.tasks_max;
  loop.agents = agents;
  loop.warm_up = warm_up;
  loop.length = length;
  loop.watch = &watch;
  auto result = run_closed_loop(loop, options);
  if (!result) return result.error();
  return Measured{std::move(*result), watch.gaps(), device->counts()};
}

}  // namespace

Result<ScenarioResult> run_agents(const RunOptions& options, Progress& progress) {
  ScenarioResult result;
  report::Figure gaps;
  gaps.id = "13";
  gaps.what = "gaps over 1 ms on an idle device with work queued";
  gaps.target = 0;
  report::LineChart chart{
      {"agents", report::Scale::log}, {"tasks/s", report::Scale::linear, 0.0}, {}};
  for (const auto& policy : options.policies) {
    report::Series series{policy, {}};
    series.look = chart.series.size();
    chart.series.push_back(std::move(series));
  }
  Duration longest{};
  double gaps_ours = 0;
  std::vector<double> gaps_rivals(options.policies.size());
  double done = 0;
  for (const Step& step : steps) {
    report::Figure figure;
    figure.id = "13";
    figure.what = std::to_string(step.agents) + (step.agents == 1 ? " agent" : " agents") +
                  " in a closed loop";
    figure.unit = "tasks/s";
    figure.target = step.target_per_s;
    figure.comparison = report::Comparison::at_least;
    for (std::size_t i = 0; i < options.policies.size(); ++i) {
      const std::string& policy = options.policies[i];
      const double all = static_cast<double>(std::size(steps) * options.policies.size());
      progress.at(done++ / all, policy + ", " + figure.what);
      Duration length = options.run_length.value_or(run_length_usual);
      if (i > 0) length = std::min(length, rival_length_max);
      const auto measured = measure(policy, step.agents, length, options);
      if (!measured) return measured.error();
      chart.series[i].points.push_back(
          {static_cast<double>(step.agents), measured->loop.tasks_per_s});
      if (i > 0) {
        figure.rivals.push_back({policy, measured->loop.tasks_per_s});
        gaps_rivals[i] += static_cast<double>(measured->gaps.over_1_ms);
        continue;
      }
      figure.value = measured->loop.tasks_per_s;
      const auto& counts = measured->counts;
      const auto batches = static_cast<double>(std::max<std::uint64_t>(counts.batches, 1));
      figure.detail =
          "batches of " + report::number_text(static_cast<double>(counts.tasks) / batches) +
          ", longest gap " + report::number_text(in_ms(measured->gaps.longest)) + " ms, " +
          std::to_string(measured->loop.used.switches_involuntary) + " involuntary switches";
      gaps_ours += static_cast<double>(measured->gaps.over_1_ms);
      longest = std::max(longest, measured->gaps.longest);
    }
    result.figures.push_back(std::move(figure));
  }
  gaps.value = gaps_ours;
  gaps.detail =
      "in all the runs above; the longest was " + report::number_text(in_ms(longest)) + " ms";
  for (std::size_t i = 1; i < options.policies.size(); ++i)
    gaps.rivals.push_back({options.policies[i], gaps_rivals[i]});
  result.figures.push_back(std::move(gaps));
  result.charts.push_back({"agents-throughput", "Agents in a closed loop, one configuration",
                           "2 ms + 0.05 ms a task, batches of 32; one task out for each agent",
                           std::move(chart)});
  result.text =
      "Agents of the real node, each with one task out, on a device that sleeps for 2 ms + 0.05 ms "
      "a task. One configuration for every number of agents.";
  return result;
}

}  // namespace troupe::bench::scenarios
