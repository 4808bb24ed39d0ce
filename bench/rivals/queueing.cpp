#include "bench/rivals/queueing.hpp"

#include <variant>

namespace troupe::bench::rivals {

using namespace scheduler;

namespace {

constexpr std::uint32_t attempts_max = 3;
constexpr Duration retry_after = std::chrono::milliseconds(1);
constexpr double cost_max_ns = 1e18;  // thirty years

}  // namespace

Duration Machine::cost(const Kind& kind, std::size_t units) const {
  const auto found = costs.find(kind);
  const Duration fixed = found == costs.end() ? joined.cost_fixed : found->second.first;
  const Duration per_unit = found == costs.end() ? joined.cost_per_unit : found->second.second;
  // Absurd sizes must not overflow.
  const double cost = static_cast<double>(fixed.count()) +
                      static_cast<double>(per_unit.count()) * static_cast<double>(units);
  return Duration(static_cast<Duration::rep>(std::clamp(cost, 0.0, cost_max_ns)));
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

void Queueing::on(Instant, const TaskRaised& event, Actions&) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end() || !found->second.queued) return;
  dequeue(event.task);  // by its old place
  TaskRecord& task = found->second.task;
  task.lane = Lane::urgent;
  task.deadline = std::min(task.deadline, event.deadline);
  enqueue(event.task);
}

void Queueing::on(Instant now, const WorkerJoined& event, Actions&) {
  const auto [machine, is_new] = machines_.try_emplace(event.worker);
  machine->second.joined = event;
  if (is_new) machine->second.free = now;
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

void Queueing::on(Instant now, const BatchFinished& event, Actions&) {
  const auto machine = machines_.find(event.worker);
  if (machine == machines_.end()) return;
  const auto batch = machine->second.held.find(event.batch);
  if (batch == machine->second.held.end()) return;
  for (const TaskId id : batch->second) tasks_.erase(id);
  machine->second.held.erase(batch);
  machine->second.free = now;
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

void Queueing::refuse(TaskId id, ErrorCode reason, Actions& out, Duration needs) {
  if (tasks_.at(id).queued) dequeue(id);
  tasks_.erase(id);
  const bool infeasible = reason == ErrorCode::infeasible;
  out.emplace_back(Refuse{id, reason, infeasible ? retry_after : Duration{}, needs});
}

void Queueing::expire(Instant now, Actions& out) {
  for (auto& [kind, queue] : queues_) {
    while (!queue.deadlines.empty() && queue.deadlines.begin()->first.first <= now)
      refuse(queue.deadlines.begin()->second, ErrorCode::expired, out);
  }
}

std::optional<Duration> Queueing::least_cost(const Kind& kind, std::size_t units) const {
  std::optional<Duration> least;
  for (const auto& [id, machine] : machines_) {
    if (machine.joined.slots == 0) continue;
    const Duration cost = machine.cost(kind, units);
    if (!least || cost < *least) least = cost;
  }
  return least;
}

void Queueing::drop_hopeless(Instant now, Actions& out) {
  for (auto& [kind, queue] : queues_) {
    while (drops_hopeless() && !queue.deadlines.empty()) {
      const auto [key, task] = *queue.deadlines.begin();
      const auto needs = least_cost(kind, units_of(task));
      if (!needs || later(now, *needs) <= key.first) break;
      refuse(task, ErrorCode::infeasible, out, *needs);
    }
    while (!queue.tasks.empty()) {
      const auto needs = least_cost(kind, queue.units);
      if (!needs || !sheds(now, queue, *needs)) break;
      refuse(queue.tasks.begin()->second, ErrorCode::infeasible, out, *needs);
    }
  }
}

void Queueing::settle(Instant now, Actions& out) {
  drop_hopeless(now, out);
  for (auto& [id, machine] : machines_) {
    if (!machine.idle()) continue;
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
    if (best != nullptr) launch(now, id, machine, *best, out);
  }
}

void Queueing::launch(Instant now, WorkerId id, Machine& machine, const Kind& kind, Actions& out) {
  const Queue& queue = queues_.at(kind);
  launched_after(kind, now - queue.arrivals.begin()->second);
  Launch launch;
  launch.worker = id;
  launch.batch = BatchId{++batches_};
  launch.kind = kind;
  launch.worker_free = machine.free;
  const std::size_t tasks = size(now, kind, queue, machine);
  launch.reason = tasks >= options_.tasks_max ? LaunchReason::full : LaunchReason::enough;
  std::size_t units = 0;
  for (std::size_t left = tasks; left > 0; --left) {
    const TaskId task = queue.tasks.begin()->second;
    Known& known = tasks_.at(task);
    dequeue(task);
    ++known.launches;
    units += known.task.units;
    if (known.task.lane == Lane::urgent) launch.lane = Lane::urgent;
    launch.tasks.push_back(task);
  }
  launch.predicted = machine.cost(kind, units);
  machine.held.emplace(launch.batch, launch.tasks);
  out.emplace_back(std::move(launch));
}

std::optional<Instant> Queueing::next_wakeup() const {
  Instant next = never;
  for (const auto& [kind, queue] : queues_) {
    if (queue.tasks.empty()) continue;
    if (!queue.deadlines.empty()) next = std::min(next, queue.deadlines.begin()->first.first);
    if (const auto needs = least_cost(kind, queue.units))
      next = std::min(next, sheds_at(queue, *needs));
    for (const auto& [id, machine] : machines_)
      if (machine.idle()) next = std::min(next, due(latest_, kind, queue, machine));
  }
  if (next == never) return std::nullopt;
  return next;
}

}  // namespace troupe::bench::rivals
