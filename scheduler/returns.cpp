#include "scheduler/returns.hpp"

#include <algorithm>

namespace troupe::scheduler {
namespace {

constexpr double gain = 0.2;            // of one window
constexpr double outside_windows = 50;  // how many the outside rate remembers, about

double ns(Duration duration) noexcept {
  return static_cast<double>(duration.count());
}

}  // namespace

void Returns::arrived(Instant now) noexcept {
  if (open_ && now - opened_ > window_) close(now);
  if (open_) {
    came_ += 1;
    // Only as many as can have come back tell how long that takes.
    if (came_ <= ended_) last_ns_ = ns(now - opened_);
  } else {
    outside_came_ += 1;
  }
}

void Returns::ended(Instant now, std::size_t tasks) noexcept {
  if (open_) close(now);
  if (outside_begun_) {
    outside_ns_ += ns(std::max(now, closed_) - closed_);
    constexpr double keep = 1 - 1 / outside_windows;
    outside_ns_ *= keep;
    outside_came_ *= keep;
  }
  open_ = true;
  opened_ = now;
  ended_ = static_cast<double>(tasks);
  came_ = last_ns_ = 0;
}

// The window is over, at its end or because another batch has ended before it.
void Returns::close(Instant now) noexcept {
  const Instant end = std::min(opened_ + window_, now);
  const double outside = outside_ns_ > 0 ? outside_came_ / outside_ns_ : 0;
  const double extra = came_ - outside * ns(end - opened_);
  const double part = std::clamp(extra / std::max(ended_, 1.0), 0.0, 1.0);
  part_ += gain * (part - part_);
  if (came_ > 0) delay_ns_ = std::max(last_ns_, delay_ns_ + gain * (last_ns_ - delay_ns_));
  open_ = false;
  closed_ = end;
  outside_begun_ = true;
}

Returns::Expected Returns::expected(Instant now) const noexcept {
  if (!open_ || !come_back()) return {};
  const auto patience = Duration{static_cast<Duration::rep>(delay_ns_ * 1.5)};
  const Instant until = opened_ + std::min(patience + std::chrono::microseconds(20), window_);
  const double tasks = part_ * ended_ - came_;
  if (now >= until || tasks < 0.5) return {};
  return {tasks, until};
}

}  // namespace troupe::scheduler
