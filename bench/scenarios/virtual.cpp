#include "bench/scenarios/virtual.hpp"

#include "base/assert.hpp"
#include "bench/rivals/rivals.hpp"
#include "scheduler/scheduler.hpp"
#include "sim/world.hpp"

namespace troupe::bench::scenarios {

std::unique_ptr<scheduler::Policy> make_policy(const std::string& name, std::uint32_t tasks_max) {
  if (name == "troupe") {
    scheduler::SchedulerOptions options;
    options.tasks_max = tasks_max;
    return std::make_unique<scheduler::Scheduler>(options);
  }
  const rivals::Rival* rival = rivals::find_rival(name);
  TROUPE_ASSERT(rival != nullptr, "the runner lets only known policies through");
  rivals::RivalOptions options;
  options.tasks_max = tasks_max;
  return rival->make(options);
}

double Model::tasks_per_s() const {
  return static_cast<double>(tasks_max) * 1e9 / static_cast<double>(of(tasks_max).count());
}

Model mixed_model() {
  return {std::chrono::milliseconds(2), std::chrono::microseconds(50), 32};
}

sim::DeviceOptions device_of(const Model& model, Duration tile) {
  sim::DeviceOptions device;
  device.fixed = model.fixed;
  device.per_unit = model.per_task;
  device.tile = tile;
  return device;
}

sim::RunReport run_policy(const std::string& name, const Model& model,
                          const sim::WorldOptions& world, sim::Observer* observer) {
  const auto policy = make_policy(name, model.tasks_max);
  return sim::run(world, *policy, observer);
}

harness::LatencyHistogram histogram_of(const std::vector<Duration>& latencies) {
  harness::LatencyHistogram histogram;
  for (const Duration latency : latencies) histogram.add(latency);
  return histogram;
}

double in_ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

void Promises::see(const sim::Step& step) {
  TaskId arriving;
  if (step.event != nullptr)
    if (const auto* submitted = std::get_if<scheduler::TaskSubmitted>(step.event))
      arriving = submitted->task.id;
  bool taken = !arriving.is_none();
  for (const auto& action : step.actions) {
    const auto* refuse = std::get_if<scheduler::Refuse>(&action);
    if (refuse == nullptr) continue;
    if (refuse->task == arriving)
      taken = false;
    else
      broken_ += waiting_.erase(refuse->task);
  }
  if (taken && step.at >= from_) {
    ++accepted_;
    waiting_.insert(arriving);
  }
  for (const auto& action : step.actions)
    if (const auto* launch = std::get_if<scheduler::Launch>(&action))
      for (const TaskId task : launch->tasks) waiting_.erase(task);
}

}  // namespace troupe::bench::scenarios
