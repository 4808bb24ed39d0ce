// The scheduler: both lanes of a node, decided together, since both share its devices.
#pragma once

#include <memory>

#include "scheduler/options.hpp"
#include "scheduler/policy.hpp"

namespace troupe::scheduler {

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
