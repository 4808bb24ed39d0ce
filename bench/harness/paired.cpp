#include "bench/harness/paired.hpp"

#include <algorithm>
#include <limits>

#include "bench/report/number.hpp"

namespace troupe::bench::harness {

Spread spread_of(std::vector<double> values) {
  if (values.empty()) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, nan};
  }
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

Comparison compare(std::span<const std::pair<double, double>> pairs) {
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> ratio;
  for (const auto& [one, other] : pairs) {
    a.push_back(one);
    b.push_back(other);
    if (other != 0) ratio.push_back(one / other);
  }
  return {spread_of(std::move(a)), spread_of(std::move(b)), spread_of(std::move(ratio))};
}

std::string spread_text(const Spread& spread) {
  return report::number_text(spread.median) + " (" + report::number_text(spread.low) + " to " +
         report::number_text(spread.high) + ")";
}

}  // namespace troupe::bench::harness
