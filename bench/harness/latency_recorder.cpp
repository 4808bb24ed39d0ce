#include "bench/harness/latency_recorder.hpp"

namespace troupe::bench::harness {

LatencyRecorder::LatencyRecorder(Window window, Duration time_limit) noexcept
    : window_(window), time_limit_(time_limit) {}

bool LatencyRecorder::counts(Duration intended) const noexcept {
  return intended >= window_.warm_up && intended < window_.end;
}

void LatencyRecorder::answered(Duration intended, Duration at) noexcept {
  if (!counts(intended)) return;
  ++answered_;
  latency_.add(at - intended);
  if (time_limit_ > Duration::zero() && at - intended > time_limit_) ++late_;
}

void LatencyRecorder::refused(Duration intended) noexcept {
  if (counts(intended)) ++refused_;
}

void LatencyRecorder::unanswered(Duration intended, Duration at) noexcept {
  if (!counts(intended)) return;
  ++unanswered_;
  latency_.add(at - intended);
}

std::uint64_t LatencyRecorder::offered() const noexcept {
  return answered_ + refused_ + unanswered_;
}

double LatencyRecorder::goodput_per_second() const noexcept {
  const double seconds = std::chrono::duration<double>(window_.end - window_.warm_up).count();
  return seconds > 0 ? static_cast<double>(answered_ - late_) / seconds : 0;
}

}  // namespace troupe::bench::harness
