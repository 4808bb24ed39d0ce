#include "actors/busyness.hpp"

#include <algorithm>

namespace troupe::actors {
namespace {

constexpr double kept = 1 - 1.0 / 32;  // of the older ones' weight, with each batch

Duration until(Instant now, Instant begins) {
  if (begins == never) return Duration::max();
  return std::max(Duration::zero(), begins - now);
}

}  // namespace

void BusyGauge::landed(Duration busy, std::size_t tasks) {
  busy_ns_ = kept * busy_ns_ + static_cast<double>(busy.count());
  tasks_ = kept * tasks_ + static_cast<double>(tasks);
}

void BusyGauge::set(Instant now, const NodeLoad& load, std::size_t devices) {
  ordinary_begins_.store(later(now, load.ordinary), std::memory_order_relaxed);
  urgent_begins_.store(later(now, load.urgent), std::memory_order_relaxed);
  if (tasks_ == 0 || devices == 0) return;
  const double each_ns = busy_ns_ / tasks_ / static_cast<double>(devices);
  task_.store(Duration{static_cast<Duration::rep>(each_ns)}, std::memory_order_relaxed);
}

Busyness BusyGauge::read(Instant now) const {
  return {{until(now, ordinary_begins_.load(std::memory_order_relaxed)),
           until(now, urgent_begins_.load(std::memory_order_relaxed))},
          task_.load(std::memory_order_relaxed)};
}

}  // namespace troupe::actors
