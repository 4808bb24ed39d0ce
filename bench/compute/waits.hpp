// How long who comes at any instant waits for the next of some events, out of the distances between
// them: how urgent work fares that is let in at yield points.
//
// For an instant that knows nothing of the events, the chance to wait longer than t is the time
// that the distances have beyond t, over all time (the residual life of renewal theory: Feller, "An
// introduction to probability theory and its applications", volume II, section XI.4).
#pragma once

#include <cstddef>
#include <vector>

namespace troupe::bench::compute {

class Waits {
 public:
  // In any unit; none below zero.
  explicit Waits(std::vector<double> distances);

  // The wait that a share of `quantile` (0 to 1) does not exceed; NaN without distances.
  [[nodiscard]] double quantile(double quantile) const;
  [[nodiscard]] double longest() const { return sorted_.empty() ? 0 : sorted_.front(); }
  [[nodiscard]] std::size_t distances() const { return sorted_.size(); }

 private:
  std::vector<double> sorted_;  // from the longest to the shortest
  double total_ = 0;
};

}  // namespace troupe::bench::compute
