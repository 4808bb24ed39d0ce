#include "scheduler/cost_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace troupe::scheduler {
namespace {

constexpr double drift = 0.01;             // of a coefficient, per batch, relative
constexpr double deviation_min = 0.01;     // below it a residual is called noise
constexpr double clip = 4;                 // deviations that one residual can count
constexpr double sum_slack = 0.75;         // deviations that a residual may have without adding up
constexpr double sum_limit = 8;            // deviations that say the device has changed
constexpr std::uint32_t bucket_trust = 4;  // measurements before a size has its own correction

}  // namespace

void CostModel::guess(Duration fixed, Duration per_unit) {
  if (observations_ > 0) return;
  fixed_ns_ = std::max(static_cast<double>(fixed.count()), 0.0);
  per_unit_ns_ = std::max(static_cast<double>(per_unit.count()), 0.0);
  start_over(1);
}

// The coefficients may be wrong by as much again as they are.
void CostModel::start_over(double ratio) {
  fixed_ns_ *= ratio;
  per_unit_ns_ *= ratio;
  const double fixed_doubt = std::max(fixed_ns_, 100.0);
  const double unit_doubt = std::max(per_unit_ns_, 1.0);
  variance_[0][0] = fixed_doubt * fixed_doubt;
  variance_[1][1] = unit_doubt * unit_doubt;
  variance_[0][1] = variance_[1][0] = 0;
  table_.fill({});
  rise_ = fall_ = 0;
  since_change_ = 0;
}

double CostModel::line(double units) const noexcept {
  return std::clamp(fixed_ns_ + per_unit_ns_ * units, 1.0, static_cast<double>(longest_ns));
}

std::size_t CostModel::bucket_of(std::uint64_t units) noexcept {
  if (units < steps_per_octave) return units;
  const auto octave = static_cast<std::size_t>(std::bit_width(units)) - 1;
  const std::size_t step = (units >> (octave - 3)) - steps_per_octave;
  return std::min((octave - 2) * steps_per_octave + step, buckets - 1);
}

void CostModel::observe(std::uint64_t units, Duration busy) {
  if (busy <= Duration::zero()) return;
  const double n = static_cast<double>(std::max<std::uint64_t>(units, 1));
  const double measured =
      std::min(static_cast<double>(busy.count()), static_cast<double>(longest_ns));
  const double predicted = static_cast<double>(predict(units).count());
  if (observations_ == 0 && predicted <= 1) {  // nobody guessed: half of it is fixed, for now
    fixed_ns_ = measured / 2;
    per_unit_ns_ = measured / 2 / n;
    start_over(1);
  }
  ++observations_;
  ++since_change_;

  const double residual = std::log(measured / std::max(predicted, 1.0));
  const double sigma = std::max(deviation_, deviation_min);
  const double z = std::clamp(residual / sigma, -clip, clip);
  constexpr std::uint64_t settling = 4;  // the first few tell what is normal
  if (since_change_ > settling) {
    rise_ = std::max(0.0, rise_ + z - sum_slack);
    fall_ = std::max(0.0, fall_ - z - sum_slack);
    if (std::max(rise_, fall_) > sum_limit) {
      ++changes_;
      start_over(measured / std::max(predicted, 1.0));
      return;
    }
    deviation_ += 0.05 * (std::abs(z * sigma) * 1.25 - deviation_);
  } else {
    deviation_ += 0.25 * (std::clamp(std::abs(residual), deviation_min, 0.25) * 1.25 - deviation_);
  }
  // The percentile by steps: 99 down for each 1 up (Robbins and Monro 1951).
  const double step = 0.2 * sigma;
  q99_ = std::clamp(q99_ + (residual > q99_ ? 0.99 * step : -0.01 * step), deviation_min, 4.0);

  // The first ones are taken as they are: nothing is known yet that they could be outliers of.
  const double believed = since_change_ > settling ? predicted * std::exp(z * sigma) : measured;
  learn_line(n, believed);
  Bucket& bucket = table_[bucket_of(units)];
  const double ratio = believed / line(n);
  ++bucket.count;
  const double gain = std::max(1.0 / bucket.count, 0.1);
  bucket.ratio += static_cast<float>(gain * (ratio - static_cast<double>(bucket.ratio)));
  keep_monotone();
}

double CostModel::first_size(std::size_t bucket) noexcept {
  if (bucket < steps_per_octave) return static_cast<double>(std::max<std::size_t>(bucket, 1));
  const auto octave = static_cast<int>(bucket / steps_per_octave);
  return std::ldexp(static_cast<double>(steps_per_octave + bucket % steps_per_octave), octave - 1);
}

// Bounds that grow with the size, so that whatever the line says between them does, too.
void CostModel::keep_monotone() noexcept {
  float least = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    table_[i].least_ns = least;
    if (table_[i].count >= bucket_trust)
      least = std::max(least, table_[i].ratio * static_cast<float>(line(first_size(i + 1) - 1)));
  }
  float most = longest_ns;
  for (std::size_t i = buckets; i-- > 0;) {
    Bucket& bucket = table_[i];
    bucket.most_ns = std::max(most, bucket.least_ns);
    if (bucket.count >= bucket_trust)
      most = std::min(
          bucket.most_ns,
          std::max(bucket.ratio * static_cast<float>(line(first_size(i))), bucket.least_ns));
  }
}

void CostModel::learn_line(double units, double measured) {
  variance_[0][0] += std::pow(drift * fixed_ns_, 2);
  variance_[1][1] += std::pow(drift * per_unit_ns_, 2);
  const double noise = std::pow(std::max(deviation_, deviation_min) * measured, 2);
  const double p0 = variance_[0][0] + variance_[0][1] * units;
  const double p1 = variance_[1][0] + variance_[1][1] * units;
  const double total = p0 + p1 * units + noise;
  const double gain0 = p0 / total;
  const double gain1 = p1 / total;
  const double error = measured - (fixed_ns_ + per_unit_ns_ * units);
  fixed_ns_ = std::max(fixed_ns_ + gain0 * error, 0.0);
  per_unit_ns_ = std::max(per_unit_ns_ + gain1 * error, 0.0);
  variance_[0][0] -= gain0 * p0;
  variance_[0][1] -= gain0 * p1;
  variance_[1][1] -= gain1 * p1;
  variance_[1][0] = variance_[0][1];
}

Duration CostModel::predict(std::uint64_t units) const noexcept {
  const Bucket& bucket = table_[bucket_of(units)];
  double cost = line(static_cast<double>(std::max<std::uint64_t>(units, 1)));
  if (bucket.count >= bucket_trust) cost *= static_cast<double>(bucket.ratio);
  cost =
      std::clamp(cost, static_cast<double>(bucket.least_ns), static_cast<double>(bucket.most_ns));
  return Duration{static_cast<Duration::rep>(std::max(cost, 1.0))};
}

Duration CostModel::upper(std::uint64_t units) const noexcept {
  const double cost = static_cast<double>(predict(units).count()) * (1 + q99_);
  return Duration{static_cast<Duration::rep>(std::min(cost, static_cast<double>(longest_ns)))};
}

Duration CostModel::per_unit() const noexcept {
  return Duration{static_cast<Duration::rep>(per_unit_ns_)};
}

}  // namespace troupe::scheduler
