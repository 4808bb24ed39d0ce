// The workers that take batches from one lane: what each holds, and when it should be done with it.
//
// A worker runs what it holds one batch after the other. It should be free once each of them has
// taken its cost, counted from the last time that it began to work: the launch onto an idle worker,
// or the report that a batch has finished. A worker that is slower than its cost stays expected at
// an instant that has passed.
//
// Not thread-safe; one lane owns it. Workers are few (limits::workers_per_node_max), so every
// search is a walk over a vector in order of joining.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "scheduler/event.hpp"
#include "scheduler/task_queue.hpp"

namespace troupe::scheduler {

struct HeldBatch {
  BatchId id;
  std::vector<Slot> tasks;
  Duration cost{};  // predicted
  Instant ends;     // predicted
};

struct Worker {
  WorkerId id;
  std::uint32_t slots = 0;  // zero takes nothing
  Duration cost_fixed{};
  Duration cost_per_unit{};
  std::vector<HeldBatch> held;  // in order of launch

  [[nodiscard]] bool idle() const noexcept { return held.empty(); }
  [[nodiscard]] bool has_room() const noexcept { return held.size() < slots; }
  // What a batch of that size takes; never negative, and the longest duration rather than overflow.
  [[nodiscard]] Duration cost(std::uint64_t units) const noexcept;
  // When it should be done with all it holds, not before `now`.
  [[nodiscard]] Instant free_at(Instant now) const noexcept;
};

class WorkerTable {
 public:
  // A worker that is here already gets the new slots and cost; what it holds stays.
  void join(const WorkerJoined& event);
  // The batches it held; nothing for a worker that is not here.
  std::vector<HeldBatch> leave(WorkerId id);
  // `worker` is one of workers() and has room.
  void launch(Instant now, Worker& worker, BatchId batch, std::vector<Slot> tasks,
              std::uint64_t units);
  // The tasks of that batch; nothing if that worker does not hold it (any more).
  std::optional<std::vector<Slot>> finish(Instant now, WorkerId id, BatchId batch);

  [[nodiscard]] std::span<Worker> workers() noexcept { return workers_; }
  [[nodiscard]] std::span<const Worker> workers() const noexcept { return workers_; }

 private:
  std::vector<Worker> workers_;
};

}  // namespace troupe::scheduler
