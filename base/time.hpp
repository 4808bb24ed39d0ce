// Instants and durations as values.
//
// An Instant counts nanoseconds on some monotonic clock. Its clock type has no now() on purpose:
// logic takes the time as an argument, so that the simulator can drive it. The one place that reads
// the machine's clock is base/clock.hpp.
#pragma once

#include <chrono>

namespace troupe {

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock, Duration>;
  static constexpr bool is_steady = true;
};

using Instant = MonotonicClock::time_point;

// A deadline that never comes.
inline constexpr Instant never = Instant::max();

// `at + by` without overflow: `never` and far futures stay where they are.
constexpr Instant later(Instant at, Duration by) noexcept {
  return by > Duration::zero() && at > never - by ? never : at + by;
}

}  // namespace troupe
