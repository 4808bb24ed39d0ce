// A node that is taken out of service, as the exchange sees it. What it does with offers meanwhile
// stands where they are carried out (exchange_actions.cpp).
#include "actors/exchange.hpp"

namespace troupe::actors {

void Exchange::drain(bool on) {
  const std::lock_guard lock(mutex_);
  draining_ = on;
}

std::size_t Exchange::guests_tasks() const {
  const std::lock_guard lock(mutex_);
  std::size_t tasks = 0;
  for (const auto& [key, task] : theirs_) {
    const auto origin = origins_.find(key.first);
    const bool away = origin == origins_.end() || origin->second.peer.value == 0;
    if (key.first != own && !(away && task.result)) ++tasks;
  }
  return tasks;
}

std::uint64_t Exchange::sent_elsewhere() const {
  const std::lock_guard lock(mutex_);
  return sent_elsewhere_;
}

}  // namespace troupe::actors
