// When each of many things wants to be looked at again: one moment each, moved at will.
//
// Not thread-safe. O(log n). Things that are due at the same moment come in the order of their
// keys, so that a run can be repeated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/id.hpp"
#include "base/time.hpp"

namespace troupe::delivery {

// `part` tells things of one task apart: an executor has it once for each origin.
struct TimerKey {
  std::uint32_t part = 0;
  TaskId task;
  auto operator<=>(const TimerKey&) const = default;
};

class Timetable {
 public:
  // `never` takes it off.
  void set(const TimerKey& key, Instant at);
  void clear(const TimerKey& key) { set(key, never); }

  // Takes off the next one that is due, if any is.
  std::optional<TimerKey> pop(Instant now);
  [[nodiscard]] std::optional<Instant> next() const;

 private:
  std::set<std::pair<Instant, TimerKey>> order_;
  std::map<TimerKey, Instant> when_;
};

}  // namespace troupe::delivery
