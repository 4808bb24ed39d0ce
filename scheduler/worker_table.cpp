#include "scheduler/worker_table.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::scheduler {

Duration Worker::cost(std::uint64_t units) const noexcept {
  if (cost_per_unit <= Duration::zero()) return cost_fixed;
  const auto room = static_cast<std::uint64_t>((Duration::max() - cost_fixed) / cost_per_unit);
  if (units > room) return Duration::max();
  return cost_fixed + cost_per_unit * static_cast<Duration::rep>(units);
}

Instant Worker::free_at(Instant now) const noexcept {
  return held.empty() ? now : std::max(now, held.back().ends);
}

void WorkerTable::join(const WorkerJoined& event) {
  auto worker = std::ranges::find(workers_, event.worker, &Worker::id);
  if (worker == workers_.end()) {
    worker = workers_.emplace(worker);
    worker->id = event.worker;
  }
  worker->slots = event.slots;
  worker->cost_fixed = std::max(event.cost_fixed, Duration::zero());
  worker->cost_per_unit = std::max(event.cost_per_unit, Duration::zero());
}

std::vector<HeldBatch> WorkerTable::leave(WorkerId id) {
  const auto worker = std::ranges::find(workers_, id, &Worker::id);
  if (worker == workers_.end()) return {};
  auto held = std::move(worker->held);
  workers_.erase(worker);
  return held;
}

void WorkerTable::launch(Instant now, Worker& worker, BatchId batch, std::vector<Slot> tasks,
                         std::uint64_t units) {
  TROUPE_ASSERT(worker.has_room(), "a worker gets no more batches than it has slots");
  const Duration cost = worker.cost(units);
  const Instant ends = later(worker.free_at(now), cost);
  worker.held.push_back({batch, std::move(tasks), cost, ends});
}

std::optional<std::vector<Slot>> WorkerTable::finish(Instant now, WorkerId id, BatchId batch) {
  const auto worker = std::ranges::find(workers_, id, &Worker::id);
  if (worker == workers_.end()) return std::nullopt;
  const auto done = std::ranges::find(worker->held, batch, &HeldBatch::id);
  if (done == worker->held.end()) return std::nullopt;
  auto tasks = std::move(done->tasks);
  worker->held.erase(done);
  // The next one begins now, so that an error of one prediction is not carried on.
  Instant begins = now;
  for (HeldBatch& next : worker->held) begins = next.ends = later(begins, next.cost);
  return tasks;
}

}  // namespace troupe::scheduler
