// Drives one lane in a test the way an actor would, with a clock that the test sets, and reads its
// decisions in short form: "3,1@0" is a launch of tasks 3 and 1 on worker 0, "4!expired" a refusal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "scheduler/event.hpp"

namespace troupe::scheduler {

inline Instant at_us(std::int64_t microseconds) {
  return Instant{} + std::chrono::microseconds(microseconds);
}

// What a lane says when it decides nothing.
inline constexpr std::string_view nothing;

// A task's wishes, with names at the call: {.units = 8, .deadline_us = 500}.
struct Wish {
  std::uint32_t units = 1;
  std::int64_t deadline_us = -1;  // none
  std::uint32_t model = 0;
};

template <class LaneUnderTest>
class LaneProbe {
 public:
  template <class Options>
  explicit LaneProbe(const Options& options) : lane(options) {}

  std::string join(std::uint32_t worker, std::uint32_t slots = 1, std::int64_t fixed_us = 100,
                   std::int64_t per_unit_us = 10) {
    return handle(WorkerJoined{WorkerId{worker}, slots, std::chrono::microseconds(fixed_us),
                               std::chrono::microseconds(per_unit_us)});
  }
  std::string leave(std::uint32_t worker) { return handle(WorkerLeft{WorkerId{worker}}); }

  std::string submit(std::uint64_t task, Wish wish = {}) {
    TaskRecord record;
    record.id = TaskId{1, task};
    record.kind.model = ModelId{wish.model};
    record.units = wish.units;
    record.submitted = now;
    if (wish.deadline_us >= 0) record.deadline = at_us(wish.deadline_us);
    return handle(TaskSubmitted{record});
  }
  std::string cancel(std::uint64_t task) { return handle(TaskCanceled{TaskId{1, task}}); }

  // The batch that was launched as the n-th of the test, from 0; by default on the worker it is on.
  std::string finish(std::size_t batch) { return finish(batch, launches.at(batch).worker.value); }
  std::string finish(std::size_t batch, std::uint32_t worker) {
    return handle(BatchFinished{WorkerId{worker}, launches.at(batch).batch});
  }

  // Lets time pass until then, waking the lane whenever it wishes.
  std::string pass_to(std::int64_t microseconds) {
    std::string said;
    for (auto wakeup = lane.next_wakeup(); wakeup && *wakeup <= at_us(microseconds);
         wakeup = lane.next_wakeup()) {
      now = *wakeup;
      add(said, advance());
    }
    now = at_us(microseconds);
    return said;
  }
  std::string advance() {
    actions.clear();
    lane.advance(now, actions);
    return text();
  }
  std::string handle(const Event& event) {
    actions.clear();
    lane.handle(now, event, actions);
    return text();
  }

  LaneUnderTest lane;
  Instant now = at_us(0);
  Actions actions;               // of the last call
  std::vector<Launch> launches;  // all so far

 private:
  static void add(std::string& all, const std::string& more) {
    if (!all.empty() && !more.empty()) all += ' ';
    all += more;
  }
  std::string text() {
    std::string all;
    for (const Action& action : actions) {
      if (const auto* launch = std::get_if<Launch>(&action)) {
        launches.push_back(*launch);
        std::string tasks;
        for (const TaskId id : launch->tasks)
          tasks += (tasks.empty() ? "" : ",") + std::to_string(id.low);
        add(all, tasks + "@" + std::to_string(launch->worker.value));
      } else {
        const auto& refuse = std::get<Refuse>(action);
        add(all, std::to_string(refuse.task.low) + "!" + std::string(name(refuse.reason)));
      }
    }
    return all;
  }
};

}  // namespace troupe::scheduler
