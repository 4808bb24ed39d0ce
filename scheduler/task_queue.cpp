#include "scheduler/task_queue.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::scheduler {

bool KindQueue::ByDeadline::before(const TaskEntry& a, const TaskEntry& b) noexcept {
  if (a.task.deadline != b.task.deadline) return a.task.deadline < b.task.deadline;
  return a.sequence < b.sequence;
}

bool KindQueue::ByArrival::before(const TaskEntry& a, const TaskEntry& b) noexcept {
  return a.sequence < b.sequence;
}

std::optional<Slot> TaskQueue::find(TaskId id) const {
  const auto found = slots_.find(id);
  if (found == slots_.end()) return std::nullopt;
  return found->second;
}

void TaskQueue::add(Instant now, const TaskRecord& task) {
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
  insert(slot);
}

void TaskQueue::put_back(Slot slot) {
  TROUPE_ASSERT(!entries_[slot].waiting, "a task waits in one place");
  insert(slot);
}

void TaskQueue::insert(Slot slot) {
  KindQueue& queue = queue_of(entries_[slot].task.kind);
  queue.by_deadline_.push(entries_, slot);
  queue.by_arrival_.push(entries_, slot);
  queue.units_ += entries_[slot].task.units;
  entries_[slot].waiting = true;
  ++waiting_;
}

void TaskQueue::remove(Slot slot) {
  TROUPE_ASSERT(entries_[slot].waiting, "only a waiting task leaves a queue");
  KindQueue& queue = queue_of(entries_[slot].task.kind);
  queue.by_deadline_.remove(entries_, slot);
  queue.by_arrival_.remove(entries_, slot);
  queue.units_ -= entries_[slot].task.units;
  entries_[slot].waiting = false;
  --waiting_;
}

void TaskQueue::forget(Slot slot) {
  TROUPE_ASSERT(!entries_[slot].waiting, "a waiting task is not forgotten");
  const auto erased = slots_.erase(entries_[slot].task.id);
  TROUPE_ASSERT(erased == 1, "a task is forgotten once");
  free_.push_back(slot);
}

std::vector<Slot> TaskQueue::take(KindQueue& queue, std::size_t tasks_max,
                                  std::uint64_t units_max) {
  std::vector<Slot> batch;
  batch.reserve(std::min(queue.tasks(), tasks_max));
  std::uint64_t units = 0;
  while (!queue.empty() && batch.size() < tasks_max) {
    const Slot slot = queue.head();
    units += entries_[slot].task.units;
    if (!batch.empty() && units > units_max) break;
    remove(slot);
    batch.push_back(slot);
  }
  return batch;
}

bool TaskQueue::before(const KindQueue& a, const KindQueue& b) const noexcept {
  return KindQueue::ByDeadline::before(entries_[a.head()], entries_[b.head()]);
}

KindQueue& TaskQueue::queue_of(const Kind& kind) {
  const auto named =
      std::ranges::find_if(queues_, [&](const KindQueue& queue) { return queue.kind_ == kind; });
  if (named != queues_.end()) return *named;
  auto spare = std::ranges::find_if(queues_, [](const KindQueue& queue) { return queue.empty(); });
  if (spare == queues_.end()) spare = queues_.insert(spare, KindQueue{});
  spare->kind_ = kind;
  return *spare;
}

}  // namespace troupe::scheduler
