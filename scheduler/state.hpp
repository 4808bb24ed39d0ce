// What the scheduler knows, and its parts. For scheduler/*.cpp only; the room's door is
// scheduler.hpp.
//
//   scheduler.cpp  events in: tasks, workers, reports; what expires; when to wake up
//   admission.cpp  whether a task is taken, and into which lane
//   urgent.cpp     the ladder: the cheapest way to run urgent work that still meets its deadline
//   ordinary.cpp   which batch goes to which worker, and when
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "scheduler/calendar.hpp"
#include "scheduler/headroom.hpp"
#include "scheduler/kind_queue.hpp"
#include "scheduler/returns.hpp"
#include "scheduler/scheduler.hpp"
#include "scheduler/slack.hpp"
#include "scheduler/tenants.hpp"
#include "scheduler/workers.hpp"

namespace troupe::scheduler {

// One kind of task: what waits, how it comes, what its batches cost.
struct KindState {
  explicit KindState(const Kind& kind) : queue(kind) {}

  // What a task takes of a device by itself beyond its part of a full batch.
  [[nodiscard]] double wasted_alone_ns() const noexcept {
    return std::max(static_cast<double>(single.count()) - units_per_task * work_per_unit_ns, 1.0);
  }

  KindQueue queue;
  Rate arrivals;  // ordinary tasks
  Returns returns;
  std::uint64_t tasks_seen = 0;
  double units_per_task = 1;     // smoothed
  std::uint64_t units_best = 1;  // of a batch: more would save hardly anything and make all wait
  double work_per_unit_ns = 1;   // device time of a unit in a full batch, over all workers
  Duration full{1};              // of a full batch, on the fastest worker
  Duration single{1};            // of a task alone, on the fastest worker
  double cycle_ns = 0;           // of a batch in turn, as they have been lately
  Instant waiting_since;         // no ordinary task here waits longer
  bool costs_stale = true;
  bool stands_back = false;  // while urgent work is settled
};

// How long the first task of a batch may wait for it to be full when there is too much to do, in
// full batches.
inline constexpr int overload_batches = 4;

struct Scheduler::State {
  explicit State(const SchedulerOptions& given);

  SchedulerOptions options;
  TaskStore store;
  Tenants tenants;
  std::vector<std::unique_ptr<KindState>> kinds;
  WorkerTable workers;
  Calendar calendar;
  Headroom headroom;
  Slack slack;

  Instant latest;               // no event was later
  Instant next_expiry = never;  // no deadline of a waiting task is earlier
  Instant next_due = never;     // some launch may be due
  std::size_t urgent_waiting = 0;
  double urgent_work_ns = 0;  // of those
  std::size_t ordinary_waiting = 0;
  double ordinary_work_ns = 0;  // of those
  std::uint64_t batches = 0;
  double caution = 0;     // full batches of slack that a promise needs, so that few are broken
  bool busy = false;      // nearly as much is asked for as full batches could do
  bool overload = false;  // as much, or more

  // --- scheduler.cpp
  Instant clamp(Instant now) noexcept;
  KindState& kind_of(const Kind& kind);
  void refresh_costs(KindState& kind);
  void expire(Instant now, Actions& out);
  void settle(Instant now, Actions& out);
  void on(Instant now, const TaskSubmitted& event, Actions& out);
  void on(Instant now, const TaskCanceled& event, Actions& out);
  void on(Instant now, const TaskRaised& event, Actions& out);
  void on(Instant now, const WorkerJoined& event, Actions& out);
  void on(Instant now, const CostGuessed& event, Actions& out);
  void on(Instant now, const WorkerLeft& event, Actions& out);
  void on(Instant now, const BatchFinished& event, Actions& out);
  void on(Instant now, const OptionsChanged& event, Actions& out);
  void wait(Instant now, KindState& kind, Slot slot, bool back = false);
  void leave_queue(Slot slot);
  void make_urgent(Instant now, KindState& kind, Slot slot, Instant deadline);
  void refuse(Slot slot, ErrorCode reason, Actions& out);
  void launch(Instant now, Worker& worker, KindState& kind, std::vector<Slot> tasks,
              std::uint64_t units, Entry entry, LaunchReason reason, Actions& out);
  [[nodiscard]] double devices() const noexcept;
  [[nodiscard]] std::size_t tasks_max() const noexcept;
  [[nodiscard]] std::uint64_t units_max() const noexcept;

  // --- admission.cpp
  [[nodiscard]] Lane lane_for(Instant now, const TaskRecord& task, KindState& kind,
                              std::uint32_t tenant);
  [[nodiscard]] Instant soonest_end(Instant now, const TaskRecord& task, Lane lane);
  [[nodiscard]] std::optional<Refuse> objection(Instant now, const TaskRecord& task,
                                                KindState& kind, Lane lane, std::uint32_t tenant);
  [[nodiscard]] Duration lacking(Instant now, const TaskRecord& task, KindState& kind, Lane lane);
  [[nodiscard]] bool is_busy(Instant now) noexcept;
  [[nodiscard]] bool is_overloaded(Instant now) noexcept;
  [[nodiscard]] Instant full_batch_end(Instant now, const KindState& kind);
  [[nodiscard]] Duration place_free_in(Instant now) const noexcept;

  void promise_broken() noexcept;
  void promise_kept() noexcept;

  // --- urgent.cpp
  struct Choices {
    Worker* open = nullptr;     // takes a batch in turn now, and would end it first
    Worker* entered = nullptr;  // can be entered now, and would end it first
    bool ride_in_time = false;  // the next batch of its kind ends well before its deadline
  };
  [[nodiscard]] Choices choices(Instant now, KindState& kind, const TaskRecord& task);
  void settle_urgent(Instant now, Actions& out);
  bool launch_urgent(Instant now, KindState& kind, Actions& out);
  [[nodiscard]] std::size_t companions(Instant now, KindState& kind, Worker& worker);
  void escalate(Instant now);

  // --- ordinary.cpp
  void settle_ordinary(Instant now, Actions& out);
  struct Due {
    Instant at = never;  // when to launch if nothing changes
    LaunchReason reason = LaunchReason::enough;
    Instant rank = never;  // of those due, the least goes first: the latest start that is in time
  };
  [[nodiscard]] Due due(Instant now, KindState& kind, Worker& worker);
  [[nodiscard]] Instant waited_enough(Instant now, const KindState& kind, Worker& worker);
  void launch_ordinary(Instant now, KindState& kind, Worker& worker, LaunchReason reason,
                       Actions& out);
  [[nodiscard]] std::uint64_t units_in_time(Instant now, KindState& kind, Worker& worker,
                                            std::uint64_t units) const;
  void drop_hopeless(Instant now, KindState& kind, Worker& worker, std::uint64_t units,
                     Actions& out);
};

}  // namespace troupe::scheduler
