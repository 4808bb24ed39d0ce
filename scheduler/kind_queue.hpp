// The tasks of one kind that wait: the urgent ones, and the ordinary ones of every tenant.
//
// Which go first? Urgent tasks by deadline; those that are due at the same time, or never, take
// turns by start-time fair queuing over their tenants (Goyal, Vin and Cheng 1996), so that one
// tenant's many do not stand in the way of another's few. Of the ordinary ones, where not all fit
// into the batch, the tenant with the least counter (tenants.hpp); within a tenant those with a
// deadline, earliest first, but every eighth unit of work goes to those without one while they wait
// (fair_queue.hpp), so that neither starves the other.
//
// Not thread-safe; one scheduler owns it. O(log n) for each task.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "scheduler/fair_queue.hpp"
#include "scheduler/lazy_heap.hpp"
#include "scheduler/task_heap.hpp"
#include "scheduler/task_store.hpp"
#include "scheduler/tenants.hpp"

namespace troupe::scheduler {

class KindQueue {
 public:
  explicit KindQueue(const Kind& kind) : kind_(kind) {}

  [[nodiscard]] const Kind& kind() const noexcept { return kind_; }

  // --- the ordinary lane
  [[nodiscard]] std::size_t tasks() const noexcept { return tasks_; }
  [[nodiscard]] std::uint64_t units() const noexcept { return units_; }
  [[nodiscard]] double weight() const noexcept { return weight_; }
  // Of the ordinary tasks; `never` if none has one.
  [[nodiscard]] Instant first_deadline(const TaskStore& store) const noexcept;
  [[nodiscard]] Slot first_by_deadline() const noexcept { return by_deadline_.first(); }
  [[nodiscard]] bool has_deadlines() const noexcept { return by_deadline_.size() > 0; }
  // Since when tasks without a deadline wait and none of them was launched; `never` if none waits.
  [[nodiscard]] Instant patient_since() const noexcept {
    return tasks_ > by_deadline_.size() ? patient_since_ : never;
  }

  // --- the urgent lane: by deadline, then in turns of tenants
  [[nodiscard]] std::size_t urgent_tasks() const noexcept { return urgent_.size(); }
  [[nodiscard]] Slot first_urgent() const noexcept { return urgent_.first(); }
  [[nodiscard]] std::uint64_t urgent_units() const noexcept { return urgent_units_; }

  // By the entry's lane and deadline. `back`: it comes back from a lost worker.
  void push(Instant now, TaskStore& store, Tenants& tenants, Slot slot, bool back = false);
  void remove(TaskStore& store, Tenants& tenants, Slot slot);

  // Up to that many tasks and units into `batch`, urgent ones or ordinary ones, charged to their
  // tenants; a task over units_max goes only into an empty batch. `batch_units` is kept up to date.
  void take_urgent(TaskStore& store, Tenants& tenants, std::size_t tasks_max,
                   std::uint64_t units_max, std::vector<Slot>& batch, std::uint64_t& batch_units);
  void take(Instant now, TaskStore& store, Tenants& tenants, std::size_t tasks_max,
            std::uint64_t units_max, std::vector<Slot>& batch, std::uint64_t& batch_units);

 private:
  struct ByDeadline {
    static bool before(const TaskEntry& a, const TaskEntry& b) noexcept;
    static std::uint32_t& place(TaskEntry& entry) noexcept { return entry.kind_place; }
  };
  struct ByUrgency {
    static bool before(const TaskEntry& a, const TaskEntry& b) noexcept;
    static std::uint32_t& place(TaskEntry& entry) noexcept { return entry.kind_place; }
  };
  struct ByTenantDeadline {
    static bool before(const TaskEntry& a, const TaskEntry& b) noexcept {
      return ByDeadline::before(a, b);
    }
    static std::uint32_t& place(TaskEntry& entry) noexcept { return entry.tenant_place; }
  };
  struct Share {  // what waits of one tenant
    std::uint32_t tenant = 0;
    TaskHeap<TaskEntry, ByTenantDeadline> by_deadline;
    FairQueue patient;
    double patient_ns = 0;  // given to either since both waited, the patient counted eightfold
    double deadline_ns = 0;
    bool listed = false;  // in the order of tenants
    [[nodiscard]] bool empty() const noexcept { return by_deadline.size() == 0 && patient.empty(); }
  };

  void take_turn(TaskEntry& entry);
  Share& share_of(const Tenants& tenants, std::uint32_t tenant);
  Slot next_of(Share& share, TaskStore& store);
  void leave(TaskStore& store, Tenants& tenants, Slot slot);

  Kind kind_;
  std::size_t tasks_ = 0;
  std::uint64_t units_ = 0;
  double weight_ = 0;
  Instant patient_since_ = never;
  TaskHeap<TaskEntry, ByDeadline> by_deadline_;
  TaskHeap<TaskEntry, ByUrgency> urgent_;
  std::uint64_t urgent_units_ = 0;
  std::vector<double> turns_;  // of each tenant's next urgent task at the earliest, in units
  double turn_now_ = 0;
  std::vector<std::unique_ptr<Share>>
      shares_;      // by the tenant's place; null: never wanted this kind
  LazyHeap order_;  // of tenants with something here
};

}  // namespace troupe::scheduler
