// The dispatcher: the one owner of a node's devices. It stamps the time, hands events to the policy
// (scheduler/policy.hpp), which decides for both lanes together, and carries its decisions out. The
// tasks' work and the way back to whoever asked wait here.
//
// A plain thread of its own, not a CAF actor: docs/decisions/0008-one-dispatcher.md has the
// figures. Others push into three inboxes (what devices report, urgent tasks, ordinary tasks) and
// wake it; it takes an inbox at a time, whole, and looks into the first two again after every few
// dozen ordinary tasks, so that nobody waits behind a thousand submits. Outcomes leave as one
// message for each destination (reply.hpp).
//
// Every task that submit() accepted has exactly one outcome, whatever the device does and however
// the node ends. Bounds: submit() counts what is held by lane and refuses over the limit.
//
// A device that says that it is gone (`unreachable`, for a whole batch), or that is stuck by
// scheduler/stall_watch.hpp, is lost: its tasks run again on another one, within the policy's
// attempts; without another one every task is answered as `unreachable`. A stuck device that does
// report all it held after all works again; what it reports then was answered already and is
// dropped.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "actors/busyness.hpp"
#include "actors/carried.hpp"
#include "actors/explanations.hpp"
#include "actors/inbox.hpp"
#include "actors/live_task.hpp"
#include "actors/queue_age.hpp"
#include "actors/stats.hpp"
#include "actors/wakeup.hpp"
#include "actors/worker_roll.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "kernels/device.hpp"
#include "scheduler/policy.hpp"
#include "scheduler/stall_watch.hpp"

namespace troupe::actors {

// The lane that a task asks for, by which it is admitted and counted while it has no outcome.
inline Lane asked_for(const scheduler::TaskRecord& task) {
  return task.lane.value_or(Lane::ordinary);
}
inline std::size_t index_of(Lane lane) {
  return static_cast<std::size_t>(lane);
}

struct Submission {
  scheduler::TaskRecord record;
  TaskId known_as;
  kernels::DeviceWork work;
  ReplyTo reply;
  std::shared_ptr<const TracedTask> traced{};  // null unless it belongs to a trace
};

// Sees every event and every passing of time (no event) with what was decided on it, in order. On
// the dispatcher's thread; must not block.
using Observe =
    std::function<void(Instant, const scheduler::Event*, const scheduler::Actions& decided)>;

struct DispatcherOptions {
  std::vector<std::shared_ptr<kernels::Device>> devices;  // by WorkerId
  std::uint32_t models = 0;                               // text encoders; ids count from 0
  std::array<std::uint32_t, lane_count> tasks_max{};      // admitted and not done, by lane
  Observe observe;                                        // may be empty
  scheduler::Patience patience{};                         // with a device that does not report
  std::uint32_t policies = 0;                             // their ids count from 0, too
  tracing::Tracer* tracer = nullptr;                      // outlives it; no spans without
};

class Dispatcher {
 public:
  // Starts the thread. `stats`, `explanations` and `log` outlive it.
  Dispatcher(DispatcherOptions options, std::unique_ptr<scheduler::Policy> policy, Stats& stats,
             Explanations& explanations, Log& log);
  ~Dispatcher();

  // The rest is thread-safe and never blocks for long.

  // Counted against the lane that it asks for, the ordinary one if none. Errors: queue_full,
  // draining; then nothing is sent to its reply.
  Status submit(Submission&& task);
  void cancel(TaskId task);
  void raise(TaskId task, Instant deadline);
  // Whether it carries the task, and in what state, after all that was submitted before; with
  // Looking::cancel it is canceled in the same moment. `found` is called once, soon, on its thread,
  // and must only post; on the caller's after stop(). What is not found had its outcome, and its
  // explanation is kept, or was never here.
  void look(TaskId task, Looking how, OnFound found);
  // The scheduler's switches and limits from now on, and how many tasks each lane may hold.
  void set_options(const scheduler::SchedulerOptions& options);
  // The devices hold that text encoder from now on, and can guess what it costs.
  void model_came(ModelId model);

  // As of its last round.
  [[nodiscard]] Busyness busyness(Instant now) const { return gauge_.read(now); }

  // Answers every task that it carries as draining, and ends the thread. The devices may finish
  // what they took, then or later: what they report is dropped. Idempotent; not from a reply.
  void stop();

  // After stop(): whether a device still owes batches that it was given up for. Its thread may
  // never end.
  [[nodiscard]] bool is_stuck(WorkerId worker) const { return roll_.owes(worker); }

