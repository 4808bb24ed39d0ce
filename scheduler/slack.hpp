// How long a device that cannot be entered may be busy with ordinary work at a stretch.
//
// A controller on what urgent tasks with a deadline experience: when more than one in a hundred
// needed over nine tenths of the time it had, ordinary batches become 0.7 times as long; after a
// clean window, 1.05 times. At least 200 outcomes a step, so that it follows the load and not the
// noise. Without such tasks it stays wide open.
//
// Not thread-safe; one scheduler owns it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace troupe::scheduler {

class Slack {
 public:
  // An urgent task's part of its time that it needed: 1 and more is too late.
  void observe(double part, Duration least, Duration most) noexcept {
    ++seen_;
    if (part > tight) ++tight_seen_;
    if (seen_ < window) return;
    const bool too_slow = tight_seen_ * 100 > seen_;
    const double now = std::min(limit_ns_, static_cast<double>(most.count()));
    limit_ns_ = std::max(now * (too_slow ? 0.7 : 1.05), static_cast<double>(least.count()));
    if (!too_slow && limit_ns_ >= static_cast<double>(most.count())) limit_ns_ = unlimited_ns;
    seen_ = tight_seen_ = 0;
  }

  [[nodiscard]] Duration limit() const noexcept {
    return Duration{static_cast<Duration::rep>(limit_ns_)};
  }

 private:
  static constexpr double unlimited_ns = 1e15;
  static constexpr double tight = 0.9;
  static constexpr std::uint32_t window = 200;
  double limit_ns_ = unlimited_ns;
  std::uint32_t seen_ = 0;
  std::uint32_t tight_seen_ = 0;
};

}  // namespace troupe::scheduler
