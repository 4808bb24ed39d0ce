#include "bench/report/axis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/report/number.hpp"

namespace troupe::bench::report {
namespace {

constexpr int ticks_wanted = 6;
// What a double still tells apart from its neighbours when ticks are laid through it.
constexpr double size_max = 1e100;

double nice_step(double span) {
  const double raw = span / ticks_wanted;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double lead = raw / power;
  return (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power;
}

}  // namespace

Ruler::Ruler(const Axis& axis, std::span<const double> values, bool from_zero, double from,
             double to)
    : scale_(axis.scale), from_(from), to_(to) {
  range(axis, values, from_zero);
  if (scale_ == Scale::log)
    log_ticks(axis);
  else
    linear_ticks(axis);
}

bool Ruler::shows(double value) const noexcept {
  return std::isfinite(value) && std::abs(value) <= size_max &&
         (scale_ == Scale::linear || value > 1 / size_max);
}

void Ruler::range(const Axis& axis, std::span<const double> values, bool from_zero) {
  double low = std::numeric_limits<double>::max();
  double high = std::numeric_limits<double>::lowest();
  for (const double value : values) {
    if (!shows(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (axis.low && shows(*axis.low)) low = *axis.low;
  if (axis.high && shows(*axis.high)) high = *axis.high;
  if (low > high) {  // nothing to show
    low = 1;
    high = 10;
  }
  if (scale_ == Scale::linear) {
    if (from_zero && !axis.low && low > 0 && low < 0.6 * high) low = 0;
    if (from_zero && !axis.high && high < 0) high = 0;
    // Too close together for ticks between them.
    const double gap_min = 1e-9 * std::max({std::abs(low), std::abs(high), 1e-100});
    if (high - low < gap_min) {
      high = std::max(high, 0.0);
      low = std::min(low, 0.0);
      if (high - low < gap_min) high = low + 1;
    }
  } else if (high / low < 1.0001) {
    low /= 2;
    high *= 2;
  }
  low_ = low;
  high_ = high;
}

void Ruler::linear_ticks(const Axis& axis) {
  const double step = nice_step(high_ - low_);
  const double first = std::floor(low_ / step + 1e-9);
  const double last = std::ceil(high_ / step - 1e-9);
  // An axis ends on a tick, but where its end was asked for.
  if (!axis.low) low_ = first * step;
  if (!axis.high) high_ = last * step;
  const double slack = step * 1e-6;
  for (double i = first; i <= last; ++i) {
    const double value = i == 0 ? 0 : i * step;
    if (value >= low_ - slack && value <= high_ + slack)
      ticks_.push_back({value, tick_text(value)});
  }
}

void Ruler::log_ticks(const Axis& axis) {
  const double decades = std::log10(high_ / low_);
  const bool only_powers = decades > 3;  // get a label
  const auto nearest = [&](double value, bool below) {
    const double power = std::pow(10, std::floor(std::log10(value) + 1e-9));
    double found = below ? power : power * 10;
    for (const int lead : {1, 2, 5}) {
      const double candidate = lead * power;
      if (below && candidate <= value * (1 + 1e-9)) found = std::max(found, candidate);
      if (!below && candidate >= value * (1 - 1e-9)) found = std::min(found, candidate);
    }
    return found;
  };
  if (!axis.low) low_ = nearest(low_, true);
  if (!axis.high) high_ = nearest(high_, false);
  const int first = static_cast<int>(std::floor(std::log10(low_) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high_) - 1e-9));
  const int stride = std::max(1, (last - first) / 10);  // of the labels on very long axes
  for (int power = first; power <= last; ++power)
    for (int lead = 1; lead < 10; ++lead) {
      const double value = lead * std::pow(10, power);
      if (value < low_ * (1 - 1e-9) || value > high_ * (1 + 1e-9)) continue;
      const bool labelled =
          lead == 1 ? (power - first) % stride == 0 : !only_powers && (lead == 2 || lead == 5);
      if (labelled || stride == 1) ticks_.push_back({value, labelled ? tick_text(value) : ""});
    }
}

double Ruler::place(double value) const noexcept {
  const double inside = std::clamp(value, low_, high_);
  const double share = scale_ == Scale::log ? std::log(inside / low_) / std::log(high_ / low_)
                                            : (inside - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

}  // namespace troupe::bench::report
