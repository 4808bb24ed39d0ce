// Durations counted in buckets of 1 us or 3 % width, whichever is more: percentiles of millions of
// samples in a few kilobytes. One owner; merge() joins the counts of several.
//
// Source: the log-linear buckets of HdrHistogram (Tene). Range: 1 us to about 19 hours; what lies
// outside is counted at the edge.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/time.hpp"

namespace troupe {

class DurationHistogram {
 public:
  void add(Duration sample) noexcept {
    ++counts_[bucket_of(sample)];
    ++total_;
    sum_ += std::clamp<Duration>(sample, Duration::zero(), sample_max);
  }

  void merge(const DurationHistogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    sum_ += other.sum_;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }

  // Of all samples, not rounded; one outside the range counts as its edge.
  [[nodiscard]] Duration sum() const noexcept { return sum_; }

  // How many samples were below `bound`. Exact where the bound is a power of two of microseconds,
  // which every bucket respects; elsewhere the bucket that holds the bound is left out.
  [[nodiscard]] std::uint64_t count_below(Duration bound) const noexcept {
    return count_between(Duration::zero(), bound);
  }

  // How many were below `bound` and not below `from`, in the same sense: for one bound after the
  // other.
  [[nodiscard]] std::uint64_t count_between(Duration from, Duration bound) const noexcept {
    std::uint64_t between = 0;
    for (std::size_t i = buckets_below(from); i < buckets_below(bound); ++i) between += counts_[i];
    return between;
  }

  // The upper edge of the bucket in which the share `q` (0 to 1) of all samples is reached; zero
  // when there are none.
  [[nodiscard]] Duration quantile(double q) const noexcept {
    if (total_ == 0) return Duration::zero();
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(total_ - 1)) + 1;
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    while (bucket + 1 < counts_.size() && (seen += counts_[bucket]) < wanted) ++bucket;
    return upper_edge(bucket);
  }

 private:
  static constexpr Duration sample_max = std::chrono::hours(19);
  static constexpr std::size_t steps = 32;    // buckets per power of two
  static constexpr std::size_t octaves = 32;  // powers of two of microseconds

  // Values below `steps` microseconds have a bucket each; above, the five bits that follow the
  // leading one choose it.
  static std::size_t bucket_of(Duration sample) noexcept {
    const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(0, sample.count()) / 1000);
    if (us < steps) return us;
    const auto octave = static_cast<std::size_t>(std::bit_width(us)) - 6;
    const std::size_t bucket = (octave + 1) * steps + ((us >> octave) & (steps - 1));
    return std::min(bucket, steps * octaves - 1);
  }

  // How many buckets lie below it altogether.
  static std::size_t buckets_below(Duration bound) noexcept {
    const std::size_t bucket = bucket_of(bound);
    return upper_edge(bucket) <= bound ? bucket + 1 : bucket;
  }

  static Duration upper_edge(std::size_t bucket) noexcept {
    const std::size_t octave = bucket / steps;
    const std::uint64_t step = bucket % steps;
    const std::uint64_t us = octave == 0 ? step + 1 : (steps + step + 1) << (octave - 1);
    return std::chrono::microseconds(us);
  }

  std::array<std::uint64_t, steps * octaves> counts_{};
  std::uint64_t total_ = 0;
  Duration sum_{};
};

}  // namespace troupe
