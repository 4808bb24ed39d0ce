#include "sim/report.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::sim {

Duration percentile(std::vector<Duration>& values, double share) {
  if (values.empty()) return Duration::zero();
  const double place = std::ceil(share * static_cast<double>(values.size())) - 1;
  const auto index =
      static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(values.size() - 1)));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace troupe::sim
