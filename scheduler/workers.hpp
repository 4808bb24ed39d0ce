// The workers: what each holds, what it should still have to do, and what batches cost on it.
//
// A worker runs the batches that it takes in turn one after the other; those inside pause the
// running one. It should be free once each has taken its predicted cost, counted from the last time
// that it began to work. A worker that is slower than predicted stays expected at an instant that
// has passed.
//
// Not thread-safe; one scheduler owns it. Workers are few (limits::workers_per_node_max), so every
// search is a walk over a vector in order of joining.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "scheduler/cost_model.hpp"
#include "scheduler/event.hpp"
#include "scheduler/task_store.hpp"

namespace troupe::scheduler {

struct HeldBatch {
  BatchId id;
  Kind kind;
  std::vector<Slot> tasks;
  std::uint64_t units = 0;
  Entry entry = Entry::in_turn;
  Duration predicted{};
  Instant launched;
  Instant ends;  // predicted; in turn only
};

struct Worker {
  WorkerId id;
  std::uint32_t slots = 0;  // zero takes nothing
  std::uint32_t urgent_slots = 1;
  Duration tile{};
  Duration guess_fixed{};
  Duration guess_per_unit{};
  std::map<Kind, CostModel> costs;
  std::vector<HeldBatch> in_turn;  // in order of launch
  std::vector<HeldBatch> inside;
  Instant free_since;  // when it last had nothing in turn

  [[nodiscard]] bool idle() const noexcept { return in_turn.empty(); }
  [[nodiscard]] bool enterable() const noexcept { return tile > Duration::zero(); }
  CostModel& cost(const Kind& kind);
  // When it should be done with all it holds, not before `now`.
  [[nodiscard]] Instant free_at(Instant now) const noexcept;
  // When a batch inside would begin, where it can be entered.
  [[nodiscard]] Instant enters_at(Instant now) const noexcept;
  // From when on it takes a next batch in turn: at once while it has none; where it takes two, just
  // before the running one should end, so that it never waits for us; else when one ends (`never`).
  [[nodiscard]] Instant opens() const noexcept;
};

class WorkerTable {
 public:
  // A worker that is here already keeps what it holds and what is known of its costs.
  void join(Instant now, const WorkerJoined& event);
  void guess(const CostGuessed& event);
  // The batches it held; nothing for a worker that is not here.
  std::vector<HeldBatch> leave(WorkerId id);
  void launch(Instant now, Worker& worker, HeldBatch batch);
  // That batch, and its cost learned; nothing if that worker does not hold it (any more).
  std::optional<HeldBatch> finish(Instant now, const BatchFinished& event);

  [[nodiscard]] bool any_enterable() const noexcept;
  [[nodiscard]] std::span<Worker> workers() noexcept { return workers_; }
  [[nodiscard]] std::span<const Worker> workers() const noexcept { return workers_; }

 private:
  Worker* find(WorkerId id) noexcept;

  std::vector<Worker> workers_;
};

}  // namespace troupe::scheduler
