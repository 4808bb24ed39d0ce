// identity (figure 14): what the node itself costs. Agents in a closed loop on a device that is
// done at once; the whole way of a task: agent, door, dispatcher, policy, device and back.
//
// One task in eight asks for the urgent lane, so that both lanes are on the way. 128 tasks out at a
// time are four agents with 32 each; the other ways to have 128 are in the detail.
#include "base/clock.hpp"
#include "bench/report/number.hpp"
#include "bench/scenarios/closed_loop.hpp"
#include "bench/scenarios/sleeping_device.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration run_length_usual = std::chrono::seconds(3);
constexpr Duration warm_up = std::chrono::milliseconds(300);
constexpr std::uint32_t tasks_max = 64;
constexpr std::uint32_t urgent_one_in = 8;

class IdentityDevice final : public kernels::Device {
 public:
  IdentityDevice() {
    info_.name = "identity";
    info_.description = "done at once";
  }
  [[nodiscard]] const kernels::DeviceInfo& info() const noexcept override { return info_; }
  Status submit(kernels::Batch batch, kernels::Completion completion) override {
    kernels::BatchReport report;
    report.id = batch.id;
    report.started = report.finished = now();
    report.results = empty_results(batch);
    completion(std::move(report));
    return {};
  }
  Status submit_urgent(kernels::Batch batch, kernels::Completion completion) override {
    return submit(std::move(batch), std::move(completion));
  }
  [[nodiscard]] kernels::Cost cost(ModelId) const noexcept override { return recall_cost(); }
  [[nodiscard]] kernels::Cost recall_cost() const noexcept override {
    return {std::chrono::microseconds(1), std::chrono::nanoseconds(1)};
  }
  void stop() override {}

 private:
  kernels::DeviceInfo info_;
};

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

std::string words_of(const ClosedLoopResult& run) {
  return report::number_text(run.tasks_per_s) + " tasks/s and " +
         report::number_text(in_us(run.cpu_per_task)) + " us";
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
  progress.at(0, "one task out");
  const auto one = measure(ours, 1, 1, true, options);
  if (!one) return one.error();
  alone.value = in_us(one->latency.quantile(0.5));
  alone.detail = "p99 " + report::number_text(in_us(one->latency.quantile(0.99))) + " us; " +
                 words_of(*one) + " of CPU for each; " +
                 std::to_string(one->used.switches_involuntary) + " involuntary switches";
  progress.at(0.2, "4 agents, 32 tasks each");
  const auto many = measure(ours, 4, 32, false, options);
  if (!many) return many.error();
  rate.value = many->tasks_per_s;
  cpu.value = in_us(many->cpu_per_task);
  constexpr std::pair<std::uint32_t, std::uint32_t> others[] = {{1, 128}, {16, 8}, {128, 1}};
  rate.detail = "4 agents, 32 tasks each";
  double done = 2;
  for (const auto& [agents, window] : others) {
    progress.at(done++ / 5, std::to_string(agents) + " agents");
    const auto other = measure(ours, agents, window, false, options);
    if (!other) return other.error();
    rate.detail +=
        "; " + std::to_string(agents) + " with " + std::to_string(window) + ": " + words_of(*other);
  }
  cpu.detail = "of the whole process; " + std::to_string(many->used.switches_involuntary) +
               " involuntary switches";
  ScenarioResult result;
  result.figures = {alone, rate, cpu};
  result.text =
      "What the node itself costs: agents in a closed loop, one task in eight urgent, on a device "
      "that is done at once. The agents' own work is in it.";
  return result;
}

}  // namespace troupe::bench::scenarios
