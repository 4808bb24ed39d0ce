#include "delivery/hedging.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::delivery {
namespace {

// Of the estimate, for each task: a tenth up at most, and down by as much less as is rarer.
constexpr double step = 0.1;

}  // namespace

void Quantile::saw(Duration took) noexcept {
  const double log_ns = std::log(static_cast<double>(std::max<Duration::rep>(took.count(), 2)));
  if (log_ns_ == 0)
    log_ns_ = log_ns;
  else
    log_ns_ = std::max(0.1, log_ns_ + step * (log_ns > log_ns_ ? part_ : part_ - 1));
}

Duration Quantile::value() const noexcept {
  return Duration{static_cast<Duration::rep>(std::exp(std::min(log_ns_, 43.0)))};
}

void Hedging::task() noexcept {
  saved_ = std::min(saved_max, saved_ + options_.part_of_tasks);
}

void Hedging::took(Duration from_offer_to_result) noexcept {
  samples_ = std::min(samples_ + 1, options_.samples_min);
  late_.saw(from_offer_to_result);
  usual_.saw(from_offer_to_result);
}

std::optional<Duration> Hedging::delay() const noexcept {
  if (samples_ < options_.samples_min) return std::nullopt;
  return std::max(options_.delay_min, late_.value());
}

bool Hedging::take() noexcept {
  if (saved_ < 1) return false;
  saved_ -= 1;
  return true;
}

}  // namespace troupe::delivery
