// What a node counts about its lanes, models, tenants and workers, for `troupe status`, /metrics
// and the scenarios' reports. Written by the dispatcher, a batch at a time; read by whoever asks.
// One mutex, held for microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "base/limits.hpp"
#include "base/octave_histogram.hpp"
#include "base/task.hpp"
#include "scheduler/task.hpp"

namespace troupe::actors {

struct LaneStats {
  std::uint64_t accepted = 0;   // by the lane that was asked for; ordinary where none was
  std::uint64_t completed = 0;  // this and what follows by the lane that carried it
  std::map<ErrorCode, std::uint64_t> failed;
  std::uint64_t turned_away = 0;  // never accepted: the lane that was asked for was full
  std::uint64_t batches = 0;
  // How many batches had that many tasks.
  std::vector<std::uint64_t> batch_tasks =
      std::vector<std::uint64_t>(limits::tasks_per_batch_max + 1);
  std::uint64_t yields = 0;  // times a batch let urgent work in
  DurationHistogram queue;   // batch_wait included
  DurationHistogram batch_wait;
  DurationHistogram total;     // from admission to the result
  DurationHistogram slack;     // what was left of the time limit, of those done in time
  std::uint64_t late = 0;      // done, but after their deadline
  std::uint64_t queued = 0;    // now; by the lane that was asked for
  Instant oldest = never;      // when the one that waits longest was submitted; never: none waits
  std::uint64_t launched = 0;  // now, as queued
};

struct TenantStats {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t units = 0;  // of the completed ones: tokens, or thousands of memory rows
  OctaveHistogram total;    // likewise, from admission to the result
};

struct KindStats {  // of one operation with one model
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t units = 0;    // of the completed ones, as this and what follows
  Duration queue{};           // all of theirs together, batch_wait included
  Duration compute{};         // likewise
  OctaveHistogram total;      // from admission to the result
  std::uint64_t batches = 0;  // launched
};

struct WorkerStats {
  std::uint64_t batches = 0;  // launched
  std::uint64_t tasks = 0;    // in them
  Duration busy{};            // the device's time in those that are done
  bool lost = false;          // it is stuck or gone, and gets no more work
};

struct OfferCounts {  // of this node's tasks to nodes, itself among them
  std::uint64_t all = 0;
  std::uint64_t again = 0;       // of tasks that had been offered before
  std::uint64_t hedges = 0;      // to a second node, while the first still had the task
  std::uint64_t hedges_won = 0;  // where the second answered first
};

struct NodeStats {
  std::array<LaneStats, lane_count> lanes;
  std::vector<WorkerStats> workers;  // by WorkerId; those that had work
  std::vector<TenantStats> tenants;  // by TenantId, which Accounts bounds
  std::map<scheduler::Kind, KindStats> kinds;
  std::map<ErrorCode, std::uint64_t> refused;  // not accepted, those turned away among them
  std::array<std::uint64_t, launch_reasons> reasons{};  // of launches
  std::uint64_t inside = 0;                             // launches that entered a running batch

  [[nodiscard]] LaneStats& of(Lane lane) { return lanes[static_cast<std::size_t>(lane)]; }

  [[nodiscard]] WorkerStats& of(WorkerId worker) {
    if (workers.size() <= worker.value) workers.resize(worker.value + 1);
    return workers[worker.value];
  }

  // A task that has had its outcome.
  void note(const scheduler::TaskRecord& task, const Timing& timing, bool ok) {
    const std::uint32_t tenant = task.account.tenant.value;
    if (tenants.size() <= tenant) tenants.resize(tenant + 1);
    KindStats& kind = kinds[task.kind];
    if (!ok) {
      ++kind.failed;
      ++tenants[tenant].failed;
      return;
    }
    ++kind.completed;
    kind.units += task.units;
    kind.queue += timing.queue + timing.batch_wait;
    kind.compute += timing.compute;
    const Duration total = timing.queue + timing.batch_wait + timing.compute;
    kind.total.add(total);
    tenants[tenant].total.add(total);
    ++tenants[tenant].completed;
    tenants[tenant].units += task.units;
  }
};

class Stats {
 public:
  template <class Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(stats_);
  }

  [[nodiscard]] NodeStats read() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  NodeStats stats_;
};

}  // namespace troupe::actors
