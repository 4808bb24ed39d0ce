// What both lanes do alike: admission, expiry, cancellation, workers that come and go, and the
// bookkeeping of a launch. A lane adds the rule that says what is launched, where and when.
//
// Admission: a task whose deadline has passed is refused as expired; while queue_tasks_max tasks
// wait, a further one is refused as queue_full. Tasks of a lost worker wait again in any case, so
// that an accepted task is not lost; they may stand above the bound until they are launched.
//
// The order of decisions within one call is: tasks that expired, what the event asks for, launches.
//
// Not thread-safe; one lane owns it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/event.hpp"
#include "scheduler/task_queue.hpp"
#include "scheduler/worker_table.hpp"

namespace troupe::scheduler {

struct LaneLimits {
  Lane lane = Lane::ordinary;
  std::uint32_t tasks_max = 1;  // per batch; zero counts as one
  std::uint32_t units_max = 1;  // per batch; a single larger task goes alone
  std::uint32_t queue_tasks_max = 0;
  std::uint32_t attempts_max = 0;
  Duration launch_delay_max{};  // how long tasks may wait although a worker has room
};

class LaneCore {
 public:
  explicit LaneCore(const LaneLimits& limits) : limits_(limits) {}

  // Refuses what expired, then does what the event asks for, except launching.
  void handle(Instant now, const Event& event, Actions& out);
  void expire(Instant now, Actions& out);

  // The next batch of a queue that is not empty: tasks that are on no worker yet. Must be followed
  // by launch().
  struct Batch {
    Kind kind;
    std::vector<Slot> tasks;
    std::uint64_t units = 0;
  };
  Batch take(KindQueue& queue);
  void launch(Instant now, Batch batch, Worker& worker, Actions& out);

  // When the first waiting task expires; `never` if none does.
  [[nodiscard]] Instant first_deadline() const noexcept;

  [[nodiscard]] TaskQueue& tasks() noexcept { return tasks_; }
  [[nodiscard]] const TaskQueue& tasks() const noexcept { return tasks_; }
  [[nodiscard]] WorkerTable& workers() noexcept { return workers_; }
  [[nodiscard]] const WorkerTable& workers() const noexcept { return workers_; }
  [[nodiscard]] const LaneLimits& limits() const noexcept { return limits_; }

 private:
  void on(Instant now, const TaskSubmitted& event, Actions& out);
  void on(Instant now, const TaskCanceled& event, Actions& out);
  void on(Instant now, const WorkerJoined& event, Actions& out);
  void on(Instant now, const WorkerLeft& event, Actions& out);
  void on(Instant now, const BatchFinished& event, Actions& out);

  void refuse(Slot slot, ErrorCode reason, Actions& out);
  [[nodiscard]] Duration retry_after(Instant now) const noexcept;

  LaneLimits limits_;
  TaskQueue tasks_;
  WorkerTable workers_;
  std::uint64_t batches_ = 0;
};

}  // namespace troupe::scheduler
