#include "scheduler/lane_core.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace troupe::scheduler {
namespace {

// Asking again sooner is never useful, however short the costs.
constexpr Duration retry_after_min = std::chrono::milliseconds(1);
// Nothing is known about when a place will be free: there is no worker.
constexpr Duration retry_after_unknown = std::chrono::seconds(1);

}  // namespace

void LaneCore::handle(Instant now, const Event& event, Actions& out) {
  // Refusing a duplicate, too, would give the first one's owner two outcomes. Asked before expiry,
  // because the first one may be about to end.
  const auto* submitted = std::get_if<TaskSubmitted>(&event);
  const bool duplicate = submitted != nullptr && tasks_.find(submitted->task.id);
  expire(now, out);
  if (!duplicate) std::visit([&](const auto& what) { on(now, what, out); }, event);
}

void LaneCore::expire(Instant now, Actions& out) {
  for (KindQueue& queue : tasks_.queues()) {
    while (!queue.empty() && tasks_[queue.head()].task.deadline <= now) {
      const Slot slot = queue.head();
      tasks_.remove(slot);
      refuse(slot, ErrorCode::expired, out);
    }
  }
}

void LaneCore::on(Instant now, const TaskSubmitted& event, Actions& out) {
  const TaskRecord& task = event.task;
  if (task.deadline <= now) {
    out.emplace_back(Refuse{task.id, ErrorCode::expired, {}});
  } else if (tasks_.waiting() >= limits_.queue_tasks_max) {
    out.emplace_back(Refuse{task.id, ErrorCode::queue_full, retry_after(now)});
  } else {
    tasks_.add(now, task);
  }
}

void LaneCore::on(Instant, const TaskCanceled& event, Actions& out) {
  const auto slot = tasks_.find(event.task);
  if (!slot) return;
  if (!tasks_[*slot].waiting) {
    tasks_[*slot].canceled = true;
    return;
  }
  tasks_.remove(*slot);
  refuse(*slot, ErrorCode::canceled, out);
}

void LaneCore::on(Instant, const WorkerJoined& event, Actions&) {
  workers_.join(event);
}

void LaneCore::on(Instant now, const WorkerLeft& event, Actions& out) {
  for (const HeldBatch& batch : workers_.leave(event.worker)) {
    for (const Slot slot : batch.tasks) {
      const TaskEntry& entry = tasks_[slot];
      if (entry.canceled)
        refuse(slot, ErrorCode::canceled, out);
      else if (entry.task.deadline <= now)
        refuse(slot, ErrorCode::expired, out);
      else if (entry.launches >= limits_.attempts_max)
        refuse(slot, ErrorCode::unreachable, out);
      else
        tasks_.put_back(slot);
    }
  }
}

void LaneCore::on(Instant now, const BatchFinished& event, Actions&) {
  const auto done = workers_.finish(now, event.worker, event.batch);
  if (!done) return;
  for (const Slot slot : *done) tasks_.forget(slot);
}

void LaneCore::refuse(Slot slot, ErrorCode reason, Actions& out) {
  out.emplace_back(Refuse{tasks_[slot].task.id, reason, {}});
  tasks_.forget(slot);
}

LaneCore::Batch LaneCore::take(KindQueue& queue) {
  Batch batch;
  batch.kind = queue.kind();
  batch.tasks = tasks_.take(queue, std::max(limits_.tasks_max, 1U), limits_.units_max);
  for (const Slot slot : batch.tasks) batch.units += tasks_[slot].task.units;
  return batch;
}

void LaneCore::launch(Instant now, Batch batch, Worker& worker, Actions& out) {
  // The lane is part of the number, so that no two batches of a node share one.
  const BatchId id{++batches_ * lane_count + static_cast<std::uint64_t>(limits_.lane)};
  Launch decision{worker.id, id, batch.kind, {}};
  decision.tasks.reserve(batch.tasks.size());
  for (const Slot slot : batch.tasks) {
    ++tasks_[slot].launches;
    decision.tasks.push_back(tasks_[slot].task.id);
  }
  workers_.launch(now, worker, id, std::move(batch.tasks), batch.units);
  out.emplace_back(std::move(decision));
}

Instant LaneCore::first_deadline() const noexcept {
  Instant first = never;
  for (const KindQueue& queue : tasks_.queues())
    if (!queue.empty()) first = std::min(first, tasks_[queue.head()].task.deadline);
  return first;
}

Duration LaneCore::retry_after(Instant now) const noexcept {
  Instant place = never;  // when the next batch should leave the queue
  for (const Worker& worker : workers_.workers()) {
    if (worker.has_room())
      place = std::min(place, later(now, limits_.launch_delay_max));
    else if (!worker.idle())
      place = std::min(place, worker.held.front().ends);
  }
  if (place == never) return retry_after_unknown;
  return std::max(place - now, retry_after_min);
}

}  // namespace troupe::scheduler
