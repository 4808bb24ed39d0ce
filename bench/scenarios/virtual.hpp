// What the scenarios of rig V share: policies by their names, modelled devices, and reading a run.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "bench/harness/histogram.hpp"
#include "bench/harness/scenario.hpp"
#include "scheduler/policy.hpp"
#include "sim/observer.hpp"
#include "sim/options.hpp"
#include "sim/report.hpp"

namespace troupe::bench::scenarios {

// Ours is "troupe"; the others are the rivals (bench/rivals). All names are known: the runner has
// checked them.
std::unique_ptr<scheduler::Policy> make_policy(const std::string& name, std::uint32_t tasks_max);

// A batch of n tasks takes fixed + per_task * n.
struct Model {
  Duration fixed{};
  Duration per_task{};
  std::uint32_t tasks_max = 32;

  [[nodiscard]] Duration of(std::uint32_t tasks) const { return fixed + per_task * tasks; }
  // What full batches do on one device.
  [[nodiscard]] double tasks_per_s() const;
};

// The device of `mixed` and `agents` (bench/README.md): 2 ms + 0.05 ms for each task.
Model mixed_model();

sim::DeviceOptions device_of(const Model& model, Duration tile = {});

// Runs it with a fresh policy of that name.
sim::RunReport run_policy(const std::string& name, const Model& model,
                          const sim::WorldOptions& world, sim::Observer* observer = nullptr);

harness::LatencyHistogram histogram_of(const std::vector<Duration>& latencies);

double in_ms(Duration duration);

// Which tasks were accepted, so that breaking one's word can be told from refusing at once.
class Promises final : public sim::Observer {
 public:
  explicit Promises(Duration warm_up) : from_(Instant{} + warm_up) {}
  void see(const sim::Step& step) override;

  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
  // Refused after they had been accepted.
  [[nodiscard]] std::uint64_t broken() const noexcept { return broken_; }

 private:
  Instant from_;
  std::unordered_set<TaskId> waiting_;
  std::uint64_t accepted_ = 0;
  std::uint64_t broken_ = 0;
};

}  // namespace troupe::bench::scenarios
