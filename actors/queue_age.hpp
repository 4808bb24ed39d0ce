// When the task of a lane that has waited longest was submitted: what an operator asks of a queue
// that does not move.
//
// Tasks leave a queue in any order, so each stays here until it stands at the front and waits no
// more, or until more have gone than wait; that makes it a constant time for each task. The order
// is that in which they came in; a task that came back from a lost device counts as the oldest.
//
// Not thread-safe; the dispatcher owns it.
#pragma once

#include <cstddef>
#include <deque>

#include "base/id.hpp"
#include "base/time.hpp"

namespace troupe::actors {

class QueueAge {
 public:
  void entered(TaskId task, Instant submitted) { tasks_.push_back({task, submitted}); }
  void came_back(TaskId task, Instant submitted) { tasks_.push_front({task, submitted}); }

  // `never` when none waits. `waits` says of a task's id whether it does.
  template <class Waits>
  [[nodiscard]] Instant oldest(Waits waits) {
    if (tasks_.size() > kept_max_) {
      std::erase_if(tasks_, [&](const One& one) { return !waits(one.task); });
      kept_max_ = kept_max(tasks_.size());
    }
    while (!tasks_.empty() && !waits(tasks_.front().task)) tasks_.pop_front();
    return tasks_.empty() ? never : tasks_.front().submitted;
  }

  [[nodiscard]] std::size_t kept() const noexcept { return tasks_.size(); }

 private:
  struct One {
    TaskId task;
    Instant submitted;
  };
  static constexpr std::size_t kept_max(std::size_t waiting) noexcept { return 2 * waiting + 64; }

  std::deque<One> tasks_;
  std::size_t kept_max_ = kept_max(0);
};

}  // namespace troupe::actors
