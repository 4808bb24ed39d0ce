#include "bench/compute/waits.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

namespace troupe::bench::compute {

Waits::Waits(std::vector<double> distances) : sorted_(std::move(distances)) {
  std::sort(sorted_.begin(), sorted_.end(), std::greater<>());
  total_ = std::accumulate(sorted_.begin(), sorted_.end(), 0.0);
}

double Waits::quantile(double quantile) const {
  // The first k distances are longer than t and have (their sum - k t) beyond it: solved for t, and
  // k is right when the next distance is no longer than that.
  const double beyond = (1 - quantile) * total_;
  double sum = 0;
  for (std::size_t k = 1; k <= sorted_.size(); ++k) {
    sum += sorted_[k - 1];
    const double wait = (sum - beyond) / static_cast<double>(k);
    if (k == sorted_.size() || wait >= sorted_[k]) return std::max(wait, 0.0);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace troupe::bench::compute
