// Drives the scheduler in a test the way an actor would, with a clock that the test sets, and reads
// its decisions in short form: "3,1@0" is a launch of tasks 3 and 1 on worker 0, "3>0" one inside
// its running batch, "4!expired" a refusal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "scheduler/scheduler.hpp"

namespace troupe::scheduler {

inline Instant at_us(std::int64_t microseconds) {
  return Instant{} + std::chrono::microseconds(microseconds);
}

// What the scheduler says when it decides nothing.
inline constexpr std::string_view nothing;

// A task's wishes, with names at the call: {.units = 8, .deadline_us = 500}.
struct Wish {
  std::uint32_t units = 1;
  std::int64_t deadline_us = -1;  // none
  std::uint32_t model = 0;
  std::uint32_t tenant = 0;
  std::uint32_t workflow = 0;
  std::uint64_t agent = 0;
  std::optional<Lane> lane = std::nullopt;
};

struct Machine {
  std::uint32_t slots = 1;
  std::int64_t fixed_us = 1000;
  std::int64_t per_unit_us = 100;
  std::int64_t tile_us = 0;
};

class Probe {
 public:
  explicit Probe(const SchedulerOptions& options = {}) : scheduler(options) {}

  std::string join(std::uint32_t worker, Machine machine = {}) {
    using std::chrono::microseconds;
    return handle(WorkerJoined{WorkerId{worker}, machine.slots, microseconds(machine.fixed_us),
                               microseconds(machine.per_unit_us), microseconds(machine.tile_us),
                               1});
  }
  std::string leave(std::uint32_t worker) { return handle(WorkerLeft{WorkerId{worker}}); }

  std::string submit(std::uint64_t task, Wish wish = {}) {
    TaskRecord record;
    record.id = TaskId{1, task};
    record.kind.model = ModelId{wish.model};
    record.account = {TenantId{wish.tenant}, wish.workflow, wish.agent};
    record.units = wish.units;
    record.lane = wish.lane;
    record.submitted = now;
    if (wish.deadline_us >= 0) record.deadline = at_us(wish.deadline_us);
    return handle(TaskSubmitted{record});
  }
  std::string cancel(std::uint64_t task) { return handle(TaskCanceled{TaskId{1, task}}); }
  std::string raise(std::uint64_t task, std::int64_t deadline_us) {
    return handle(TaskRaised{TaskId{1, task}, at_us(deadline_us)});
  }
  // The batch that was launched as the n-th of the test, from 0.
  std::string finish(std::size_t batch, std::int64_t busy_us = 0) {
    return handle(BatchFinished{launches.at(batch).worker, launches.at(batch).batch,
                                std::chrono::microseconds(busy_us)});
  }

  // Lets time pass until then, waking the scheduler whenever it wishes.
  std::string pass_to(std::int64_t microseconds) {
    std::string said;
    for (int wakes = 0; wakes < 10'000; ++wakes) {
      const auto next = scheduler.next_wakeup();
      if (!next || *next > at_us(microseconds)) break;
      now = std::max(now, *next);
      actions.clear();
      scheduler.advance(now, actions);
      said += (said.empty() || actions.empty() ? "" : " ") + in_words();
    }
    now = at_us(microseconds);
    return said;
  }

  // The same with worker 0 at work: it runs its batches one after the other as predicted and
  // reports each when it ends.
  void run_to(std::int64_t microseconds) {
    for (;;) {
      const Instant ends =
          running < launches.size() ? later(began, launches[running].predicted) : never;
      const auto wakes = scheduler.next_wakeup();
      const Instant next = std::min(ends, wakes.value_or(never));
      if (next > at_us(microseconds)) break;
      now = std::max(now, next);
      if (ends <= next) {
        began = now;
        ++running;
        const Launch& done = launches[running - 1];
        finished += done.tasks.size();
        handle(BatchFinished{done.worker, done.batch, done.predicted});
      } else {
        actions.clear();
        scheduler.advance(now, actions);
        in_words();
      }
    }
    now = at_us(microseconds);
  }

  std::string handle(const Event& event) {
    actions.clear();
    scheduler.handle(now, event, actions);
    return in_words();
  }

  Instant now = at_us(0);
  Scheduler scheduler;
  Actions actions;
  std::vector<Launch> launches;
  std::vector<Refuse> refusals;
  std::size_t running = 0;   // of run_to(): the batch that runs, by its place in launches
  std::size_t finished = 0;  // tasks
  Instant began;

 private:
  std::string in_words() {
    std::string words;
    for (const auto& action : actions) {
      if (!words.empty()) words += ' ';
      if (const auto* launch = std::get_if<Launch>(&action)) {
        if (running == launches.size()) began = now;
        launches.push_back(*launch);
        for (std::size_t i = 0; i < launch->tasks.size(); ++i)
          words += (i == 0 ? "" : ",") + std::to_string(launch->tasks[i].low);
        words +=
            (launch->entry == Entry::inside ? ">" : "@") + std::to_string(launch->worker.value);
      } else {
        const auto& refuse = std::get<Refuse>(action);
        refusals.push_back(refuse);
        words += std::to_string(refuse.task.low) + "!" + std::string(name(refuse.reason));
      }
    }
    return words;
  }
};

}  // namespace troupe::scheduler
