// The scheduler: both lanes of a node, decided together, since both share its devices.
#pragma once

#include <cstdint>
#include <memory>

#include "scheduler/policy.hpp"

namespace troupe::scheduler {

// Switches and limits; nothing here tunes a decision.
struct SchedulerOptions {
  bool lanes = true;                            // off: every task is ordinary
  bool batching = true;                         // off: every task is a batch of its own
  std::uint32_t tasks_max = 64;                 // per batch
  std::uint32_t units_max = 2048;               // per batch; a single larger task goes alone
  std::uint32_t urgent_queue_tasks_max = 4096;  // waiting; a further one is refused
  std::uint32_t ordinary_queue_tasks_max = 65536;
  std::uint32_t attempts_max = 3;  // launches of one task, when workers are lost
};

class Scheduler final : public Policy {
 public:
  explicit Scheduler(const SchedulerOptions& options);
  ~Scheduler() override;

  void handle(Instant now, const Event& event, Actions& out) override;
  void advance(Instant now, Actions& out) override;
  [[nodiscard]] std::optional<Instant> next_wakeup() const override;
  [[nodiscard]] std::size_t queued() const noexcept override;
  [[nodiscard]] std::size_t launched() const noexcept override;
  [[nodiscard]] NodeLoad load(Instant now) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::scheduler
