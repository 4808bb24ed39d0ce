// identity (figure 14): what the node itself costs. Agents in a closed loop on a device that is
// done at once; the whole way of a task: agent, door, dispatcher, policy, device and back.
//
// One task in eight asks for the urgent lane, so that both lanes are on the way. 128 tasks out at a
// time are four agents with 32 each; the other ways to have 128 are in the detail. Short runs of
// each take turns, and medians of them are reported, for others' bursts of work on this machine are
// longer than a run.
#include <array>
#include <vector>

#include "bench/harness/paired.hpp"
#include "bench/report/number.hpp"
#include "bench/scenarios/closed_loop.hpp"
#include "bench/scenarios/identity_device.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration run_length_usual = std::chrono::seconds(1);
constexpr int rounds = 5;
constexpr Duration warm_up = std::chrono::milliseconds(300);
constexpr std::uint32_t tasks_max = 64;
constexpr std::uint32_t urgent_one_in = 8;

Result<ClosedLoopResult> measure(const std::string& policy, std::uint32_t agents,
                                 std::uint32_t window, bool timed, const RunOptions& options) {
  ClosedLoop loop;
  loop.policy = policy;
  loop.device = std::make_shared<IdentityDevice>();
  loop.tasks_max = tasks_max;
  loop.agents = agents;
  loop.window = window;
  loop.urgent_one_in = urgent_one_in;
  loop.timed = timed;
  loop.warm_up = warm_up;
  loop.length = options.run_length.value_or(run_length_usual);
  return run_closed_loop(loop, options);
}

double in_us(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

// One way to keep tasks out, and what its runs measured.
struct Way {
  std::uint32_t agents;
  std::uint32_t window;  // tasks out for each
  std::vector<double> tasks_per_s{};
  std::vector<double> cpu_us{};
  std::vector<double> p50_us{};
  std::vector<double> p99_us{};
  std::uint64_t switches = 0;
};

double median(const std::vector<double>& values) {
  return harness::spread_of(values).median;
}

std::string spread(const std::vector<double>& values) {
  return harness::spread_text(harness::spread_of(values));
}

std::string words_of(const Way& way) {
  return spread(way.tasks_per_s) + " tasks/s, " + spread(way.cpu_us) + " us";
}

}  // namespace

Result<ScenarioResult> run_identity(const RunOptions& options, Progress& progress) {
  report::Figure alone;
  alone.id = "14";
  alone.what = "a device that is done at once, one task out: p50";
  alone.unit = "us";
  alone.target = 25;
  report::Figure rate;
  rate.id = "14";
  rate.what = "the same, 128 tasks out";
  rate.unit = "tasks/s";
  rate.target = 700'000;
  rate.comparison = report::Comparison::at_least;
  report::Figure cpu = rate;
  cpu.what = "the same: CPU for each task, client included";
  cpu.unit = "us";
  cpu.target = 1.9;
  cpu.comparison = report::Comparison::at_most;

  // Rivals are not run: they are not made to be cheap, and nobody compares them by that.
  const std::string& ours = options.policies.front();
  std::array<Way, 5> ways = {{{1, 1}, {4, 32}, {1, 128}, {16, 8}, {128, 1}}};
  double done = 0;
  for (int round = 0; round < rounds; ++round) {
    for (Way& way : ways) {
      progress.at(
          done++ / static_cast<double>(rounds * ways.size()),
          std::to_string(way.agents) + " agents, " + std::to_string(way.window) + " tasks each");
      const bool timed = &way == ways.data();
      const auto run = measure(ours, way.agents, way.window, timed, options);
      if (!run) return run.error();
      way.tasks_per_s.push_back(run->tasks_per_s);
      way.cpu_us.push_back(in_us(run->cpu_per_task));
      way.switches += run->used.switches_involuntary;
      if (!timed) continue;
      way.p50_us.push_back(in_us(run->latency.quantile(0.5)));
      way.p99_us.push_back(in_us(run->latency.quantile(0.99)));
    }
  }
  const Way& one = ways[0];
  const Way& many = ways[1];
  alone.value = median(one.p50_us);
  alone.detail = "medians of " + std::to_string(rounds) +
                 " runs (least to most): " + spread(one.p50_us) + "; p99 " + spread(one.p99_us) +
                 " us; " + words_of(one) + " of CPU for each; " + std::to_string(one.switches) +
                 " involuntary switches";
  rate.value = median(many.tasks_per_s);
  cpu.value = median(many.cpu_us);
  rate.detail = "4 agents, 32 tasks each: " + words_of(many);
  for (std::size_t i = 2; i < ways.size(); ++i)
    rate.detail += "; " + std::to_string(ways[i].agents) + " with " +
                   std::to_string(ways[i].window) + ": " + words_of(ways[i]);
  cpu.detail = "of the whole process; " + std::to_string(many.switches) + " involuntary switches";
  ScenarioResult result;
  result.figures = {alone, rate, cpu};
  result.text =
      "What the node itself costs: agents in a closed loop, one task in eight urgent, on a device "
      "that is done at once. The agents' own work is in it.";
  return result;
}

}  // namespace troupe::bench::scenarios
