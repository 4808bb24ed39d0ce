// What a node counts about its lanes, for `troupe status` and the scenarios' reports. Written by
// the dispatcher, a batch at a time; read by whoever asks. One mutex, held for microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "base/limits.hpp"
#include "base/task.hpp"

namespace troupe::actors {

struct LaneStats {
  std::uint64_t accepted = 0;   // by the lane that was asked for; ordinary where none was
  std::uint64_t completed = 0;  // this and what follows by the lane that carried it
  std::map<ErrorCode, std::uint64_t> failed;
  std::uint64_t batches = 0;
  // How many batches had that many tasks.
  std::vector<std::uint64_t> batch_tasks =
      std::vector<std::uint64_t>(limits::tasks_per_batch_max + 1);
  std::uint64_t yields = 0;  // times a batch let urgent work in
  DurationHistogram queue;   // batch_wait included
  DurationHistogram batch_wait;
  DurationHistogram total;     // from admission to the result
  std::uint64_t queued = 0;    // now; by the lane that was asked for
  std::uint64_t launched = 0;  // likewise
};

struct NodeStats {
  std::array<LaneStats, lane_count> lanes;
  std::array<std::uint64_t, launch_reasons> reasons{};  // of launches
  std::uint64_t inside = 0;                             // launches that entered a running batch

  [[nodiscard]] LaneStats& of(Lane lane) { return lanes[static_cast<std::size_t>(lane)]; }
};

class Stats {
 public:
  template <class Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(stats_);
  }

  [[nodiscard]] NodeStats read() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  NodeStats stats_;
};

}  // namespace troupe::actors
