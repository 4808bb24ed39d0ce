#include "tests/sim/books.hpp"

#include <algorithm>

namespace troupe::sim {

const TaskView* Books::task(TaskId id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second;
}

const WorkerView* Books::worker(WorkerId id) const {
  const auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : &found->second;
}

void Books::arrived(Instant now, const scheduler::TaskRecord& task) {
  TaskView& view = tasks_[task.id];
  view.task = task;
  view.arrived = now;
  view.order = ++arrivals_;
  wait(view);
}

void Books::refused(TaskId id) {
  stop_waiting(tasks_.at(id));
  tasks_.erase(id);
}

void Books::joined(const scheduler::WorkerJoined& event) {
  WorkerView& worker = workers_[event.worker];
  worker.id = event.worker;
  worker.slots = event.slots;
  worker.cost_fixed = event.cost_fixed;
  worker.cost_per_unit = event.cost_per_unit;
}

std::vector<TaskId> Books::left(WorkerId id) {
  std::vector<TaskId> back;
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return back;
  for (const HeldView& batch : worker->second.held)
    for (const TaskId task : batch.tasks) {
      wait(tasks_.at(task));
      back.push_back(task);
    }
  workers_.erase(worker);
  return back;
}

void Books::launched(Instant now, const scheduler::Launch& launch) {
  WorkerView& worker = workers_.at(launch.worker);
  std::uint64_t units = 0;
  for (const TaskId id : launch.tasks) {
    TaskView& view = tasks_.at(id);
    stop_waiting(view);
    ++view.launches;
    units += view.task.units;
  }
  const Duration cost = worker.cost(units);
  worker.held.push_back({launch.batch, launch.tasks, cost, worker.free_at(now) + cost});
}

bool Books::finished(Instant now, const scheduler::BatchFinished& event) {
  const auto worker = workers_.find(event.worker);
  if (worker == workers_.end()) return false;
  auto& held = worker->second.held;
  const auto done = std::find_if(held.begin(), held.end(),
                                 [&](const HeldView& batch) { return batch.batch == event.batch; });
  if (done == held.end()) return false;
  for (const TaskId task : done->tasks) tasks_.erase(task);
  held.erase(done);
  Instant at = now;
  for (HeldView& next : held) at = next.ends = at + next.cost;
  return true;
}

void Books::wait(TaskView& view) {
  KindView& kind = kinds_[view.task.kind];
  kind.ranked.insert(view.rank());
  kind.arrivals.emplace(view.order, view.arrived);
  kind.units += view.task.units;
  view.waiting = true;
  ++waiting_;
}

void Books::stop_waiting(TaskView& view) {
  const auto kind = kinds_.find(view.task.kind);
  kind->second.ranked.erase(view.rank());
  kind->second.arrivals.erase(view.order);
  kind->second.units -= view.task.units;
  if (kind->second.ranked.empty()) kinds_.erase(kind);
  view.waiting = false;
  --waiting_;
}

}  // namespace troupe::sim
