// The tasks of one lane: those that wait, in one queue per kind, and those on workers, which must
// be remembered in case the worker is lost.
//
// Within a kind the earliest deadline goes first, ties in order of arrival. A task that comes back
// from a lost worker keeps its arrival and its deadline, and so its place. Every operation on a
// task is O(log n); nothing is allocated per task once the vectors have grown to the load.
//
// Not thread-safe; one lane owns it. It grows with the tasks it is given: the lane bounds them. A
// queue that is empty is used again for another kind, so that there are never more queues than
// kinds that waited at the same time (a few: the operations and models of a node).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "scheduler/task.hpp"
#include "scheduler/task_heap.hpp"

namespace troupe::scheduler {

// Where a known task is kept; valid until it is forgotten.
using Slot = std::uint32_t;

struct TaskEntry {
  TaskRecord task;
  Instant arrived;             // at the lane, the first time
  std::uint64_t sequence = 0;  // of arrival
  std::uint32_t launches = 0;
  bool waiting = false;   // in a queue; else on a worker
  bool canceled = false;  // while on a worker: it must not be queued again
  std::uint32_t deadline_place = 0;
  std::uint32_t arrival_place = 0;
};

// The tasks of one kind that wait.
class KindQueue {
 public:
  [[nodiscard]] const Kind& kind() const noexcept { return kind_; }
  [[nodiscard]] bool empty() const noexcept { return by_deadline_.size() == 0; }
  [[nodiscard]] std::size_t tasks() const noexcept { return by_deadline_.size(); }
  [[nodiscard]] std::uint64_t units() const noexcept { return units_; }
  [[nodiscard]] Slot head() const noexcept { return by_deadline_.first(); }   // earliest deadline
  [[nodiscard]] Slot oldest() const noexcept { return by_arrival_.first(); }  // first to arrive

 private:
  friend class TaskQueue;

  struct ByDeadline {
    static bool before(const TaskEntry& a, const TaskEntry& b) noexcept;
    static std::uint32_t& place(TaskEntry& entry) noexcept { return entry.deadline_place; }
  };
  struct ByArrival {
    static bool before(const TaskEntry& a, const TaskEntry& b) noexcept;
    static std::uint32_t& place(TaskEntry& entry) noexcept { return entry.arrival_place; }
  };

  Kind kind_;
  std::uint64_t units_ = 0;
  TaskHeap<TaskEntry, ByDeadline> by_deadline_;
  TaskHeap<TaskEntry, ByArrival> by_arrival_;
};

class TaskQueue {
 public:
  [[nodiscard]] std::optional<Slot> find(TaskId id) const;
  [[nodiscard]] TaskEntry& operator[](Slot slot) noexcept { return entries_[slot]; }
  [[nodiscard]] const TaskEntry& operator[](Slot slot) const noexcept { return entries_[slot]; }

  // A new task waits. Its id is not known yet; zero units count as one.
  void add(Instant now, const TaskRecord& task);
  // A known task that waits no longer: it goes to a worker, or is forgotten next.
  void remove(Slot slot);
  // A known task waits again, where it would stand had it never left.
  void put_back(Slot slot);
  // The task has its outcome; it does not wait.
  void forget(Slot slot);

  // One batch from the front of a queue that is not empty: at most `tasks_max` tasks of together at
  // most `units_max` units, but always one.
  std::vector<Slot> take(KindQueue& queue, std::size_t tasks_max, std::uint64_t units_max);

  [[nodiscard]] std::span<KindQueue> queues() noexcept { return queues_; }
  [[nodiscard]] std::span<const KindQueue> queues() const noexcept { return queues_; }

  // Whether the head of `a` goes before the head of `b`; neither is empty.
  [[nodiscard]] bool before(const KindQueue& a, const KindQueue& b) const noexcept;

  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t on_workers() const noexcept { return slots_.size() - waiting_; }

 private:
  KindQueue& queue_of(const Kind& kind);
  void insert(Slot slot);

  std::vector<TaskEntry> entries_;
  std::vector<Slot> free_;
  std::vector<KindQueue> queues_;
  std::pmr::unsynchronized_pool_resource nodes_;  // the map's nodes are used again and again
  std::pmr::unordered_map<TaskId, Slot> slots_{&nodes_};
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace troupe::scheduler
