#include "scheduler/workers.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::scheduler {
namespace {

// The next batch goes out this much before the running one should end: about what it takes to tell
// us, to decide and to tell the device; never more than a small part of the running batch, because
// who arrives after it has gone out waits for the one after.
constexpr Duration lead_max = std::chrono::microseconds(100);
constexpr int lead_part = 32;

}  // namespace

CostModel& Worker::cost(const Kind& kind) {
  const auto found = costs.find(kind);
  if (found != costs.end()) return found->second;
  return costs.emplace(kind, CostModel(guess_fixed, guess_per_unit)).first->second;
}

Instant Worker::free_at(Instant now) const noexcept {
  Instant at = in_turn.empty() ? now : std::max(now, in_turn.back().ends);
  for (const HeldBatch& batch : inside) at = later(at, batch.predicted);
  return at;
}

Instant Worker::enters_at(Instant now) const noexcept {
  Instant at = idle() ? now : later(now, tile);
  for (const HeldBatch& batch : inside) at = later(at, batch.predicted);
  return at;
}

Instant Worker::opens() const noexcept {
  if (slots == 0) return never;
  if (in_turn.empty()) return Instant::min();
  if (in_turn.size() >= slots || in_turn.size() >= 2) return never;
  Instant ends = in_turn.back().ends;
  for (const HeldBatch& batch : inside) ends = later(ends, batch.predicted);
  return ends - std::min(lead_max, in_turn.back().predicted / lead_part);
}

Worker* WorkerTable::find(WorkerId id) noexcept {
  const auto worker = std::ranges::find(workers_, id, &Worker::id);
  return worker == workers_.end() ? nullptr : &*worker;
}

bool WorkerTable::any_enterable() const noexcept {
  return std::ranges::any_of(workers_, &Worker::enterable);
}

void WorkerTable::join(Instant now, const WorkerJoined& event) {
  Worker* worker = find(event.worker);
  if (worker == nullptr) {
    worker = &workers_.emplace_back();
    worker->id = event.worker;
    worker->free_since = now;
  }
  worker->slots = event.slots;
  worker->urgent_slots = event.urgent_slots;
  worker->tile = std::max(event.tile, Duration::zero());
  worker->guess_fixed = std::max(event.cost_fixed, Duration::zero());
  worker->guess_per_unit = std::max(event.cost_per_unit, Duration::zero());
  for (auto& [kind, cost] : worker->costs) cost.guess(worker->guess_fixed, worker->guess_per_unit);
}

void WorkerTable::guess(const CostGuessed& event) {
  if (Worker* worker = find(event.worker))
    worker->cost(event.kind).guess(event.fixed, event.per_unit);
}

std::vector<HeldBatch> WorkerTable::leave(WorkerId id) {
  const auto worker = std::ranges::find(workers_, id, &Worker::id);
  if (worker == workers_.end()) return {};
  auto held = std::move(worker->in_turn);
  std::ranges::move(worker->inside, std::back_inserter(held));
  workers_.erase(worker);
  return held;
}

void WorkerTable::launch(Instant now, Worker& worker, HeldBatch batch) {
  batch.launched = now;
  if (batch.entry == Entry::inside) {
    TROUPE_ASSERT(worker.inside.size() < worker.urgent_slots, "a device lets in only so many");
    worker.inside.push_back(std::move(batch));
    return;
  }
  TROUPE_ASSERT(worker.in_turn.size() < worker.slots, "a worker gets no more than it has slots");
  batch.ends = later(worker.free_at(now), batch.predicted);
  worker.in_turn.push_back(std::move(batch));
}

std::optional<HeldBatch> WorkerTable::finish(Instant now, const BatchFinished& event) {
  Worker* worker = find(event.worker);
  if (worker == nullptr) return std::nullopt;
  for (auto* held : {&worker->in_turn, &worker->inside}) {
    const auto done = std::ranges::find(*held, event.batch, &HeldBatch::id);
    if (done == held->end()) continue;
    HeldBatch batch = std::move(*done);
    held->erase(done);
    worker->cost(batch.kind).observe(batch.units, event.busy);
    if (batch.entry == Entry::inside) {
      // What it paused ends so much later.
      for (HeldBatch& paused : worker->in_turn) paused.ends = later(paused.ends, batch.predicted);
      return batch;
    }
    // The next one begins now, so that an error of one prediction is not carried on.
    Instant begins = now;
    for (HeldBatch& next : worker->in_turn) begins = next.ends = later(begins, next.predicted);
    if (worker->in_turn.empty()) worker->free_since = now;
    return batch;
  }
  return std::nullopt;
}

}  // namespace troupe::scheduler
