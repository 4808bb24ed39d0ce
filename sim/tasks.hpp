// The tasks that the world waits for: from their coming to their outcome. And how a stream's next
// one is drawn.
//
// Not thread-safe; one world owns it. Memory for as many as ever waited at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "scheduler/task.hpp"
#include "sim/options.hpp"

namespace troupe::sim {

struct LiveTask {
  scheduler::TaskRecord record;
  std::uint32_t stream = 0;
  Instant came;         // on the world's clock, as `due` is; the record speaks of the shown clock
  Instant due = never;  // its deadline
  bool measured = false;
  bool canceled = false;
};

class LiveTasks {
 public:
  // A task of a new id.
  LiveTask& add();
  // Null once it has its outcome.
  [[nodiscard]] LiveTask* find(TaskId id) noexcept;
  void forget(TaskId id);

  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size() - free_.size(); }
  template <class Visit>
  void for_each(const Visit& visit) {
    for (const LiveTask& task : tasks_)
      if (!task.record.id.is_none()) visit(task);
  }

  // Which of all tasks, in the order of their coming; for messages.
  static std::uint64_t number(TaskId id) noexcept { return id.low >> place_bits; }

 private:
  static constexpr unsigned place_bits = 24;

  std::vector<LiveTask> tasks_;  // an id's low bits are its place here
  std::vector<std::uint32_t> free_;
  std::uint64_t added_ = 0;
};

// What a task of that stream is like; its id, its units and instants are left to the caller.
struct Drawn {
  scheduler::TaskRecord record;
  Duration wanted_after = Duration::max();  // its deadline, from its coming
};
Drawn draw_task(const Stream& stream, Random& random);

}  // namespace troupe::sim