 private:
  // What comes through a lane's inbox, in order: a cancel never passes its task.
  struct Order {
    enum class What { submit, cancel, raise, model_came, options } what = What::submit;
    Submission task;  // of the others only the id, the deadline or the model count
    std::unique_ptr<scheduler::SchedulerOptions> options{};
  };
  struct Look {
    TaskId task;
    Looking how = Looking::only;
    OnFound found;
    std::optional<LiveTask> live;
  };
  struct Report {
    WorkerId worker;
    kernels::BatchReport batch;
  };
  struct Flight {  // a batch on a device
    WorkerId worker;
    scheduler::Launch decision;
    Instant launched;
    std::vector<CarriedTasks::Slot> tasks;
  };

  struct Departure {  // what the statistics want to know of a launch
    WorkerId worker;
    scheduler::Kind kind;
    Lane lane = Lane::ordinary;
    std::uint32_t tasks = 0;
    LaunchReason reason = LaunchReason::none;
    Entry entry = Entry::in_turn;
  };

  struct Landing {  // the same of a batch that is done
    WorkerId worker;
    Duration busy{};
  };

  void run();
  void join_worker(WorkerId id);
  [[nodiscard]] Instant next_look() const;
  void give_up_stuck_workers(Instant at);
  enum class Loss { stuck, gone };
  void lose(Instant at, WorkerId worker, Loss how);
  void answer_all_as_unreachable(Instant at);
  void turn_away(Instant at, Submission&& task);
  void note_device(WorkerId worker, bool works);
  bool work_a_round();
  void follow(std::vector<Order>& orders, std::size_t& done, std::size_t tasks_max);
  void enter(Instant at, Submission&& task);
  void cancel_here(Instant at, TaskId task);
  void raise_here(Instant at, const scheduler::TaskRecord& wanted);
  void look_here(Instant at, Look& look);
  void answer_looks();
  void guess_cost(Instant at, WorkerId worker, ModelId model);
  void tell(Instant at, const scheduler::Event& event);
  void advance(Instant at);
  void carry_out(Instant at);
  void launch(Instant at, scheduler::Launch&& decision);
  void refuse(Instant at, const scheduler::Refuse& decision);
  void finish(Instant at, Report& report);
  void conclude(CarriedTasks::Slot slot, Result<Output> result, Explanation&& why);
  void send_out();
  // dispatcher_tracing.cpp
  void trace_batch(Instant at, const Flight& flight, const kernels::BatchReport& report);
  void record_spans(Instant at);
  void log_outcomes();
  void count(NodeStats& stats);
  void end();

  DispatcherOptions options_;
  std::unique_ptr<scheduler::Policy> policy_;
  Stats& stats_;
  Explanations& explanations_;
  Log& log_;

  // Shared with the other threads.
  struct alignas(64) Held {
    std::atomic<std::int64_t> tasks{0};
    std::atomic<std::int64_t> tasks_max{0};
  };
  std::array<Held, lane_count> held_;
  BusyGauge gauge_;
  std::array<Inbox<Order>, lane_count> orders_;
  Inbox<Look> looks_;
  struct Incoming {
    Inbox<Report> reports;
    Wakeup wakeup;
  };
  // Shared with the completions: a stuck device may report when the dispatcher is long gone.
  std::shared_ptr<Incoming> incoming_ = std::make_shared<Incoming>();
  std::atomic<bool> stopping_{false};

  // The thread's own.
  CarriedTasks carried_;
  WorkerRoll roll_;
  scheduler::StallWatch watch_;
  std::vector<Flight> flights_;
  std::vector<std::vector<CarriedTasks::Slot>> spare_;  // of flights that have landed
  std::vector<Report> taken_reports_;
  std::vector<Order> taken_urgent_;
  std::vector<Order> taken_ordinary_;
  std::size_t ordinary_done_ = 0;  // of taken_ordinary_
  std::vector<Look> taken_looks_;  // before the ordinary orders that stand in taken_ordinary_
  std::vector<Look> looked_;       // to be answered at the end of the round
  scheduler::Actions actions_;
  Outbox outbox_;
  std::vector<Explanation> explained_;
  std::vector<TracedOutcome> traced_;  // that are recorded, since the last send_out()
  Trace batch_span_;                   // of the batch whose tasks are being concluded
  std::vector<Departure> departures_;  // since the last send_out(), as the next three
  std::vector<Landing> landings_;
  std::array<std::uint64_t, lane_count> entered_{};
  std::array<std::uint64_t, lane_count> yields_{};
  std::array<std::uint64_t, lane_count> queued_{};
  std::array<QueueAge, lane_count> ages_;
  std::array<std::uint64_t, lane_count> launched_{};

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace troupe::actors
