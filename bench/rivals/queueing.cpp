#include "bench/rivals/queueing.hpp"

#include <variant>

namespace troupe::bench::rivals {

using namespace scheduler;

namespace {

constexpr std::uint32_t attempts_max = 3;
constexpr Duration retry_after = std::chrono::milliseconds(1);

}  // namespace

Duration Machine::cost(const Kind& kind, std::size_t units) const {
  const auto found = costs.find(kind);
  const Duration fixed = found == costs.end() ? joined.cost_fixed : found->second.first;
  const Duration per_unit = found == costs.end() ? joined.cost_per_unit : found->second.second;
  return fixed + per_unit * static_cast<Duration::rep>(units);
}

void Queueing::handle(Instant now, const Event& event, Actions& out) {
  now = latest_ = std::max(now, latest_);
  const auto* submitted = std::get_if<TaskSubmitted>(&event);
  const bool duplicate = submitted != nullptr && tasks_.contains(submitted->task.id);
  expire(now, out);
  if (!duplicate) std::visit([&](const auto& what) { on(now, what, out); }, event);
  settle(now, out);
}

void Queueing::advance(Instant now, Actions& out) {
  now = latest_ = std::max(now, latest_);
  expire(now, out);
  settle(now, out);
}

void Queueing::on(Instant now, const TaskSubmitted& event, Actions& out) {
  if (event.task.deadline <= now) {
    out.emplace_back(Refuse{event.task.id, ErrorCode::expired, {}, {}});
  } else if (queued_ >= options_.queue_tasks_max) {
    out.emplace_back(Refuse{event.task.id, ErrorCode::queue_full, retry_after, {}});
  } else {
    Known known;
    known.task = event.task;
    known.task.units = std::max(known.task.units, 1U);
    known.arrived = now;
    known.order = ++orders_;
    tasks_.emplace(event.task.id, known);
    enqueue(event.task.id);
  }
}

void Queueing::on(Instant, const TaskCanceled& event, Actions& out) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end()) return;
  if (found->second.queued)
    refuse(event.task, ErrorCode::canceled, out);
  else
    found->second.canceled = true;
}

void Queueing::on(Instant, const WorkerJoined& event, Actions&) {
  machines_[event.worker].joined = event;
}

void Queueing::on(Instant, const CostGuessed& event, Actions&) {
  const auto machine = machines_.find(event.worker);
  if (machine != machines_.end()) machine->second.costs[event.kind] = {event.fixed, event.per_unit};
}

void Queueing::on(Instant now, const WorkerLeft& event, Actions& out) {
  const auto machine = machines_.find(event.worker);
  if (machine == machines_.end()) return;
  const auto held = std::move(machine->second.held);
  machines_.erase(machine);
  for (const auto& [batch, tasks] : held) {
    for (const TaskId id : tasks) {
      const Known& known = tasks_.at(id);
      if (known.canceled)
        refuse(id, ErrorCode::canceled, out);
      else if (known.task.deadline <= now)
        refuse(id, ErrorCode::expired, out);
      else if (known.launches >= attempts_max)
        refuse(id, ErrorCode::unreachable, out);
      else
        enqueue(id);
    }
  }
}

void Queueing::on(Instant, const BatchFinished& event, Actions&) {
  const auto machine = machines_.find(event.worker);
  if (machine == machines_.end()) return;
  const auto batch = machine->second.held.find(event.batch);
  if (batch == machine->second.held.end()) return;
  for (const TaskId id : batch->second) tasks_.erase(id);
  machine->second.held.erase(batch);
}

void Queueing::enqueue(TaskId id) {
  Known& known = tasks_.at(id);
  Queue& queue = queues_[known.task.kind];
  queue.tasks.emplace(Order{rank(known.task), known.order}, id);
  queue.arrivals.emplace(known.order, known.arrived);
  queue.units += known.task.units;
  if (known.task.deadline != never)
    queue.deadlines.emplace(std::pair(known.task.deadline, known.order), id);
  known.queued = true;
  ++queued_;
}

void Queueing::dequeue(TaskId id) {
  Known& known = tasks_.at(id);
  Queue& queue = queues_.at(known.task.kind);
  queue.tasks.erase(Order{rank(known.task), known.order});
  queue.arrivals.erase(known.order);
  queue.units -= known.task.units;
  queue.deadlines.erase(std::pair(known.task.deadline, known.order));
  known.queued = false;
  --queued_;
}

void Queueing::refuse(TaskId id, ErrorCode reason, Actions& out) {
  if (tasks_.at(id).queued) dequeue(id);
  tasks_.erase(id);
  out.emplace_back(Refuse{id, reason, {}, {}});
}

void Queueing::expire(Instant now, Actions& out) {
  for (auto& [kind, queue] : queues_) {
    while (!queue.deadlines.empty() && queue.deadlines.begin()->first.first <= now)
      refuse(queue.deadlines.begin()->second, ErrorCode::expired, out);
    if (patience() == Duration::max()) continue;
    for (bool more = true; more && !queue.tasks.empty();) {
      const TaskId first = queue.tasks.begin()->second;
      more = later(tasks_.at(first).arrived, patience()) <= now;
      if (more) refuse(first, ErrorCode::expired, out);
    }
  }
}

void Queueing::settle(Instant now, Actions& out) {
  for (auto& [id, machine] : machines_) {
    if (!machine.held.empty() || machine.joined.slots == 0) continue;
    // Of the queues that may go, the one whose first task stands first.
    const Kind* best = nullptr;
    Order best_order;
    for (const auto& [kind, queue] : queues_) {
      if (queue.tasks.empty() || due(now, kind, queue, machine) > now) continue;
      if (best == nullptr || queue.tasks.begin()->first < best_order) {
        best = &kind;
        best_order = queue.tasks.begin()->first;
      }
    }
    if (best == nullptr) continue;
    const Queue& queue = queues_.at(*best);
    Launch launch;
    launch.worker = id;
    launch.batch = BatchId{++batches_};
    launch.kind = *best;
    launch.worker_free = now;
    std::size_t units = 0;
    for (std::size_t left = size(now, *best, queue, machine); left > 0; --left) {
      const TaskId task = queue.tasks.begin()->second;
      Known& known = tasks_.at(task);
      dequeue(task);
      ++known.launches;
      units += known.task.units;
      if (known.task.lane == Lane::urgent) launch.lane = Lane::urgent;
      launch.tasks.push_back(task);
    }
    launch.predicted = machine.cost(*best, units);
    machine.held.emplace(launch.batch, launch.tasks);
    out.emplace_back(std::move(launch));
  }
}

std::optional<Instant> Queueing::next_wakeup() const {
  Instant next = never;
  for (const auto& [kind, queue] : queues_) {
    if (queue.tasks.empty()) continue;
    if (!queue.deadlines.empty()) next = std::min(next, queue.deadlines.begin()->first.first);
    if (patience() != Duration::max())
      next = std::min(next, later(tasks_.at(queue.tasks.begin()->second).arrived, patience()));
    for (const auto& [id, machine] : machines_)
      if (machine.held.empty() && machine.joined.slots > 0)
        next = std::min(next, due(latest_, kind, queue, machine));
  }
  if (next == never) return std::nullopt;
  return next;
}

}  // namespace troupe::bench::rivals
