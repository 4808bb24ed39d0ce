// What the trace of one lane implies: who waits, who is on which worker, what each worker should
// still have to do. Kept in the plainest containers, and from the events and decisions alone, so
// that it shares no mistake with the scheduler.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/event.hpp"

namespace troupe::sim {

// The order of launching within a kind.
struct Rank {
  Instant deadline;
  std::uint64_t order = 0;  // of arrival
  TaskId id;
  auto operator<=>(const Rank&) const = default;
};

struct TaskView {
  scheduler::TaskRecord task;
  Instant arrived;
  std::uint64_t order = 0;
  std::uint32_t launches = 0;
  bool waiting = false;
  bool canceled = false;
  [[nodiscard]] Rank rank() const { return {task.deadline, order, task.id}; }
};

struct KindView {
  std::set<Rank> ranked;
  std::map<std::uint64_t, Instant> arrivals;  // by order
  std::uint64_t units = 0;
};

struct HeldView {
  BatchId batch;
  std::vector<TaskId> tasks;
  Duration cost{};
  Instant ends;  // if it and all before it take their costs
};

struct WorkerView {
  WorkerId id;
  std::uint32_t slots = 0;
  Duration cost_fixed{};
  Duration cost_per_unit{};
  std::vector<HeldView> held;

  [[nodiscard]] bool has_room() const { return held.size() < slots; }
  [[nodiscard]] Duration cost(std::uint64_t units) const {
    return cost_fixed + cost_per_unit * static_cast<std::int64_t>(units);
  }
  [[nodiscard]] Instant free_at(Instant now) const {
    return held.empty() ? now : std::max(now, held.back().ends);
  }
};

class Books {
 public:
  using Kinds = std::map<scheduler::Kind, KindView>;

  [[nodiscard]] const TaskView* task(TaskId id) const;  // one without outcome, else null
  [[nodiscard]] const WorkerView* worker(WorkerId id) const;
  [[nodiscard]] const Kinds& kinds() const { return kinds_; }  // none is empty
  [[nodiscard]] const std::map<WorkerId, WorkerView>& workers() const { return workers_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t on_workers() const { return tasks_.size() - waiting_; }

  void arrived(Instant now, const scheduler::TaskRecord& task);
  void canceled(TaskId id) { tasks_.at(id).canceled = true; }
  void refused(TaskId id);  // one that waits
  void joined(const scheduler::WorkerJoined& event);
  std::vector<TaskId> left(WorkerId id);  // all its tasks wait again
  void launched(Instant now, const scheduler::Launch& launch);
  // Whether that worker held the batch.
  bool finished(Instant now, const scheduler::BatchFinished& event);

 private:
  void wait(TaskView& view);
  void stop_waiting(TaskView& view);

  std::unordered_map<TaskId, TaskView> tasks_;
  Kinds kinds_;
  std::map<WorkerId, WorkerView> workers_;
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace troupe::sim
