// What a batch takes of a device, learned from what earlier ones took.
//
// One model per worker and kind. It begins with a guess and follows `fixed + per_unit * units` by a
// Kalman filter over the two coefficients, whose drift keeps it learning; where a size has been
// seen often enough, a table of corrections by size overrides the line (devices make steps), kept
// from ever saying that more work takes less time. A relative residual's 99th percentile makes
// upper(). A two-sided cumulative sum of the residuals (Page 1954) finds a change of the device:
// then the coefficients are free again and the table is dropped, so that a step is learned from the
// next few batches. One outlier moves nothing much: residuals are clipped at four deviations.
//
// Not thread-safe; one scheduler owns it. Constant memory; predict() is O(1), observe() walks the
// table once.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace troupe::scheduler {

class CostModel {
 public:
  CostModel() = default;
  CostModel(Duration fixed, Duration per_unit) { guess(fixed, per_unit); }

  // Replaces the first guess; without effect once batches have been measured.
  void guess(Duration fixed, Duration per_unit);

  // A batch of that size took that long. Zero and negative times are ignored.
  void observe(std::uint64_t units, Duration busy);

  // What a batch of that size should take; at least a nanosecond, and never an overflow.
  [[nodiscard]] Duration predict(std::uint64_t units) const noexcept;
  // What 99 of 100 such batches should not exceed.
  [[nodiscard]] Duration upper(std::uint64_t units) const noexcept;

  [[nodiscard]] Duration fixed() const noexcept { return predict(1) - per_unit(); }
  [[nodiscard]] Duration per_unit() const noexcept;
  [[nodiscard]] std::uint64_t observations() const noexcept { return observations_; }
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

 private:
  static constexpr float longest_ns = 3.6e12F;  // an hour: what a prediction may say at most
  static constexpr std::size_t steps_per_octave = 8;
  static constexpr std::size_t buckets = 24 * steps_per_octave;

  struct Bucket {
    float ratio = 1;  // measured over the line, smoothed
    std::uint32_t count = 0;
    float least_ns = 0;          // what smaller known sizes take at most
    float most_ns = longest_ns;  // what larger known sizes take at least
  };

  static std::size_t bucket_of(std::uint64_t units) noexcept;
  [[nodiscard]] double line(double units) const noexcept;
  static double first_size(std::size_t bucket) noexcept;
  void learn_line(double units, double measured);
  void keep_monotone() noexcept;
  void start_over(double ratio);

  double fixed_ns_ = 0;
  double per_unit_ns_ = 0;
  double variance_[2][2] = {};  // of the two, relative to nothing: in ns^2
  std::array<Bucket, buckets> table_{};
  double deviation_ = 0.1;  // relative, smoothed
  double q99_ = 0.1;        // relative residual
  double rise_ = 0;         // the two cumulative sums, in deviations
  double fall_ = 0;
  std::uint64_t observations_ = 0;
  std::uint64_t since_change_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace troupe::scheduler
