// What the scheduler is told, and what it answers: the whole of its surface (policy.hpp).
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/launch.hpp"
#include "scheduler/options.hpp"
#include "scheduler/task.hpp"

namespace troupe::scheduler {

// --- events -------------------------------------------------------------------------------------

// Its id is new. While a task of that id waits or runs, a second one is a duplicate and is ignored:
// refusing it would give the first one's owner two outcomes.
struct TaskSubmitted {
  TaskRecord task;
};

// Whoever asked no longer wants it. A queued task is answered with Refuse{canceled}; one that was
// launched already finishes, and its outcome is dropped by whoever carries out (if its worker is
// lost, Refuse{canceled} follows). Unknown ids are ignored.
struct TaskCanceled {
  TaskId task;
};

// Somebody urgent waits for it: from now on it is urgent itself, and wanted by `deadline` if its
// own is later. What it was charged stays with its account. A task that runs, and an unknown id,
// are ignored.
struct TaskRaised {
  TaskId task;
  Instant deadline = never;
};

// A device that takes batches. If it is here already, what is said here replaces what was known and
// what it holds stays; one that has restarted is reported with WorkerLeft first.
struct WorkerJoined {
  WorkerId worker;
  std::uint32_t slots = 1;   // batches it takes in turn, the running one included
  Duration cost_fixed{};     // first guess of what a batch of any kind takes:
  Duration cost_per_unit{};  // cost_fixed + cost_per_unit * units
  Duration tile{};           // a running batch can be entered after this long; zero: it cannot
  std::uint32_t urgent_slots = 1;  // batches that may be inside at a time, where it can be entered
};

// A better first guess for one kind, until enough batches of it have been measured.
struct CostGuessed {
  WorkerId worker;
  Kind kind;
  Duration fixed{};
  Duration per_unit{};
};

// It is gone; the batches it held will not finish. Their tasks are queued again, with their order
// and deadline, until they have been launched `attempts_max` times, then refused as unreachable.
struct WorkerLeft {
  WorkerId worker;
};

// All tasks of that batch have their outcome. Reports of batches that are not (or no longer) known
// are ignored, so that a duplicate does no harm.
struct BatchFinished {
  WorkerId worker;
  BatchId batch;
  Duration busy{};  // of the device, without what it gave to batches inside; zero: not measured
};

// From now on. Tasks that wait keep their lanes; a lane that holds more than it may now takes none
// until it holds less.
struct OptionsChanged {
  SchedulerOptions options;
};

using Event = std::variant<TaskSubmitted, TaskCanceled, TaskRaised, WorkerJoined, CostGuessed,
                           WorkerLeft, BatchFinished, OptionsChanged>;

// --- decisions ----------------------------------------------------------------------------------

// Run these tasks, all of one kind, as one batch on that worker.
struct Launch {
  WorkerId worker;
  BatchId batch;
  Kind kind;
  std::vector<TaskId> tasks;
  Entry entry = Entry::in_turn;
  Lane lane = Lane::ordinary;  // urgent if any of its tasks is
  LaunchReason reason = LaunchReason::full;
  Duration predicted{};  // device time, without what it may give to batches inside
  Instant worker_free;   // since when the worker could have taken it; what tasks waited after this,
                         // they waited for company, and before it, for the device
};

// This task will not run: queue_full, expired, infeasible, canceled or unreachable.
struct Refuse {
  TaskId task;
  ErrorCode reason = ErrorCode::internal;
  Duration retry_after{};        // for queue_full and infeasible: when asking again makes sense
  Duration earliest_deadline{};  // for infeasible: from now, the nearest that could be met
};

using Action = std::variant<Launch, Refuse>;
using Actions = std::vector<Action>;

}  // namespace troupe::scheduler
