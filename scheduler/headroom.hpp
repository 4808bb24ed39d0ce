// How much of the devices' time urgent work may take for itself.
//
// A task that runs alone takes a batch's whole fixed cost; at the head of an ordinary batch it
// takes only its own part. The difference is what running alone wastes: an urgent task wants it,
// everybody pays for it. It is allowed while all urgent tasks, each alone, would waste no more than
// half of the time that ordinary work in full batches leaves, or the reserved share, whichever is
// more: then ordinary work is hardly touched. Beyond that urgent tasks ride. The answer changes
// only when the demand is clearly over or under, so that the lanes do not flap.
//
// Single tasks whose deadline riding would miss may still draw on a share that is kept for them.
//
// Not thread-safe; one scheduler owns it.
#pragma once

#include <algorithm>

#include "scheduler/rate.hpp"

namespace troupe::scheduler {

class Headroom {
 public:
  static constexpr double reserved_share = 0.05;
  static constexpr double rescue_share = 0.1;

  void remember(Duration memory) noexcept {
    ordinary_.remember(memory);
    urgent_.remember(memory);
  }
  // Work that came: device time in full batches, and what it wastes if run alone.
  void ordinary_came(Instant now, double work_ns) noexcept { ordinary_.add(now, work_ns); }
  void urgent_came(Instant now, double wasted_ns) noexcept { urgent_.add(now, wasted_ns); }

  // Of one device's time, for each of so many; nothing until it has been seen for a while.
  [[nodiscard]] double load(Instant now, double devices) const noexcept {
    return ordinary_.is_young(now) ? 0 : ordinary_.per_ns(now) / std::max(devices, 1e-9);
  }

  // Whether urgent tasks run by themselves.
  bool alone(Instant now, double devices) noexcept {
    const double budget = std::max(reserved_share, 0.5 * (1 - load(now, devices)));
    const double demand = urgent_.per_ns(now) / std::max(devices, 1e-9);
    constexpr double clearly = 1.15;
    alone_ = demand <= (alone_ ? budget * clearly : budget / clearly);
    return alone_;
  }

  // Takes `wasted_ns` from the share kept for tasks that cannot ride, if it is there.
  bool draw(Instant now, double devices, double wasted_ns) noexcept {
    if (now > drawn_) {
      credit_ns_ += rescue_share * devices * static_cast<double>((now - drawn_).count());
      drawn_ = now;
    }
    constexpr double tasks_max = 4;  // that may draw at once after a quiet time
    credit_ns_ = std::min(credit_ns_, tasks_max * wasted_ns);
    if (credit_ns_ < wasted_ns) return false;
    credit_ns_ -= wasted_ns;
    return true;
  }

 private:
  Rate ordinary_;
  Rate urgent_;
  bool alone_ = true;
  double credit_ns_ = 0;
  Instant drawn_;
};

}  // namespace troupe::scheduler
