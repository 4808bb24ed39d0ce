// sweep: every policy at every load on the device of `mixed`, for the pictures. 2 % of the tasks
// are urgent; nobody has a deadline. With --trace, recorded arrivals take the place of Poisson
// ones, at the speed that gives the load.
#include <algorithm>
#include <cmath>

#include "bench/report/number.hpp"
#include "bench/scenarios/scenarios.hpp"
#include "bench/scenarios/sweep_charts.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr double urgent_share = 0.02;
constexpr double loads[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.05};

sim::WorldOptions world_at(double load, const RunOptions& options) {
  const Model model = mixed_model();
  sim::WorldOptions world;
  world.seed = options.seed;
  world.duration = std::chrono::seconds(10);
  world.devices = {device_of(model)};
  sim::Stream urgent;
  urgent.lane = Lane::urgent;
  urgent.rate_per_s = urgent_share * load * model.tasks_per_s();
  sim::Stream ordinary;
  ordinary.rate_per_s = (1 - urgent_share) * load * model.tasks_per_s();
  if (options.trace != nullptr && options.trace->size() > 1) {
    const double recorded_per_s = static_cast<double>(options.trace->size()) * 1e9 /
                                  static_cast<double>(options.trace->back().at.count());
    const double faster = ordinary.rate_per_s / recorded_per_s;
    auto trace = std::make_shared<std::vector<sim::TracedArrival>>();
    for (const auto& arrival : *options.trace)
      trace->push_back(
          {Duration{static_cast<Duration::rep>(static_cast<double>(arrival.at.count()) / faster)},
           1});
    world.duration = trace->back().at + std::chrono::milliseconds(1);
    ordinary.rate_per_s = 0;
    ordinary.trace = std::move(trace);
  }
  world.streams = {urgent, ordinary};
  return world;
}

}  // namespace

Result<ScenarioResult> run_sweep(const RunOptions& options, Progress& progress) {
  std::vector<PolicySweep> sweeps;
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    PolicySweep sweep{options.policies[i], {}};
    for (std::size_t j = 0; j < std::size(loads); ++j) {
      if (options.is_interrupted()) return harness::interrupted_error();
      const double done = (static_cast<double>(i) + static_cast<double>(j) / std::size(loads)) /
                          static_cast<double>(options.policies.size());
      progress.at(done, sweep.policy + " at " + report::tick_text(loads[j]) + " of capacity");
      const auto run = run_policy(sweep.policy, mixed_model(), world_at(loads[j], options));
      LoadPoint point;
      point.load = loads[j];
      std::uint64_t completed = 0;
      for (const auto& stream : run.streams) completed += stream.on_time;
      // What is still queued when the last has come is done later, and was not carried.
      const double seconds = static_cast<double>((run.ended - Instant{}).count()) / 1e9 * 0.9;
      point.goodput = static_cast<double>(completed) / seconds / mixed_model().tasks_per_s();
      point.urgent = histogram_of(run.streams[0].latencies);
      point.ordinary = histogram_of(run.streams[1].latencies);
      for (std::size_t size = 1; size < run.batch_sizes.size(); ++size)
        if (run.batch_sizes[size] > 0)
          point.batch_tasks[static_cast<std::uint32_t>(size)] = run.batch_sizes[size];
      sweep.points.push_back(std::move(point));
    }
    sweeps.push_back(std::move(sweep));
  }
  ScenarioResult result;
  result.charts =
      sweep_charts(sweeps, 0.8, "sweep", "2 ms + 0.05 ms a task, batches of 32, 2 % urgent");
  result.text = "Every policy at every load on one device of 2 ms + 0.05 ms a task.";
  return result;
}

}  // namespace troupe::bench::scenarios
