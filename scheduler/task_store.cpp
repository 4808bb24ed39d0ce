#include "scheduler/task_store.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::scheduler {

std::optional<Slot> TaskStore::find(TaskId id) const {
  const auto found = slots_.find(id);
  if (found == slots_.end()) return std::nullopt;
  return found->second;
}

Slot TaskStore::add(Instant now, const TaskRecord& task) {
  if (free_.empty()) {
    free_.push_back(static_cast<Slot>(entries_.size()));
    entries_.emplace_back();
  }
  const Slot slot = free_.back();
  const bool is_new = slots_.emplace(task.id, slot).second;
  TROUPE_ASSERT(is_new, "a task is added once");
  free_.pop_back();
  TaskEntry& entry = entries_[slot];
  entry = TaskEntry{};
  entry.task = task;
  entry.task.units = std::max(task.units, 1U);
  entry.arrived = now;
  entry.sequence = ++arrivals_;
  return slot;
}

void TaskStore::forget(Slot slot) {
  TROUPE_ASSERT(!entries_[slot].waiting, "a waiting task is not forgotten");
  const auto erased = slots_.erase(entries_[slot].task.id);
  TROUPE_ASSERT(erased == 1, "a task is forgotten once");
  free_.push_back(slot);
}

}  // namespace troupe::scheduler
