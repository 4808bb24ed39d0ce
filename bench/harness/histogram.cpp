#include "bench/harness/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace troupe::bench::harness {
namespace {

// Below 2048 ns a bucket per nanosecond; above, 1024 per power of two.
constexpr unsigned step_bits = 10;
constexpr std::uint64_t steps = std::uint64_t{1} << step_bits;
constexpr std::uint64_t octaves = 37;
constexpr std::size_t buckets = (octaves + 1) * steps;

std::size_t bucket_of(Duration sample) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(0, sample.count()));
  if (ns < 2 * steps) return ns;
  const auto octave = static_cast<unsigned>(std::bit_width(ns)) - step_bits - 1;
  const std::size_t bucket = (octave + 1) * steps + ((ns >> octave) - steps);
  return std::min(bucket, buckets - 1);
}

// The largest value that a bucket holds.
Duration top_of(std::size_t bucket) noexcept {
  if (bucket < 2 * steps) return Duration{static_cast<Duration::rep>(bucket)};
  const auto octave = bucket / steps - 1;
  const std::uint64_t step = bucket % steps + steps;
  return Duration{static_cast<Duration::rep>(((step + 1) << octave) - 1)};
}

}  // namespace

LatencyHistogram::LatencyHistogram() : counts_(buckets) {}

void LatencyHistogram::add(Duration sample, std::uint64_t times) noexcept {
  counts_[bucket_of(sample)] += times;
  total_ += times;
  sum_ns_ += static_cast<double>(sample.count()) * static_cast<double>(times);
  if (times > 0) max_ = std::max(max_, sample);
}

void LatencyHistogram::merge(const LatencyHistogram& other) noexcept {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ns_ += other.sum_ns_;
  max_ = std::max(max_, other.max_);
}

Duration LatencyHistogram::quantile(double q) const noexcept {
  if (total_ == 0) return Duration::zero();
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total_) - 1e-9);
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, total_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (bucket + 1 < buckets && (seen += counts_[bucket]) < rank) ++bucket;
  return bucket + 1 == buckets ? max_ : std::min(top_of(bucket), max_);
}

Duration LatencyHistogram::mean() const noexcept {
  if (total_ == 0) return Duration::zero();
  return Duration{static_cast<Duration::rep>(sum_ns_ / static_cast<double>(total_))};
}

double LatencyHistogram::share_within(Duration limit) const noexcept {
  if (total_ == 0) return 1;
  if (limit < Duration::zero()) return 0;
  std::uint64_t seen = 0;
  for (std::size_t i = 0, last = bucket_of(limit); i <= last; ++i) seen += counts_[i];
  return static_cast<double>(seen) / static_cast<double>(total_);
}

std::vector<LatencyHistogram::CurvePoint> LatencyHistogram::curve(std::size_t points_max) const {
  std::vector<CurvePoint> points;
  if (total_ == 0) return points;
  // A point whenever the share has grown by a step, so that steep parts get most of them.
  const double step = 1.0 / static_cast<double>(std::max<std::size_t>(points_max, 2) - 1);
  std::uint64_t seen = 0;
  double told = -1;
  for (std::size_t i = 0; i < buckets && seen < total_; ++i) {
    if (counts_[i] == 0) continue;
    seen += counts_[i];
    const double share = static_cast<double>(seen) / static_cast<double>(total_);
    if (told >= 0 && share < told + step && seen < total_) continue;
    points.push_back({std::min(top_of(i), max_), share});
    told = share;
  }
  return points;
}

}  // namespace troupe::bench::harness
