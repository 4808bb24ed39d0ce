#include "tests/sim/books.hpp"

namespace troupe::sim {

const TaskView* Books::task(TaskId id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second;
}

const WorkerView* Books::worker(WorkerId id) const {
  const auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : &found->second;
}

std::size_t Books::waiting_of(TenantId tenant) const {
  const auto found = by_tenant_.find(tenant);
  return found == by_tenant_.end() ? 0 : found->second;
}

void Books::arrived(Instant now, const scheduler::TaskRecord& task, std::optional<Lane> surely) {
  TaskView& view = tasks_[task.id];
  view.task = task;
  view.order = ++arrivals_;
  view.waits_since = now;
  view.surely = surely;
  wait(view);
}

void Books::raised(TaskId id, Instant deadline) {
  TaskView& view = tasks_.at(id);
  stop_waiting(view);
  if (view.surely != Lane::urgent) {
    view.has_order = view.has_order && view.surely.has_value();
    view.order = ++arrivals_;
  }
  view.surely = Lane::urgent;
  view.task.deadline = deadline;
  wait(view);
}

void Books::refused(TaskId id) {
  stop_waiting(tasks_.at(id));
  tasks_.erase(id);
}

void Books::joined(Instant now, const scheduler::WorkerJoined& event) {
  const bool is_new = !workers_.contains(event.worker);
  WorkerView& worker = workers_[event.worker];
  worker.id = event.worker;
  if (is_new || worker.slots == 0) worker.idle_since = now;
  worker.slots = event.slots;
  worker.urgent_slots = event.urgent_slots;
  worker.tile = event.tile;
}

std::vector<TaskId> Books::left(Instant now, WorkerId id) {
  std::vector<TaskId> back;
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return back;
  for (const HeldView& batch : worker->second.held)
    for (const TaskId task : batch.tasks) {
      TaskView& view = tasks_.at(task);
      view.waits_since = now;
      wait(view);
      back.push_back(task);
    }
  workers_.erase(worker);
  return back;
}

void Books::launched(Instant now, const scheduler::Launch& launch) {
  bool patient = false;
  for (const TaskId id : launch.tasks) {
    TaskView& view = tasks_.at(id);
    patient = patient || view.patient();
    KindView& kind = kinds_[launch.kind];
    const TenantId tenant = view.task.account.tenant;
    if (view.patient())
      kind.passed_units.erase(tenant);
    else if (view.surely == Lane::ordinary && kind.patient_of.contains(tenant))
      kind.passed_units[tenant] += view.task.units;
    stop_waiting(view);
    ++view.launches;
  }
  KindView& kind = kinds_[launch.kind];
  if (launch.entry == Entry::in_turn) kind.last_launch = now;
  if (patient) kind.patient_passed_since = kind.patient.empty() ? never : now;
  workers_.at(launch.worker).held.push_back({launch.batch, launch.tasks, launch.entry});
}

std::optional<std::vector<TaskView>> Books::finished(Instant now,
                                                     const scheduler::BatchFinished& event) {
  const auto worker = workers_.find(event.worker);
  if (worker == workers_.end()) return std::nullopt;
  auto& held = worker->second.held;
  const auto done = std::find_if(held.begin(), held.end(),
                                 [&](const HeldView& batch) { return batch.batch == event.batch; });
  if (done == held.end()) return std::nullopt;
  std::vector<TaskView> tasks;
  for (const TaskId id : done->tasks) {
    tasks.push_back(tasks_.at(id));
    tasks_.erase(id);
  }
  held.erase(done);
  if (held.empty()) worker->second.idle_since = now;
  return tasks;
}

void Books::wait(TaskView& view) {
  KindView& kind = kinds_[view.task.kind];
  ++kind.waiting;
  kind.since.insert(view.waits_since);
  if (!view.patient()) {
    by_deadline_.insert(view.rank());
    ++kind.with_deadline;
  }
  if (view.surely) ++surely_[static_cast<std::size_t>(*view.surely)];
  if (view.surely == Lane::urgent && view.has_order) kind.urgent.insert(view.rank());
  if (view.surely == Lane::ordinary && !view.patient())
    kind.hurried[view.task.account.tenant].insert(view.rank());
  if (view.surely == Lane::ordinary && view.patient()) {
    if (kind.patient.empty()) kind.patient_passed_since = view.waits_since;
    kind.patient[view.task.account].insert(view.order);
    ++kind.patient_of[view.task.account.tenant];
  }
  view.waiting = true;
  ++waiting_;
  ++by_tenant_[view.task.account.tenant];
}

void Books::stop_waiting(TaskView& view) {
  KindView& kind = kinds_.at(view.task.kind);
  --kind.waiting;
  kind.since.erase(kind.since.find(view.waits_since));
  if (!view.patient()) {
    by_deadline_.erase(view.rank());
    --kind.with_deadline;
  }
  if (view.surely) --surely_[static_cast<std::size_t>(*view.surely)];
  kind.urgent.erase(view.rank());
  if (view.surely == Lane::ordinary && !view.patient())
    kind.hurried[view.task.account.tenant].erase(view.rank());
  if (view.surely == Lane::ordinary && view.patient()) {
    const auto queue = kind.patient.find(view.task.account);
    queue->second.erase(view.order);
    if (queue->second.empty()) kind.patient.erase(queue);
    const auto own = kind.patient_of.find(view.task.account.tenant);
    if (--own->second == 0) {
      kind.passed_units.erase(own->first);
      kind.patient_of.erase(own);
    }
    if (kind.patient.empty()) kind.patient_passed_since = never;
  }
  view.waiting = false;
  --waiting_;
  const auto tenant = by_tenant_.find(view.task.account.tenant);
  if (--tenant->second == 0) by_tenant_.erase(tenant);
}

}  // namespace troupe::sim
