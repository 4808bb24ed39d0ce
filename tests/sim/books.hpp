// What the trace implies: who waits, who is on which device, who was given how much. Kept in the
// plainest containers, and from the events and decisions alone, so that it shares no mistake with
// the scheduler.
//
// The lane of a waiting task cannot be seen from outside; the books know where it must be: `surely`
// urgent or ordinary, or neither.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "scheduler/event.hpp"

namespace troupe::sim {

// The order of launching within a kind: the earliest deadline first, a tenant's ties as they came.
struct Rank {
  Instant deadline;
  std::uint64_t order = 0;  // of arrival in its lane
  TaskId id;
  auto operator<=>(const Rank&) const = default;
};

struct TaskView {
  scheduler::TaskRecord task;  // its deadline as it is now
  std::uint64_t order = 0;
  Instant waits_since;
  std::uint32_t launches = 0;
  bool waiting = false;
  bool canceled = false;
  std::optional<Lane> surely;
  bool has_order = true;  // else it may have become urgent at any time since it came
  [[nodiscard]] Rank rank() const { return {task.deadline, order, task.id}; }
  [[nodiscard]] bool patient() const { return task.deadline == never; }
};

// What waits of one kind.
struct KindView {
  std::size_t waiting = 0;
  std::multiset<Instant> since;
  std::set<Rank> urgent;                       // surely
  std::map<TenantId, std::set<Rank>> hurried;  // surely ordinary, with a deadline
  std::map<scheduler::Account, std::set<std::uint64_t>> patient;  // surely ordinary, without
  std::map<TenantId, std::size_t> patient_of;                     // how many of those, by tenant,
  std::map<TenantId, std::uint64_t> passed_units;  // and what was launched past them since the last
  std::size_t with_deadline = 0;
  Instant last_launch = Instant::min();  // in turn
  Instant patient_passed_since = never;  // surely ordinary ones without a deadline wait
};

struct HeldView {
  BatchId batch;
  std::vector<TaskId> tasks;
  Entry entry = Entry::in_turn;
};

struct WorkerView {
  WorkerId id;
  std::uint32_t slots = 0;
  std::uint32_t urgent_slots = 0;
  Duration tile{};
  std::vector<HeldView> held;
  Instant idle_since;
  [[nodiscard]] std::size_t holds(Entry entry) const {
    return static_cast<std::size_t>(std::count_if(
        held.begin(), held.end(), [entry](const HeldView& batch) { return batch.entry == entry; }));
  }
  [[nodiscard]] bool idle() const { return slots > 0 && held.empty(); }
};

class Books {
 public:
  [[nodiscard]] const TaskView* task(TaskId id) const;  // one without outcome, else null
  [[nodiscard]] const WorkerView* worker(WorkerId id) const;
  [[nodiscard]] const std::map<scheduler::Kind, KindView>& kinds() const { return kinds_; }
  [[nodiscard]] const std::map<WorkerId, WorkerView>& workers() const { return workers_; }
  [[nodiscard]] const std::set<Rank>& by_deadline() const { return by_deadline_; }  // that wait
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t waiting_of(TenantId tenant) const;
  [[nodiscard]] std::size_t waiting_surely(Lane lane) const {
    return surely_[static_cast<std::size_t>(lane)];
  }
  [[nodiscard]] const std::map<TenantId, std::size_t>& waiting_by_tenant() const {
    return by_tenant_;
  }
  [[nodiscard]] std::size_t on_workers() const { return tasks_.size() - waiting_; }

  void arrived(Instant now, const scheduler::TaskRecord& task, std::optional<Lane> surely);
  void canceled(TaskId id) { tasks_.at(id).canceled = true; }
  void raised(TaskId id, Instant deadline);  // one that waits
  void refused(TaskId id);                   // one that waits
  void joined(Instant now, const scheduler::WorkerJoined& event);
  std::vector<TaskId> left(Instant now, WorkerId id);  // all its tasks wait again
  void launched(Instant now, const scheduler::Launch& launch);
  // Whether that worker held the batch; its tasks, with their outcome.
  std::optional<std::vector<TaskView>> finished(Instant now, const scheduler::BatchFinished& event);

 private:
  void wait(TaskView& view);
  void stop_waiting(TaskView& view);

  std::unordered_map<TaskId, TaskView> tasks_;
  std::map<scheduler::Kind, KindView> kinds_;
  std::map<WorkerId, WorkerView> workers_;
  std::set<Rank> by_deadline_;
  std::map<TenantId, std::size_t> by_tenant_;
  std::size_t surely_[lane_count] = {};
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace troupe::sim
