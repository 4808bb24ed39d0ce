#include "actors/worker_roll.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::actors {

bool WorkerRoll::any_works() const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [](const Entry& one) { return !one.lost; });
}

void WorkerRoll::lose(WorkerId worker, std::vector<BatchId> held) {
  TROUPE_ASSERT(!held.empty(), "a worker that holds nothing is not slow");
  workers_[worker.value] = {true, std::move(held)};
}

void WorkerRoll::lose_for_good(WorkerId worker) {
  workers_[worker.value] = {true, {}};
}

bool WorkerRoll::settled(WorkerId worker, BatchId batch) {
  Entry& entry = workers_[worker.value];
  const auto owed = std::find(entry.owed.begin(), entry.owed.end(), batch);
  if (owed == entry.owed.end()) return false;
  entry.owed.erase(owed);
  entry.lost = !entry.owed.empty();
  return !entry.lost;
}

}  // namespace troupe::actors
