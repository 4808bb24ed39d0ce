// What the scheduler is told, and what it answers: the whole of its surface.
//
// Both lanes (fast_lane.hpp, batcher.hpp) have the same three methods:
//
//   void handle(Instant now, const Event& event, Actions& out);  // something happened
//   void advance(Instant now, Actions& out);                     // time passed
//   std::optional<Instant> next_wakeup() const;                  // call advance() no later than
//   this
//
// They append the decisions that follow to `out`. They have no thread, clock, lock or log: an actor
// stamps the time and carries the decisions out, the simulator (tests/sim) does the same on a
// virtual clock. `now` never goes back between two calls.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/error.hpp"
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

// A device that takes batches from this lane. If it is here already, its slots and cost are
// replaced and what it holds stays; one that has restarted is reported with WorkerLeft first.
struct WorkerJoined {
  WorkerId worker;
  std::uint32_t slots = 1;  // batches it takes at a time, the running one included
  Duration cost_fixed{};    // first guess of what a batch takes: cost_fixed + cost_per_unit * units
  Duration cost_per_unit{};
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
};

using Event = std::variant<TaskSubmitted, TaskCanceled, WorkerJoined, WorkerLeft, BatchFinished>;

// --- decisions ----------------------------------------------------------------------------------

// Run these tasks, all of one kind, as one batch on that worker.
struct Launch {
  WorkerId worker;
  BatchId batch;
  Kind kind;
  std::vector<TaskId> tasks;
};

// This task will not run: queue_full, expired, canceled or unreachable.
struct Refuse {
  TaskId task;
  ErrorCode reason = ErrorCode::internal;
  Duration retry_after{};  // for queue_full: when a place is likely to be free
};

using Action = std::variant<Launch, Refuse>;
using Actions = std::vector<Action>;

}  // namespace troupe::scheduler
