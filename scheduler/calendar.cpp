#include "scheduler/calendar.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::scheduler {

// Twice as long, so that each slot holds two of the old ones.
void Calendar::widen() noexcept {
  std::array<double, slots> wider{};
  const std::int64_t first = first_ / 2;
  for (std::int64_t old = first_; old < first_ + static_cast<std::int64_t>(slots); ++old)
    wider[static_cast<std::size_t>(old / 2) % slots] += at(old);
  work_ = wider;
  first_ = first;
  width_ns_ *= 2;
}

// What was due before `number` and is not done yet is due now.
void Calendar::advance(std::int64_t number) noexcept {
  if (number <= first_) return;
  double overdue = 0;
  const std::int64_t gone = std::min(number - first_, static_cast<std::int64_t>(slots));
  for (std::int64_t i = 0; i < gone; ++i) {
    overdue += at(first_ + i);
    at(first_ + i) = 0;
  }
  first_ = number;
  at(first_) += overdue;
}

std::int64_t Calendar::place(Instant deadline) const noexcept {
  return std::clamp(number(deadline), first_, first_ + static_cast<std::int64_t>(slots) - 1);
}

void Calendar::add(Instant now, Instant deadline, double work_ns) {
  advance(number(now));
  constexpr std::int64_t width_max = std::int64_t{1} << 40;
  while (number(deadline) - first_ >= static_cast<std::int64_t>(slots) && width_ns_ < width_max) {
    widen();
    advance(number(now));
  }
  at(place(deadline)) += work_ns;
}

void Calendar::remove(Instant deadline, double work_ns) {
  // Rounding must not leave a slot below nothing.
  double& slot = at(place(deadline));
  slot = std::max(slot - work_ns, 0.0);
}

Duration Calendar::lacking(const Ask& ask) const noexcept {
  const std::int64_t own = place(ask.deadline);
  const auto now_ns = static_cast<double>(ask.now.time_since_epoch().count());
  double work = ask.ahead_ns;
  double worst_ns = 0;
  for (std::int64_t i = first_; i < first_ + static_cast<std::int64_t>(slots); ++i) {
    const double here = at(i);
    work += here;
    if (i < own) continue;
    if (i == own) work += ask.work_ns;
    if (i > own && here == 0) continue;
    const double due_ns = i == own ? static_cast<double>((ask.deadline - ask.now).count())
                                   : static_cast<double>(i * width_ns_) - now_ns;
    worst_ns = std::max(worst_ns, work / ask.devices + ask.slack_ns - due_ns);
  }
  return Duration{static_cast<Duration::rep>(std::ceil(worst_ns))};
}

}  // namespace troupe::scheduler
