// How much of something comes per nanosecond, with an exponentially fading memory.
//
// Right from the first arrivals on: the memory's length counts only as far as it has lived. Not
// thread-safe.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/time.hpp"

namespace troupe::scheduler {

class Rate {
 public:
  // How long it remembers. May change while it lives; longer memories forget what they forgot.
  void remember(Duration memory) noexcept {
    memory_ns_ = std::max(static_cast<double>(memory.count()), 1.0);
  }

  void add(Instant now, double amount) noexcept {
    if (sum_ == 0 && !begun_) {
      begun_ = true;
      first_ = last_ = now;
      opening_ = amount;
    }
    fade(now);
    sum_ += amount;
  }

  [[nodiscard]] double per_ns(Instant now) const noexcept {
    if (!begun_) return 0;
    const double since_last = ns(std::max(now, last_) - last_);
    const double life = ns(std::max(now, last_) - first_);
    // The first arrival only opens the window: it takes two to tell a rate.
    const double opened = opening_ * std::exp(-life / memory_ns_);
    const double faded = sum_ * std::exp(-since_last / memory_ns_) - opened;
    // What the weights add up to over the life so far, but no less than a part of the memory.
    const double weight = memory_ns_ * (1 - std::exp(-life / memory_ns_));
    return std::max(faded, 0.0) / std::max(weight, memory_ns_ * 0.3);
  }

  // It has not lived for as long as it remembers.
  [[nodiscard]] bool is_young(Instant now) const noexcept {
    return !begun_ || ns(std::max(now, last_) - first_) < memory_ns_;
  }
  [[nodiscard]] Instant last() const noexcept { return last_; }
  [[nodiscard]] bool begun() const noexcept { return begun_; }

 private:
  static double ns(Duration duration) noexcept { return static_cast<double>(duration.count()); }
  void fade(Instant now) noexcept {
    if (now <= last_) return;
    sum_ *= std::exp(-ns(now - last_) / memory_ns_);
    last_ = now;
  }

  double memory_ns_ = 1e8;
  double sum_ = 0;
  double opening_ = 0;
  Instant first_;
  Instant last_;
  bool begun_ = false;
};

}  // namespace troupe::scheduler
