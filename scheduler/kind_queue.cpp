#include "scheduler/kind_queue.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::scheduler {
namespace {

constexpr double patient_part = 8;  // one unit of work in so many

}  // namespace

bool KindQueue::ByDeadline::before(const TaskEntry& a, const TaskEntry& b) noexcept {
  if (a.task.deadline != b.task.deadline) return a.task.deadline < b.task.deadline;
  return a.sequence < b.sequence;
}

Instant KindQueue::first_deadline(const TaskStore& store) const noexcept {
  return by_deadline_.size() == 0 ? never : store[by_deadline_.first()].task.deadline;
}

KindQueue::Share& KindQueue::share_of(const Tenants& tenants, std::uint32_t tenant) {
  if (tenant >= shares_.size()) shares_.resize(tenant + 1);
  auto& share = shares_[tenant];
  if (share == nullptr) share = std::make_unique<Share>();
  share->tenant = tenant;
  if (!share->listed) {
    share->listed = true;
    order_.push(tenants.counter(tenant), tenant);
  }
  return *share;
}

bool KindQueue::ByUrgency::before(const TaskEntry& a, const TaskEntry& b) noexcept {
  if (a.task.deadline == b.task.deadline && a.urgent_turn != b.urgent_turn)
    return a.urgent_turn < b.urgent_turn;
  return ByDeadline::before(a, b);
}

// One that has had its turn, on a worker that was lost or before it was raised, keeps it.
void KindQueue::take_turn(TaskEntry& entry) {
  if (entry.urgent_turn >= 0) return;
  if (entry.tenant >= turns_.size()) turns_.resize(entry.tenant + 1, 0);
  entry.urgent_turn = std::max(turn_now_, turns_[entry.tenant]);
  turns_[entry.tenant] = entry.urgent_turn + entry.task.units;
}

void KindQueue::push(Instant now, TaskStore& store, Tenants& tenants, Slot slot, bool back) {
  TaskEntry& entry = store[slot];
  TROUPE_ASSERT(!entry.waiting, "a task waits in one place");
  entry.waiting = true;
  tenants.came(entry.tenant);
  if (entry.lane == Lane::urgent) {
    take_turn(entry);
    urgent_.push(store.entries(), slot);
    urgent_units_ += entry.task.units;
    return;
  }
  Share& share = share_of(tenants, entry.tenant);
  if (entry.task.deadline != never) {
    by_deadline_.push(store.entries(), slot);
    share.by_deadline.push(store.entries(), slot);
  } else {
    if (tasks_ == by_deadline_.size()) patient_since_ = now;
    back ? share.patient.push_front(store.entries(), slot)
         : share.patient.push(store.entries(), slot);
  }
  ++tasks_;
  units_ += entry.task.units;
  weight_ += static_cast<double>(entry.task.weight);
}

// What push() counted.
void KindQueue::leave(TaskStore& store, Tenants& tenants, Slot slot) {
  TaskEntry& entry = store[slot];
  entry.waiting = false;
  tenants.went(entry.tenant);
  if (entry.lane == Lane::urgent) {
    urgent_units_ -= entry.task.units;
    return;
  }
  --tasks_;
  units_ -= entry.task.units;
  weight_ = tasks_ == 0 ? 0 : weight_ - static_cast<double>(entry.task.weight);
}

void KindQueue::remove(TaskStore& store, Tenants& tenants, Slot slot) {
  const TaskEntry& entry = store[slot];
  TROUPE_ASSERT(entry.waiting, "only a waiting task leaves a queue");
  if (entry.lane == Lane::urgent) {
    urgent_.remove(store.entries(), slot);
  } else if (entry.task.deadline != never) {
    by_deadline_.remove(store.entries(), slot);
    shares_[entry.tenant]->by_deadline.remove(store.entries(), slot);
  } else {
    shares_[entry.tenant]->patient.remove(store.entries(), slot);
  }
  leave(store, tenants, slot);
}

void KindQueue::take_urgent(TaskStore& store, Tenants& tenants, std::size_t tasks_max,
                            std::uint64_t units_max, std::vector<Slot>& batch,
                            std::uint64_t& batch_units) {
  while (urgent_.size() > 0 && batch.size() < tasks_max) {
    const Slot slot = urgent_.first();
    const std::uint32_t units = store[slot].task.units;
    if (!batch.empty() && batch_units + units > units_max) return;
    urgent_.remove(store.entries(), slot);
    leave(store, tenants, slot);
    turn_now_ = std::max(turn_now_, store[slot].urgent_turn);
    tenants.charge(store[slot].tenant, store[slot].work_ns);
    batch.push_back(slot);
    batch_units += units;
  }
}

// The one that the tenant's rule puts first; it stays where it is.
Slot KindQueue::next_of(Share& share, TaskStore& store) {
  if (share.patient.empty()) return share.by_deadline.first();
  const bool both = share.by_deadline.size() > 0;
  if (!both) share.patient_ns = share.deadline_ns = 0;
  if (both && share.deadline_ns <= share.patient_ns) return share.by_deadline.first();
  return share.patient.pop(store.entries());
}

void KindQueue::take(Instant now, TaskStore& store, Tenants& tenants, std::size_t tasks_max,
                     std::uint64_t units_max, std::vector<Slot>& batch,
                     std::uint64_t& batch_units) {
  while (tasks_ > 0 && batch.size() < tasks_max) {
    const std::uint32_t tenant =
        order_.least([&](std::uint32_t place) { return tenants.counter(place); },
                     [&](std::uint32_t place) {
                       if (!shares_[place]->empty()) return false;
                       shares_[place]->listed = false;
                       return true;
                     });
    TROUPE_ASSERT(tenant != LazyHeap::none, "a waiting task belongs to a tenant");
    Share& share = *shares_[tenant];
    const Slot slot = next_of(share, store);
    TaskEntry& entry = store[slot];
    const bool patient = entry.task.deadline == never;
    if (!batch.empty() && batch_units + entry.task.units > units_max) {
      if (patient) share.patient.push_front(store.entries(), slot);
      return;
    }
    if (patient) {
      patient_since_ = now;
      share.patient_ns += patient_part * entry.work_ns;
    } else {
      by_deadline_.remove(store.entries(), slot);
      share.by_deadline.remove(store.entries(), slot);
      share.deadline_ns += entry.work_ns;
    }
    leave(store, tenants, slot);
    tenants.served(tenant);
    tenants.charge(tenant, entry.work_ns);
    batch.push_back(slot);
    batch_units += entry.task.units;
  }
}

}  // namespace troupe::scheduler
