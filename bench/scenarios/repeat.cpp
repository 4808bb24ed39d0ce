// repeat (figure 8): the same world twice, with everything that can go wrong in it; the decisions
// must be the same to the last bit.
#include "bench/scenarios/deadlines.hpp"
#include "bench/scenarios/scenarios.hpp"

namespace troupe::bench::scenarios {

Result<ScenarioResult> run_repeat(const RunOptions& options, Progress& progress) {
  std::uint32_t differing = 0;
  std::uint64_t decisions = 0;
  constexpr std::uint32_t worlds = 5;
  for (std::uint32_t i = 0; i < worlds; ++i) {
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(static_cast<double>(i) / worlds, "world " + std::to_string(i + 1));
    auto world = deadline_world(0.3 * (i + 1), options.seed + i);
    world.duration = std::chrono::seconds(3);
    for (auto& device : world.devices) device.noise = 0.05;
    world.faults.slow_share = 0.01;
    world.faults.slow_factor = 5;
    world.faults.lost_report_share = 0.002;
    world.faults.duplicate_report_share = 0.01;
    world.faults.cancel_share = 0.02;
    if (options.trace != nullptr && !options.trace->empty()) {
      auto trace = std::make_shared<std::vector<sim::TracedArrival>>();
      for (const auto& arrival : *options.trace) trace->push_back({arrival.at, arrival.units});
      world.streams.resize(1);
      world.streams[0].rate_per_s = 0;
      world.streams[0].trace = trace;
      world.duration = options.trace->back().at + std::chrono::seconds(1);
    }
    const auto first = run_policy("troupe", deadline_model(), world);
    const auto second = run_policy("troupe", deadline_model(), world);
    differing += first.hash == second.hash ? 0 : 1;
    decisions += first.decisions;
  }
  report::Figure figure;
  figure.id = "8";
  figure.what = "worlds whose second run decides otherwise";
  figure.value = differing;
  figure.target = 0;
  figure.detail = std::to_string(worlds) + " worlds, " + std::to_string(decisions) + " decisions";
  ScenarioResult result;
  result.figures.push_back(figure);
  return result;
}

}  // namespace troupe::bench::scenarios
