// Every task that has no outcome yet: those that wait and those on workers, which must be
// remembered in case the worker is lost. A task keeps its slot, an index, until it is forgotten;
// the queues hold slots.
//
// Not thread-safe; one scheduler owns it. It grows with the tasks it is given: admission bounds
// them. Nothing is allocated per task once the vectors have grown to the load.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <unordered_map>
#include <vector>

#include "scheduler/task.hpp"

namespace troupe::scheduler {

using Slot = std::uint32_t;
inline constexpr Slot no_slot = ~Slot{0};

struct TaskEntry {
  TaskRecord task;
  Instant arrived;             // at the scheduler, the first time
  std::uint64_t sequence = 0;  // of arrival
  double work_ns = 0;          // what admission and accounts count it for
  double urgent_turn = -1;     // among urgent tasks of a kind and deadline; from when it is one
  std::uint32_t launches = 0;
  std::uint32_t tenant = 0;  // its place in the table of tenants
  Lane lane = Lane::ordinary;
  bool waiting = false;   // in a queue; else on a worker
  bool canceled = false;  // while on a worker: it must not be queued again
  // Kept by the queue that it waits in.
  std::uint32_t kind_place = 0;
  std::uint32_t tenant_place = 0;
  std::uint32_t group = 0;
  Slot next = no_slot;
  Slot previous = no_slot;
};

class TaskStore {
 public:
  [[nodiscard]] std::optional<Slot> find(TaskId id) const;
  [[nodiscard]] TaskEntry& operator[](Slot slot) noexcept { return entries_[slot]; }
  [[nodiscard]] const TaskEntry& operator[](Slot slot) const noexcept { return entries_[slot]; }
  [[nodiscard]] std::vector<TaskEntry>& entries() noexcept { return entries_; }

  // Its id is not known yet; zero units count as one.
  Slot add(Instant now, const TaskRecord& task);
  // It has its outcome, and waits nowhere.
  void forget(Slot slot);

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

 private:
  std::vector<TaskEntry> entries_;
  std::vector<Slot> free_;
  std::pmr::unsynchronized_pool_resource nodes_;  // the map's nodes are used again and again
  std::pmr::unordered_map<TaskId, Slot> slots_{&nodes_};
  std::uint64_t arrivals_ = 0;
};

}  // namespace troupe::scheduler
