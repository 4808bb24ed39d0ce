// Durations counted to three significant digits: what a benchmark reports percentiles from.
//
// base/histogram.hpp is for nodes that count all day: 3 % wide and small. Here a ratio of two
// percentiles is held against a target of 1.05, so that each must be good to a part in a thousand;
// a quarter of a megabyte for each is no matter. Range: 1 ns to about 39 hours; what lies outside
// is counted at the edge. Not thread-safe: one per thread, merge() joins them.
//
// Source: HdrHistogram (Tene).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace troupe::bench::harness {

class LatencyHistogram {
 public:
  LatencyHistogram();

  void add(Duration sample) noexcept { add(sample, 1); }
  void add(Duration sample, std::uint64_t times) noexcept;
  void merge(const LatencyHistogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }

  // The smallest recorded value, exact to its bucket, that the share `q` (0 to 1) of all samples
  // does not exceed; never below the true one, at most a thousandth above. Zero without samples.
  [[nodiscard]] Duration quantile(double q) const noexcept;
  // Exact; zero without samples.
  [[nodiscard]] Duration mean() const noexcept;
  [[nodiscard]] Duration max() const noexcept { return max_; }
  // The share of samples that are at most `limit`, to the bucket; 1 without samples.
  [[nodiscard]] double share_within(Duration limit) const noexcept;

  struct CurvePoint {
    Duration value;
    double share = 0;  // of samples that are at most `value`
  };
  // The cumulative distribution in at most `points_max` points (at least 2), those that move it
  // most, the first and the last sample included; empty without samples.
  [[nodiscard]] std::vector<CurvePoint> curve(std::size_t points_max = 300) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  double sum_ns_ = 0;
  Duration max_{};
};

}  // namespace troupe::bench::harness
