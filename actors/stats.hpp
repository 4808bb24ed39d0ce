// What a node counts about its lanes, for `troupe status` and the scenarios' reports. Written by
// the lanes' actors, read by whoever asks; one mutex, held for microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/histogram.hpp"
#include "base/task.hpp"

namespace troupe::actors {

struct LaneStats {
  std::uint64_t accepted = 0;
  std::uint64_t completed = 0;
  std::map<std::string, std::uint64_t> failed;  // by error code
  std::uint64_t batches = 0;
  std::map<std::uint32_t, std::uint64_t> batch_tasks;  // how many batches had that many tasks
  std::uint64_t yields = 0;                            // times a batch let urgent work in
  DurationHistogram queue;
  DurationHistogram total;     // queue and compute together
  std::uint64_t queued = 0;    // now
  std::uint64_t launched = 0;  // now
};

class Stats {
 public:
  template <class Change>
  void update(Lane lane, Change change) {
    const std::lock_guard lock(mutex_);
    change(lanes_[static_cast<std::size_t>(lane)]);
  }

  [[nodiscard]] LaneStats read(Lane lane) const {
    const std::lock_guard lock(mutex_);
    return lanes_[static_cast<std::size_t>(lane)];
  }

 private:
  mutable std::mutex mutex_;
  std::array<LaneStats, lane_count> lanes_;
};

}  // namespace troupe::actors
