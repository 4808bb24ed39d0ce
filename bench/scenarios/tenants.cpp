// tenants (figure 6): one tenant asks for ten times as much as the other. First both want more than
// their half, and the shares of the device's time are compared; then the light one wants a fifth of
// the device, and its latency is compared with what a full batch takes.
#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/scenarios/scenarios.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

// The heavy tenant asks for ten times as much as the light one's part of capacity.
sim::WorldOptions world_of(double light, std::uint64_t seed) {
  const Model model = mixed_model();
  sim::WorldOptions world;
  world.seed = seed;
  world.duration = std::chrono::seconds(10);
  world.devices = {device_of(model)};
  for (const double part : {light, 10 * light}) {
    sim::Stream stream;
    stream.rate_per_s = part * model.tasks_per_s();
    stream.tenant = TenantId{static_cast<std::uint32_t>(world.streams.size() + 1)};
    world.streams.push_back(stream);
  }
  return world;
}

}  // namespace

Result<ScenarioResult> run_tenants(const RunOptions& options, Progress& progress) {
  const Model model = mixed_model();
  report::Figure share;
  share.id = "6";
  share.what = "error of the light tenant's half, both backlogged, 10:1 requests";
  share.unit = "%";
  share.target = 1;
  report::Figure latency;
  latency.id = "6";
  latency.what = "light tenant's p99 / full batch, heavy one at 2x capacity";
  latency.target = 2;
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    const std::string& policy = options.policies[i];
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(static_cast<double>(i) / static_cast<double>(options.policies.size()), policy);
    const auto backlogged = run_policy(policy, model, world_of(1.0, options.seed));
    double time[2] = {0, 0};
    for (const auto& tenant : backlogged.tenants)
      if (tenant.tenant.value >= 1 && tenant.tenant.value <= 2)
        time[tenant.tenant.value - 1] = in_ms(tenant.device_time);
    const double error = 100 * std::abs(time[0] / std::max(time[0] + time[1], 1e-9) - 0.5) / 0.5;
    const auto flooded = run_policy(policy, model, world_of(0.2, options.seed));
    const auto light = histogram_of(flooded.streams[0].latencies);
    const double batches = light.count() == 0
                               ? std::numeric_limits<double>::quiet_NaN()
                               : in_ms(light.quantile(0.99)) / in_ms(model.of(model.tasks_max));
    if (i == 0) {
      share.value = error;
      latency.value = batches;
    } else {
      share.rivals.push_back({policy, error});
      latency.rivals.push_back({policy, batches});
    }
  }
  ScenarioResult result;
  result.figures = {share, latency};
  result.text = "One device of 2 ms + 0.05 ms a task, batches of 32.";
  return result;
}

}  // namespace troupe::bench::scenarios
