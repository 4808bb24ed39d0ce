// Why the last few thousand tasks waited and ran as they did, for `troupe explain`. A ring: the
// oldest is forgotten. Written by the dispatcher, a batch at a time; read by whoever asks. One
// mutex, held for microseconds.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/task.hpp"
#include "scheduler/task.hpp"

namespace troupe::actors {

struct TracedTask;

struct Explanation {
  scheduler::TaskRecord record;  // as it was submitted
  TaskId known_as;               // by whoever asked; on the node itself it is record.id
  Timing timing;
  bool ok = false;
  ErrorCode error = ErrorCode::internal;       // unless ok
  Duration retry_after{};                      // of a refusal that says so; else zero
  Duration earliest_deadline{};                // likewise, from the moment of the refusal
  bool raised = false;                         // somebody urgent waited for it
  std::shared_ptr<const TracedTask> traced{};  // null unless it belongs to a trace
};

class Explanations {
 public:
  static constexpr std::size_t tasks_max = 4096;

  void add(const std::vector<Explanation>& more);

  // The youngest of that id, by either of its names.
  [[nodiscard]] std::optional<Explanation> find(TaskId id) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Explanation> ring_;  // guarded by mutex_
  std::size_t next_ = 0;           // guarded by mutex_
};

}  // namespace troupe::actors
