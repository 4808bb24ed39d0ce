// dilemma (figure 10): immediate answers, or a busy device? The table that troupe began with says
// 80 ms at 45 % utilisation for the one and 210 ms at 78 % for the other.
//
// Turned into a device: a batch takes 47 ms + 10 ms for each task, at most 16, and can be entered
// every 2 ms. Launched one by one, tasks keep it 45 % busy and take 80 ms on average (a queue with
// a fixed service time of 57 ms). Batched, 78 % of what full batches could do comes, and a window
// of 100 ms gives the rival its 210 ms. Ours gets the batched load, 1 % of it urgent.
//
// Utilisation is useful work: what is carried, over what full batches could carry.
#include "bench/report/number.hpp"
#include "bench/scenarios/scenarios.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr double batched_load = 0.78;
constexpr double immediate_load = 0.45;
constexpr double urgent_share = 0.01;

Model dilemma_model() {
  return {std::chrono::milliseconds(47), std::chrono::milliseconds(10), 16};
}

sim::WorldOptions world_of(double urgent_per_s, double ordinary_per_s, std::uint64_t seed) {
  sim::WorldOptions world;
  world.seed = seed;
  world.duration = std::chrono::seconds(2000);
  world.devices = {device_of(dilemma_model(), std::chrono::milliseconds(2))};
  sim::Stream urgent;
  urgent.rate_per_s = urgent_per_s;
  urgent.lane = Lane::urgent;
  sim::Stream ordinary;
  ordinary.rate_per_s = ordinary_per_s;
  world.streams = {urgent, ordinary};
  return world;
}

double mean_ms(const std::vector<Duration>& latencies) {
  return in_ms(histogram_of(latencies).mean());
}

double carried(const sim::RunReport& run) {
  std::uint64_t completed = 0;
  for (const auto& stream : run.streams) completed += stream.completed();
  return static_cast<double>(completed) * 1e9 / static_cast<double>(run.measured.count()) /
         dilemma_model().tasks_per_s();
}

}  // namespace

Result<ScenarioResult> run_dilemma(const RunOptions& options, Progress& progress) {
  const Model model = dilemma_model();
  progress.at(0, "immediate");
  const double alone_per_s = 1e9 / static_cast<double>(model.of(1).count());
  const auto immediate =
      run_policy("immediate", model, world_of(0, immediate_load * alone_per_s, options.seed));
  progress.at(0.3, "batched");
  const double all_per_s = batched_load * model.tasks_per_s();
  const auto batched = run_policy("triton-100ms", model, world_of(0, all_per_s, options.seed));
  progress.at(0.6, "ours");
  const auto ours =
      run_policy("troupe", model,
                 world_of(urgent_share * all_per_s, (1 - urgent_share) * all_per_s, options.seed));

  const double immediate_ms = mean_ms(immediate.streams[1].latencies);
  const double batched_ms = mean_ms(batched.streams[1].latencies);
  report::Figure latency;
  latency.id = "10";
  latency.what = "urgent latency / that of immediate launches";
  latency.value = mean_ms(ours.streams[0].latencies) / immediate_ms;
  latency.target = 1;
  latency.detail = "means: immediate " + report::tick_text(immediate_ms) + " ms, batched " +
                   report::tick_text(batched_ms) + " ms, ours urgent " +
                   report::tick_text(mean_ms(ours.streams[0].latencies)) + " ms, ordinary " +
                   report::tick_text(mean_ms(ours.streams[1].latencies)) + " ms";
  report::Figure use;
  use.id = "10";
  use.what = "utilisation / that of batched launches";
  use.value = carried(ours) / carried(batched);
  use.target = 0.995;
  use.comparison = report::Comparison::at_least;
  use.detail = "useful work of capacity: immediate " + report::tick_text(carried(immediate)) +
               " (busy " + report::tick_text(immediate.busy_share()) + "), batched " +
               report::tick_text(carried(batched)) + ", ours " + report::tick_text(carried(ours));
  report::BarChart chart{"",
                         {"mean latency, ms"},
                         {"immediate", "batched", "ours, urgent", "ours, ordinary"},
                         {{"mean latency",
                           {immediate_ms, batched_ms, mean_ms(ours.streams[0].latencies),
                            mean_ms(ours.streams[1].latencies)}}},
                         {}};
  ScenarioResult result;
  result.figures = {latency, use};
  result.charts.push_back(
      {"dilemma-latency", "Immediate answers and a busy device",
       "47 ms + 10 ms a task; immediate at 45 % busy, the others at 78 % of capacity",
       std::move(chart)});
  result.text = "Both halves of the dilemma on one modelled device; ours carries the batched load.";
  return result;
}

}  // namespace troupe::bench::scenarios
