// Durations counted between powers of two: what a metric's buckets need, in 200 bytes, for what a
// node has a thousand of. One owner; merge() joins the counts of several.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/time.hpp"

namespace troupe {

class OctaveHistogram {
 public:
  static constexpr std::int64_t first_us = 64;
  static constexpr std::size_t bounds = 21;  // first_us, twice as much, ... to 67 seconds

  void add(Duration sample) noexcept {
    const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(0, sample.count()) / 1000);
    const auto octave = static_cast<std::size_t>(std::bit_width(us / first_us));
    ++counts_[std::min(octave, bounds)];
    sum_ += std::max(sample, Duration::zero());
  }

  void merge(const OctaveHistogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    sum_ += other.sum_;
  }

  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t all = 0;
    for (const auto count : counts_) all += count;
    return all;
  }
  [[nodiscard]] Duration sum() const noexcept { return sum_; }

  // How many samples were below `bound`, which is one of the bounds.
  [[nodiscard]] std::uint64_t count_below(Duration bound) const noexcept {
    return count_between(Duration::zero(), bound);
  }

  // How many were below `bound` and not below `from`, each zero or one of the bounds.
  [[nodiscard]] std::uint64_t count_between(Duration from, Duration bound) const noexcept {
    std::uint64_t between = 0;
    for (std::size_t i = 0; i < bounds; ++i) {
      const Duration edge = std::chrono::microseconds(first_us << i);
      if (edge > from && edge <= bound) between += counts_[i];
    }
    return between;
  }

 private:
  std::array<std::uint64_t, bounds + 1> counts_{};  // below each bound, and above the last
  Duration sum_{};
};

}  // namespace troupe
